// Files by system calls: errno says why, and nothing is left half-written.
#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/quote.h"

namespace kerf::cli {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Holds interrupts back while a temporary file exists, so that none is left behind.
class HoldInterrupts {
 public:
  HoldInterrupts() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, &before_);
  }
  ~HoldInterrupts() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HoldInterrupts(const HoldInterrupts&) = delete;
  HoldInterrupts& operator=(const HoldInterrupts&) = delete;

 private:
  sigset_t before_;
};

std::string_view reason_of(int error) {
  switch (error) {
    case ENOENT: return "no such file or folder";
    case EACCES:
    case EPERM: return "no permission";
    case EISDIR: return "is a folder, a file was expected";
    case ENOTDIR: return "a part of the path is a file, not a folder";
    case ELOOP: return "a link that leads to itself";
    case ENAMETOOLONG: return "the name is too long";
    case ENOSPC: return "no space left on the device";
    case EROFS: return "the file system is read-only";
    default: return std::strerror(error);
  }
}

tl::unexpected<Error> failed(const std::string& file, int error) {
  const ErrorCode code = error == ENOENT ? ErrorCode::NotFound : ErrorCode::InvalidArgument;
  return fail(code, fmt::format("{}: {}", display_name(file), reason_of(error)));
}

/// errno, or 0.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

/// The rights that the file has, or those of a new one.
mode_t rights_for(const struct stat* existing) {
  if (existing != nullptr) return existing->st_mode & 07777;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

/// errno, or 0.
int replace(const std::string& target, std::string_view text, const struct stat* existing) {
  const HoldInterrupts hold;
  std::string name = target + ".XXXXXX";
  const Descriptor fd(::mkstemp(name.data()));
  if (!fd.ok()) return errno;
  int error = write_all(fd.get(), text);
  if (error == 0 && ::fchmod(fd.get(), rights_for(existing)) != 0) error = errno;
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (error == 0 && ::rename(name.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(name.c_str());
  return error;
}

/// What text that is not UTF-8 seems to be, by its first bytes.
std::string_view looks_like(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    return "UTF-16, as older PowerShell writes it; save it as UTF-8";
  }
  if (bytes.starts_with("\x1F\x8B")) return "compressed by gzip; unpack it first";
  if (bytes.starts_with("PK\x03\x04")) return "a zip archive; unpack it first";
  return {};
}

}  // namespace

std::string display_name(const std::string& file) {
  if (file == "-") return "standard input";
  const bool plain = std::all_of(file.begin(), file.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  });
  return plain ? file : quoted(file, 200);
}

Result<std::string> read_file(const std::string& file, std::size_t bytes_max) {
  const Descriptor fd(file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return failed(file, errno);
  struct stat about {};
  const bool known = ::fstat(fd.get(), &about) == 0;
  if (known && S_ISDIR(about.st_mode)) return failed(file, EISDIR);
  std::string text;
  if (known && S_ISREG(about.st_mode)) {
    text.reserve(std::min(static_cast<std::size_t>(about.st_size), bytes_max) + 1);
  }
  constexpr std::size_t kChunk = std::size_t{1} << 16;
  while (true) {
    const std::size_t before = text.size();
    text.resize(before + kChunk);
    const ssize_t got = ::read(fd.get(), text.data() + before, kChunk);
    if (got < 0 && errno != EINTR) return failed(file, errno);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return text;
    if (text.size() > bytes_max) {
      return fail(ErrorCode::TooLarge, fmt::format("{}: larger than {} MiB, the most that is read",
                                                   display_name(file), bytes_max >> 20));
    }
  }
}

Result<std::string> read_text(const std::string& file, std::size_t bytes_max) {
  KERF_TRY(std::string text, read_file(file, bytes_max));
  if (const std::string_view what = looks_like(text); !what.empty()) {
    return invalid(fmt::format("{}: this is no UTF-8 text but {}", display_name(file), what));
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      const auto line =
          std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      return invalid(fmt::format("{}:{}: not UTF-8 text (byte 0x{:02x}); save the file as UTF-8",
                                 display_name(file), line + 1,
                                 static_cast<unsigned char>(text[at])));
    }
    at += length;
  }
  return text;
}

Result<void> check_writable(const std::string& file) {
  struct stat about {};
  if (file.empty()) return invalid("--output-file: the name is empty; a variable may be unset");
  const bool exists = ::stat(file.c_str(), &about) == 0;
  if (exists && S_ISDIR(about.st_mode)) return failed(file, EISDIR);
  if (exists && !S_ISREG(about.st_mode)) return {};
  const std::string folder = folder_of(file);
  if (::stat(folder.c_str(), &about) != 0) return failed(folder, errno);
  if (!S_ISDIR(about.st_mode)) return failed(file, ENOTDIR);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return failed(folder, errno);
  return {};
}

Result<void> write_file(const std::string& file, std::string_view text) {
  struct stat about {};
  const bool exists = ::stat(file.c_str(), &about) == 0;
  int error = 0;
  if (exists && !S_ISREG(about.st_mode)) {
    const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    error = fd.ok() ? write_all(fd.get(), text) : errno;
  } else {
    std::error_code unresolved;
    const std::filesystem::path target = std::filesystem::canonical(file, unresolved);
    error = replace(unresolved ? file : target.string(), text, exists ? &about : nullptr);
  }
  if (error != 0) return failed(file, error);
  return {};
}

Result<void> write_stdout(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0 || error == EPIPE) return {};
  return fail(ErrorCode::Unavailable, fmt::format("standard output: {}", reason_of(error)));
}

}  // namespace kerf::cli
