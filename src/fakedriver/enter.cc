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

/// `place` shows the entries of `added`, and its own beside them. Built aside, then moved there.
Result<void> merge(const std::string& added, const std::string& place, const std::string& aside) {
  KERF_CHECK_OK(system_call(::mount("kerf", aside.c_str(), "tmpfs", 0, "mode=755"),
                            "mounting a tmpfs at " + aside));
  KERF_CHECK_OK(show_entries(added, aside));
  KERF_CHECK_OK(show_entries(place, aside));
  return mount_to(aside, place, MS_MOVE);
}

/// /proc as links into the real one, with a `modules` beside them.
Result<void> replace_proc(const std::string& modules, const std::string& aside) {
  KERF_CHECK_OK(system_call(::mount("kerf", aside.c_str(), "tmpfs", 0, "mode=755"),
                            "mounting a tmpfs at " + aside));
  const fs::path root(aside);
  std::error_code error;
  fs::create_directory(root / ".proc", error);
  KERF_CHECK_OK(mount_to("/proc", root / ".proc", MS_BIND | MS_REC));
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos)
      fs::create_symlink(".proc/" + name, root / name, error);
  }
  KERF_CHECK_OK(make_place(modules, root / "modules"));
  KERF_CHECK_OK(mount_to(modules, root / "modules", MS_BIND));
  return mount_to(aside, "/proc", MS_MOVE);
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
                              "making mounts private"));
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
