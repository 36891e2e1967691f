// Mounting a machine's files where programs look for them.
#include "fakedriver/enter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fakedriver/machine.h"

namespace kerf::fakedriver {

namespace {

namespace fs = std::filesystem;

Result<void> system_call(int outcome, const std::string& what) {
  if (outcome == 0) return {};
  const bool root = ::geteuid() == 0;
  return fail(ErrorCode::Unavailable, fmt::format("{}: {}{}", what, std::strerror(errno),
                                                  root ? "" : " (this needs root)"));
}

Result<void> mount_to(const std::string& source, const std::string& target, unsigned long flags) {
  return system_call(::mount(source.c_str(), target.c_str(), nullptr, flags, nullptr),
                     fmt::format("mounting {} at {}", source, target));
}

/// Something to mount on, of the kind of `like`.
Result<void> make_place(const fs::path& like, const fs::path& at) {
  std::error_code error;
  if (fs::is_directory(like, error)) {
    fs::create_directory(at, error);
    return error ? fail(ErrorCode::Unavailable, at.string() + ": " + error.message())
                 : Result<void>{};
  }
  const int made = ::open(at.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (made < 0) return system_call(-1, at.string());
  ::close(made);
  return {};
}

/// All entries of `from` at the same names in `to`: folders and files mounted, links made again.
Result<void> show_entries(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    const fs::path at = to / entry.path().filename();
    std::error_code ignored;                                    // absent is what is expected
    if (fs::exists(fs::symlink_status(at, ignored))) continue;  // the machine's own comes first
    if (entry.is_symlink(ignored)) {
      fs::copy_symlink(entry.path(), at, ignored);
      continue;
    }
    KERF_CHECK_OK(make_place(entry.path(), at));
    KERF_CHECK_OK(mount_to(entry.path(), at, MS_BIND | MS_REC));
  }
  if (error) return fail(ErrorCode::Unavailable, from.string() + ": " + error.message());
  return {};
}

/// The machine's device nodes, made anew: its folder may be where nodes cannot be opened (nodev),
/// as /run is. Where none may be made they are mounted as they are.
Result<void> make_devices(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    const fs::path at = to / entry.path().filename();
    if (entry.is_directory(error)) {
      fs::create_directory(at, error);
      KERF_CHECK_OK(make_devices(entry, at));
      continue;
    }
    struct stat about = {};
    if (::stat(entry.path().c_str(), &about) == 0 && S_ISCHR(about.st_mode) &&
        ::mknod(at.c_str(), about.st_mode, about.st_rdev) == 0) {
      ::chmod(at.c_str(), 0666);
      continue;
    }
    KERF_CHECK_OK(make_place(entry.path(), at));
    KERF_CHECK_OK(mount_to(entry.path(), at, MS_BIND));
  }
  if (error) return fail(ErrorCode::Unavailable, from.string() + ": " + error.message());
  return {};
}

/// A tmpfs that is filled aside and then moved to its place; unmounted again if that fails.
template <class Fill>
Result<void> replace(const std::string& place, const std::string& aside, Fill fill) {
  KERF_CHECK_OK(system_call(::mount("kerf", aside.c_str(), "tmpfs", MS_NOSUID, "mode=755"),
                            "mounting a tmpfs at " + aside));
  Result<void> done = fill(fs::path(aside));
  if (done) done = mount_to(aside, place, MS_MOVE);
  if (!done) ::umount2(aside.c_str(), MNT_DETACH);
  return done;
}

/// `place` shows the entries of `added`, and its own beside them.
Result<void> merge(const std::string& added, const std::string& place, const std::string& aside) {
  return replace(place, aside, [&](const fs::path& root) -> Result<void> {
    if (place == "/dev") KERF_CHECK_OK(make_devices(added, root));
    else KERF_CHECK_OK(show_entries(added, root));
    return show_entries(place, root);
  });
}

/// /proc as links into the real one, with a `modules` beside them.
Result<void> replace_proc(const std::string& modules, const std::string& aside) {
  return replace("/proc", aside, [&](const fs::path& root) -> Result<void> {
    std::error_code error;
    fs::create_directory(root / ".proc", error);
    KERF_CHECK_OK(mount_to("/proc", root / ".proc", MS_BIND | MS_REC));
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos)
        fs::create_symlink(".proc/" + name, root / name, error);
    }
    KERF_CHECK_OK(make_place(modules, root / "modules"));
    return mount_to(modules, root / "modules", MS_BIND);
  });
}

/// Does what is mounted here show elsewhere, too?
bool root_is_shared() {
  std::ifstream mounts("/proc/self/mountinfo");
  bool shared = false;
  for (std::string line; std::getline(mounts, line);) {
    // ID, parent, device, root, mount point, options, then fields like shared:1, then "-".
    std::istringstream words(line);
    std::string word;
    std::string point;
    for (int i = 0; i < 5 && words >> word; ++i) point = word;
    if (point != "/") continue;
    shared = false;
    while (words >> word && word != "-") shared = shared || word.starts_with("shared:");
  }
  return shared;
}

void put_first(const char* variable, const std::string& folder) {
  const char* old = std::getenv(variable);
  const std::string value = old != nullptr && *old != '\0' ? folder + ":" + old : folder;
  ::setenv(variable, value.c_str(), 1);
}

Result<void> mount_machine(const Entry& entry, const std::string& aside) {
  const std::string& folder = entry.folder;
  KERF_CHECK_OK(merge(folder + "/dev", "/dev", aside));
  KERF_CHECK_OK(merge(folder + "/sys/bus", "/sys/bus", aside));
  KERF_CHECK_OK(merge(folder + "/proc/driver", "/proc/driver", aside));
  if (fs::exists("/proc/devices"))
    KERF_CHECK_OK(mount_to(folder + "/proc/devices", "/proc/devices", MS_BIND));
  if (fs::exists("/proc/modules"))
    return mount_to(folder + "/proc/modules", "/proc/modules", MS_BIND);
  return entry.with_modules ? replace_proc(folder + "/proc/modules", aside) : Result<void>{};
}

}  // namespace

Result<void> enter(const Entry& entry) {
  std::error_code error;
  const std::string folder = fs::absolute(entry.folder, error);
  auto machine = Machine::open(folder);
  if (!machine) return tl::unexpected(std::move(machine).error());

  if (entry.own_namespace) {
    KERF_CHECK_OK(system_call(::unshare(CLONE_NEWNS), "a mount namespace"));
    KERF_CHECK_OK(system_call(::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr),
                              "keeping mounts from this machine's own"));
  } else if (root_is_shared()) {
    return invalid(
        "--in-place: mounts made here would be seen by the whole machine (shared "
        "propagation); without it the program gets a mount namespace of its own");
  }
  const std::string aside = folder + "/mounts";
  fs::create_directories(aside, error);
  Entry absolute = entry;
  absolute.folder = folder;
  KERF_CHECK_OK(mount_machine(absolute, aside));

  ::setenv(kFolderVariable, folder.c_str(), 1);
  put_first("LD_LIBRARY_PATH", fs::absolute(entry.library_folder, error));
  put_first("PATH", folder + "/bin");
  std::vector<char*> words;
  for (const std::string& word : entry.command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words.front(), words.data());
  return system_call(-1, entry.command.front());
}

}  // namespace kerf::fakedriver
