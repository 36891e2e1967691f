// Reading, writing and locking the state of a machine.
#include "fakedriver/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "base/hash.h"
#include "fakedriver/record.h"
#include "fakedriver/tree.h"

namespace kerf::fakedriver {

namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> kMagic = {'K', 'E', 'R', 'F', 'G', 'P', 'U', '1'};
constexpr off_t kFirstRecord = 4096;
constexpr const char* kMakeAnew = "; make it anew with `kerf-fake-driver init`";

off_t place_of(std::uint64_t generation) {
  return kFirstRecord + static_cast<off_t>(generation % 2) * static_cast<off_t>(kMostRecordBytes);
}

/// Finds what a crash or an editor does, not an attacker.
std::uint64_t checksum(std::string_view bytes) {
  Hasher sum;
  sum.add(static_cast<std::uint64_t>(bytes.size()));
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), n);
    sum.add(word);
    bytes.remove_prefix(n);
  }
  return sum.value();
}

tl::unexpected<Error> system_error(const std::string& what, int error = errno) {
  return fail(ErrorCode::Unavailable, fmt::format("{}: {}", what, std::strerror(error)));
}

}  // namespace

/// A fork waits until no thread is in a call. The child closes the files it has from its parent: it
/// would share the lock, and hold it after the parent's death.
struct Forks {
  static Forks& all() {
    static auto* const kAll = new Forks;  // outlives every static StateFile
    return *kAll;
  }
  void add(StateFile* file) {
    const std::lock_guard lock(mutex);
    files.insert(file);
  }
  void remove(StateFile* file) {
    const std::lock_guard lock(mutex);
    files.erase(file);
  }

  std::mutex mutex;
  std::set<StateFile*> files;

 private:
  Forks() { ::pthread_atfork(before, in_parent, in_child); }
  static void before() {
    all().mutex.lock();
    for (StateFile* file : all().files) file->mutex_.lock();
  }
  static void in_parent() {
    for (StateFile* file : all().files) file->mutex_.unlock();
    all().mutex.unlock();
  }
  static void in_child() {
    for (StateFile* file : all().files) {
      if (file->fd_ >= 0) ::close(std::exchange(file->fd_, -1));
      file->forget();
    }
    in_parent();
  }
};

StateFile::StateFile(std::string folder_path) {
  std::error_code ignored;
  folder_ = fs::absolute(folder_path, ignored).lexically_normal();
  if (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
  path_ = folder_ + "/state";
  Forks::all().add(this);
}

StateFile::~StateFile() {
  Forks::all().remove(this);
  if (fd_ >= 0) ::close(fd_);
}

Result<void> StateFile::create() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorCode::Unavailable, folder_ + ": " + error.message());
  struct stat about = {};
  if (::stat(folder_.c_str(), &about) != 0) return system_error(folder_);
  if (about.st_uid != ::geteuid() && about.st_uid != 0)
    return invalid(folder_ + ": the folder is another user's; name one of your own");
  const bool is_new = fs::is_empty(folder_, error);
  if (error) return fail(ErrorCode::Unavailable, folder_ + ": " + error.message());

  const int fd =
      ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (is_new ? O_CREAT : 0), 0666);
  if (fd < 0 && errno != ENOENT && errno != ELOOP) return system_error(path_);
  fd_ = fd;
  opened_by_ = ::getpid();
  const bool ours = fd_ >= 0 && ::fstat(fd_, &about) == 0 && S_ISREG(about.st_mode) &&
                    (about.st_size == 0 || read_header().has_value());
  if (!ours)
    return invalid(folder_ +
                   ": there is something else in this folder; name an empty one, or remove it");
  // All users may take the lock, as all may ask a real driver; it refuses changes by others than
  // root.
  if (::fchmod(fd_, 0666) != 0) return system_error(path_);
  return {};
}

Result<void> StateFile::replace(simgpu::Driver fresh) {
  KERF_CHECK_OK(lock());
  simgpu::State state = fresh.state();
  if (const auto header = read_header()) {
    header_ = *header;
    // Nobody's old handle may mean something new, and nobody may wait for events that were already.
    if (load(*header)) {
      const simgpu::State& old = driver_->state();
      for (simgpu::GpuState& gpu : state.gpus) gpu.serial += old.serials;
      state.serials += old.serials;
      state.newest_event = old.newest_event;
    }
  }
  // The new tree is made without instances, as the driver is.
  shown_.clear();
  header_.shown = header_.generation;
  KERF_TRY(driver_, simgpu::Driver::restore(fresh.config(), std::move(state)));
  KERF_CHECK_OK(prepare_tree(folder_, *driver_));
  auto stored = store();
  if (stored) stored = install_tree(folder_);
  unlock();
  if (!stored) forget();
  return stored;
}

