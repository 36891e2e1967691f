// StateFile: one open file with the newest record of a driver, and the lock on it.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "fakedriver/capabilities.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// A header names the newest record; two places take records in turn. A change writes its record,
/// then the header, then the files of capabilities that show it, then the header again, which says
/// so: a kill in between leaves the state before or after, and files that the next user mends.
class StateFile {
 public:
  explicit StateFile(std::string folder_path);
  ~StateFile();
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  const std::string& folder() const { return folder_; }
  /// Held during every use; a fork waits for it.
  std::mutex& mutex() { return mutex_; }
  simgpu::Driver& driver() { return *driver_; }

  /// Opens the file for a new machine. InvalidArgument where that would overwrite something else.
  Result<void> create();
  /// A new driver in place of what there is; the lock is held on the way.
  Result<void> replace(simgpu::Driver fresh);

  /// Locks the file and has the driver as it is now.
  Result<void> begin();
  /// Writes the driver.
  Result<void> store();
  void unlock();
  /// What was not written is read again.
  void forget() { driver_.reset(); }

 private:
  friend struct Forks;
  struct Header {
    std::array<char, 8> magic{};
    std::uint64_t generation = 0;  ///< of the record; rises with each
    std::uint64_t length = 0;
    std::uint64_t checksum = 0;
    std::uint64_t shown = 0;  ///< the generation that the files of capabilities show
    bool operator==(const Header&) const = default;
  };

  Result<void> reopen();
  Result<void> lock();
  Result<Header> read_header() const;
  Result<void> write_header(const Header& header);
  Result<void> load(const Header& header);
  Result<void> write_all(const void* bytes, std::size_t size, std::int64_t at);
  void show();

  std::string folder_;
  std::string path_;
  std::mutex mutex_;
  int fd_ = -1;
  int opened_by_ = 0;  ///< the process
  bool locked_ = false;
  Header header_;  ///< of `driver_`
  std::optional<simgpu::Driver> driver_;
  Capabilities shown_;  ///< by the files, as of header_.shown
  std::string bytes_;   ///< kept for its capacity
};

}  // namespace kerf::fakedriver
