// Files: reading, replacing, listing and locking, by system calls whose every answer is looked at.
#include "shell/runtime/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "base/quote.h"

namespace kerf::runtime {
namespace {

// Folders are never read by this prefix but by list_folder() and remove_unfinished().
constexpr std::string_view kUnfinished = ".kerf-unfinished-";

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return ErrorCode::NotFound;
    case EISDIR:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG: return ErrorCode::InvalidArgument;
    default: return ErrorCode::Unavailable;
  }
}

/// "cannot <do> "path": <the system's words>".
tl::unexpected<Error> failed(std::string_view what, std::string_view path, int error) {
  return fail(code_of(error), "cannot " + std::string(what) + " " + quoted(path, 4096) + ": " +
                                  std::generic_category().message(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  /// A full disk of another machine may be told only now.
  bool close() { return ::close(release()) == 0 || errno == EINTR; }

 private:
  int fd_;
};

template <class Call>
auto restarted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Descriptor open_file(const std::string& path, int flags, mode_t mode = 0) {
  return Descriptor(restarted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = restarted([&] { return ::write(fd, text.data(), text.size()); });
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Makes the names in a folder durable.
Result<void> flush_folder(const std::string& folder) {
  const Descriptor fd = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (!fd.open()) return failed("open folder", folder, errno);
  // EINVAL: the file system has nothing to flush.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return failed("flush folder", folder, errno);
  return {};
}

/// A file in `folder` that did not exist, and its path.
Descriptor make_unfinished(const std::string& folder, std::string& path) {
  static std::atomic<unsigned> count{0};
  const std::string prefix = (folder == "/" ? "" : folder) + "/" + std::string(kUnfinished) +
                             std::to_string(::getpid()) + "-";
  for (int tries = 0;; ++tries) {
    path = prefix + std::to_string(++count);
    Descriptor fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    // One of that name may be left of a process that had this number.
    if (fd.open() || errno != EEXIST || tries >= 1000) return Descriptor(fd.release());
  }
}

/// 0, or the error's number.
int fill(Descriptor& fd, std::string_view text, Durability durability, mode_t mode) {
  if (::fchmod(fd.get(), mode) != 0 || !write_all(fd.get(), text)) return errno;
  if (durability == Durability::Durable && ::fsync(fd.get()) != 0) return errno;
  return fd.close() ? 0 : errno;
}

using FolderPointer = std::unique_ptr<DIR, int (*)(DIR*)>;

Result<std::vector<std::string>> names_in(const std::string& path, std::size_t entries_max) {
  const FolderPointer folder(::opendir(path.c_str()), &::closedir);
  if (folder == nullptr) return failed("list folder", path, errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() >= entries_max) {
      return fail(ErrorCode::TooLarge, "folder " + quoted(path, 4096) + " has more than " +
                                           std::to_string(entries_max) + " entries");
    }
    names.emplace_back(name);
  }
  if (errno != 0) return failed("list folder", path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  struct stat status {};
  // Before it is opened, too: opening some devices does something.
  if (::stat(path.c_str(), &status) != 0) return failed("read", path, errno);
  const auto irregular = [&] {
    return invalid("cannot read " + quoted(path, 4096) + ": it is not a regular file");
  };
  if (!S_ISREG(status.st_mode)) return irregular();
  const Descriptor fd = open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd.open() || ::fstat(fd.get(), &status) != 0) return failed("read", path, errno);
  if (!S_ISREG(status.st_mode)) return irregular();

  std::string text;
  const auto too_large = [&] {
    return fail(ErrorCode::TooLarge, "cannot read " + quoted(path, 4096) + ": it has more than " +
                                         std::to_string(bytes_max) + " bytes");
  };
  const auto told = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  if (told > bytes_max) return too_large();
  // One byte more than may be there, as only an answer of 0 says that that is all.
  std::size_t size = 0;
  for (;;) {
    if (size == text.size()) {
      const std::size_t grown = size == 0 ? std::max<std::size_t>(told, 4095) : size * 2;
      text.resize(std::min(grown, bytes_max) + 1);
      if (size == text.size()) return too_large();
    }
    const ssize_t n =
        restarted([&] { return ::read(fd.get(), text.data() + size, text.size() - size); });
    if (n < 0) return failed("read", path, errno);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
    if (size > bytes_max) return too_large();
  }
  text.resize(size);
  return text;
}

Result<void> replace_file(const std::string& path, std::string_view text, Durability durability,
                          mode_t mode) {
  const std::string folder = folder_of(path);
  std::string unfinished;
  Descriptor fd = make_unfinished(folder, unfinished);
  if (!fd.open()) return failed("write", path, errno);
  int error = fill(fd, text, durability, mode);
  if (error == 0 && ::rename(unfinished.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(unfinished.c_str());
    return failed("write", path, error);
  }
  if (durability == Durability::Durable) return flush_folder(folder);
  return {};
}

Result<void> remove_file(const std::string& path, Durability durability) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return failed("remove", path, errno);
  }
  if (durability == Durability::Durable) return flush_folder(folder_of(path));
  return {};
}

Result<std::vector<std::string>> list_folder(const std::string& path, std::size_t entries_max) {
  KERF_TRY(auto names, names_in(path, entries_max));
  std::erase_if(names, [](const std::string& name) { return name.starts_with(kUnfinished); });
  return names;
}

Result<void> make_folders(const std::string& path, mode_t mode) {
  // From the top down: a folder above may be there and not be ours to make.
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string folder = path.substr(0, end);
    if (folder.empty() || ::mkdir(folder.c_str(), mode) == 0) continue;
    const int error = errno;
    struct stat status {};
    if (::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) continue;
    return failed("make folder", folder, error);
  }
  return {};
}

Result<std::size_t> remove_unfinished(const std::string& folder) {
  auto names = names_in(folder, 1u << 20);
  if (!names && names.error().code() == ErrorCode::NotFound) return std::size_t{0};
  if (!names) return tl::unexpected(std::move(names).error());
  std::size_t removed = 0;
  for (const std::string& name : *names) {
    if (!name.starts_with(kUnfinished)) continue;
    KERF_CHECK_OK(remove_file(folder + "/" + name));
    ++removed;
  }
  return removed;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<FileLock> lock_file(const std::string& path) {
  Descriptor fd = open_file(path, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK, 0644);
  if (!fd.open()) return failed("lock", path, errno);
  if (restarted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock", path, errno);
    std::string holder(32, '\0');
    const ssize_t n = ::pread(fd.get(), holder.data(), holder.size(), 0);
    holder.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    while (holder.ends_with('\n')) holder.pop_back();
    const bool known =
        !holder.empty() && holder.find_first_not_of("0123456789") == std::string::npos;
    return fail(ErrorCode::Conflict, "cannot lock " + quoted(path, 4096) + ": it is held by " +
                                         (known ? "pid " + holder : "another process"));
  }
  // Only for the words above: that it could not be written is no reason to give the lock up.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) == 0) static_cast<void>(write_all(fd.get(), pid));
  return FileLock(fd.release());
}

}  // namespace kerf::runtime
