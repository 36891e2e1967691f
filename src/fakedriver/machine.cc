// The state file: a header that names the newest record, and two places for records in turn.
#include "fakedriver/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/hash.h"
#include "fakedriver/identity.h"
#include "fakedriver/record.h"
#include "fakedriver/tree.h"
#include "simgpu/boards.h"

namespace kerf::fakedriver {

namespace {

constexpr std::array<char, 8> kMagic = {'K', 'E', 'R', 'F', 'G', 'P', 'U', '1'};
/// Shorter than a page and written by one pwrite, after the record it names: a kill leaves the old
/// one or the new one.
struct Header {
  std::array<char, 8> magic{};
  std::uint64_t generation = 0;  ///< of the record; rises with each
  std::uint64_t length = 0;
  std::uint64_t checksum = 0;
};
constexpr off_t kFirstRecord = 4096;

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

Error system_error(const std::string& what) {
  return {ErrorCode::Unavailable, fmt::format("{}: {}", what, std::strerror(errno))};
}

}  // namespace

std::string folder_from_environment() {
  const char* named = std::getenv(kFolderVariable);
  return named != nullptr && *named != '\0' ? named : kDefaultFolder;
}

struct Machine::File {
  std::string folder;
  std::string path;
  int fd = -1;
  pid_t opened_by = 0;
  std::uint64_t generation = 0;  ///< of `driver`; 0: none
  std::optional<simgpu::Driver> driver;
  Capabilities shown;  ///< the driver's when it was loaded or stored last
  std::string bytes;   ///< kept for its capacity

  ~File() {
    if (fd >= 0) ::close(fd);
  }

  Result<void> reopen() {
    if (fd >= 0) ::close(fd);
    fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) {
      if (errno == ENOENT)
        return fail(
            ErrorCode::NotFound,
            fmt::format("{}: there is no simulated GPU machine in this folder; make one with "
                        "`kerf-fake-driver init`",
                        folder));
      return tl::unexpected(system_error(path));
    }
    opened_by = ::getpid();
    return {};
  }

  Result<void> load(const Header& header) {
    if (header.magic != kMagic || header.length > kMostRecordBytes)
      return invalid(path +
                     ": not the state of a simulated GPU machine; make it anew with "
                     "`kerf-fake-driver init`");
    bytes.resize(header.length);
    if (::pread(fd, bytes.data(), bytes.size(), place_of(header.generation)) !=
            static_cast<ssize_t>(bytes.size()) ||
        checksum(bytes) != header.checksum)
      return invalid(path +
                     ": the state is cut off or garbled; make it anew with "
                     "`kerf-fake-driver init`");
    auto read = read_record(bytes);
    if (!read) return tl::unexpected(std::move(read.error()).within(path));
    driver = std::move(*read);
    generation = header.generation;
    shown = capabilities_of(*driver);
    return {};
  }

  Result<void> store() {
    write_record(*driver, bytes);
    if (bytes.size() > kMostRecordBytes)
      return fail(ErrorCode::TooLarge, "the state of a simulated driver has at most 4 MiB");
    const Header header{kMagic, generation + 1, bytes.size(), checksum(bytes)};
    if (::pwrite(fd, bytes.data(), bytes.size(), place_of(header.generation)) !=
            static_cast<ssize_t>(bytes.size()) ||
        ::pwrite(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header))
      return tl::unexpected(system_error(path));
    generation = header.generation;
    Capabilities now = capabilities_of(*driver);
    if (now != shown) show_capabilities(folder, shown, now);
    shown = std::move(now);
    return {};
  }
};

Machine::Machine(std::unique_ptr<File> file) : file_(std::move(file)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

const std::string& Machine::folder() const { return file_->folder; }
simgpu::Driver& Machine::driver() { return *file_->driver; }

Result<Machine> Machine::create(const std::string& folder, const simgpu::Config& config) {
  for (const simgpu::GpuConfig& gpu : config.gpus)
    if (simgpu::find_board(gpu.board) == nullptr)
      return invalid(
          fmt::format("'{}' is not a board that can be simulated; `kerf-fake-driver boards` "
                      "lists them",
                      gpu.board));
  if (driver_of(config.driver_major) == nullptr)
    return invalid(
        fmt::format("driver {} is not simulated; 535, 550, 570 and 580 are", config.driver_major));
  // What a driver cannot have been in is refused before anything is written.
  simgpu::Driver fresh(config);
  KERF_TRY(fresh, simgpu::Driver::restore(fresh.config(), fresh.state()));

  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::Unavailable, folder + ": " + error.message());
  auto file = std::make_unique<File>();
  file->folder = folder;
  file->path = folder + "/state";
  // All users may take the lock, as all may ask a real driver; it refuses changes by others than
  // root.
  const int made = ::open(file->path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (made < 0) return tl::unexpected(system_error(file->path));
  ::fchmod(made, 0666);
  ::close(made);
  KERF_CHECK_OK(file->reopen());
  if (::flock(file->fd, LOCK_EX) != 0) return tl::unexpected(system_error(file->path));
  Header header;
  if (::pread(file->fd, &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header) &&
      header.magic == kMagic)
    file->generation = header.generation;
  file->driver = std::move(fresh);
  auto written = write_tree(folder, *file->driver);
  if (written) written = file->store();
  ::flock(file->fd, LOCK_UN);
  if (!written) return tl::unexpected(std::move(written).error());
  return Machine(std::move(file));
}

Result<Machine> Machine::open(const std::string& folder) {
  auto file = std::make_unique<File>();
  file->folder = folder;
  file->path = folder + "/state";
  KERF_CHECK_OK(file->reopen());
  Machine machine(std::move(file));
  KERF_CHECK_OK(machine.read([](simgpu::Driver&) {}));
  return machine;
}

Result<void> Machine::begin() {
  // A child shares the lock of its parent's open file: it needs one of its own.
  if (file_->opened_by != ::getpid()) KERF_CHECK_OK(file_->reopen());
  while (::flock(file_->fd, LOCK_EX) != 0)
    if (errno != EINTR) return tl::unexpected(system_error(file_->path));
  Header header;
  const ssize_t got = ::pread(file_->fd, &header, sizeof header, 0);
  if (got == static_cast<ssize_t>(sizeof header) && header.magic == kMagic &&
      header.generation == file_->generation && file_->driver)
    return {};
  if (got != static_cast<ssize_t>(sizeof header)) header = {};
  auto loaded = file_->load(header);
  if (!loaded) ::flock(file_->fd, LOCK_UN);
  return loaded;
}

Result<void> Machine::end(bool store) {
  auto stored = store ? file_->store() : Result<void>{};
  if (!stored) file_->driver.reset();  // what was not written is read again
  ::flock(file_->fd, LOCK_UN);
  return stored;
}

}  // namespace kerf::fakedriver