Result<void> StateFile::reopen() {
  if (fd_ >= 0) ::close(fd_);
  locked_ = false;
  forget();
  fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (fd_ < 0) {
    if (errno != ENOENT) return system_error(path_);
    return fail(ErrorCode::NotFound,
                folder_ +
                    ": there is no simulated GPU machine in this folder; make one with "
                    "`kerf-fake-driver init`");
  }
  opened_by_ = ::getpid();
  return {};
}

Result<void> StateFile::lock() {
  // A child made without the fork handlers shares the lock of its parent's open file.
  if (fd_ < 0 || opened_by_ != ::getpid()) KERF_CHECK_OK(reopen());
  for (;;) {
    while (::flock(fd_, LOCK_EX) != 0)
      if (errno != EINTR) return system_error(path_);
    locked_ = true;
    struct stat about = {};
    if (::fstat(fd_, &about) != 0) return system_error(path_);
    if (about.st_nlink > 0) return {};
    KERF_CHECK_OK(reopen());  // it was removed, and perhaps made anew
  }
}

void StateFile::unlock() {
  if (std::exchange(locked_, false)) ::flock(fd_, LOCK_UN);
}

Result<StateFile::Header> StateFile::read_header() const {
  Header header;
  const ssize_t got = ::pread(fd_, &header, sizeof header, 0);
  if (got != static_cast<ssize_t>(sizeof header) || header.magic != kMagic ||
      header.length > kMostRecordBytes)
    return invalid(path_ +
                   ": not the state of a simulated GPU machine; remove it, and make one with "
                   "`kerf-fake-driver init`");
  return header;
}

Result<void> StateFile::write_all(const void* bytes, std::size_t size, std::int64_t at) {
  const ssize_t put = ::pwrite(fd_, bytes, size, at);
  if (put == static_cast<ssize_t>(size)) return {};
  return system_error(path_, put < 0 ? errno : ENOSPC);
}

Result<void> StateFile::write_header(const Header& header) {
  // Shorter than a page, in one write: a kill leaves the old one or the new one.
  KERF_CHECK_OK(write_all(&header, sizeof header, 0));
  header_ = header;
  return {};
}

Result<void> StateFile::load(const Header& header) {
  bytes_.resize(header.length);
  if (::pread(fd_, bytes_.data(), bytes_.size(), place_of(header.generation)) !=
          static_cast<ssize_t>(bytes_.size()) ||
      checksum(bytes_) != header.checksum)
    return invalid(path_ + ": the state is cut off or garbled" + kMakeAnew);
  auto read = read_record(bytes_);
  if (!read) return tl::unexpected(std::move(read.error()).within(path_));
  driver_ = std::move(*read);
  header_ = header;
  shown_ = capabilities_of(*driver_);
  return {};
}

Result<void> StateFile::begin() {
  KERF_CHECK_OK(lock());
  KERF_TRY(const Header header, read_header());
  if (!driver_ || header != header_) KERF_CHECK_OK(load(header));
  if (header.shown != header.generation) {  // somebody was killed, or may not write there
    shown_ = shown_capabilities(folder_);
    show();
  }
  return {};
}

Result<void> StateFile::store() {
  write_record(*driver_, bytes_);
  if (bytes_.size() > kMostRecordBytes)
    return fail(ErrorCode::TooLarge, "the state of a simulated driver has at most 4 MiB");
  Header next{kMagic, header_.generation + 1, bytes_.size(), checksum(bytes_), header_.shown};
  const bool pictured = capabilities_of(*driver_) == shown_ && next.shown == header_.generation;
  if (pictured) next.shown = next.generation;
  KERF_CHECK_OK(write_all(bytes_.data(), bytes_.size(), place_of(next.generation)));
  KERF_CHECK_OK(write_header(next));
  if (!pictured) show();
  return {};
}

/// The files of capabilities follow the driver. They are a picture: whoever may not write there
/// leaves that to the next who may.
void StateFile::show() {
  Capabilities now = capabilities_of(*driver_);
  if (!show_capabilities(folder_, shown_, now)) return;
  shown_ = std::move(now);
  Header header = header_;
  header.shown = header.generation;
  (void)write_header(header);
}

}  // namespace kerf::fakedriver
