// Machine: the simulated driver of one machine, shared by all processes that are given its folder.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// The environment variable that names the folder, and the folder where it is not set.
inline constexpr const char* kFolderVariable = "KERF_FAKE_DRIVER";
inline constexpr const char* kDefaultFolder = "/run/kerf-fake-driver";
std::string folder_from_environment();

class StateFile;

/// Who this process is to the driver.
simgpu::Caller this_caller();

/// The driver lives in the file `state` of the folder. Every use takes an exclusive lock on it
/// (flock), so calls of all processes and threads happen one after the other, each whole: a process
/// that is killed at any point leaves the state before its change or after it, and no lock. Beside
/// it lie the files that the real driver's kernel module would show (tree.h).
///
/// May be used by several threads, and by the child after a fork, whenever that happens.
class Machine {
 public:
  enum class Access : std::uint8_t {
    Read,   ///< calls that only read (they may use up a fault)
    Change  ///< all others
  };

  /// Makes the folder if need be, and the machine in it anew: other users of it are on the new one
  /// at their next call, and their old handles are nobody's. A program that was entered (enter.h)
  /// goes on with the files of the old one. InvalidArgument: a board or a driver branch that is not
  /// known, or a folder that has something else in it; nothing is touched then.
  static Result<Machine> create(const std::string& folder, const simgpu::Config& config);
  /// NotFound: there is no machine in that folder. InvalidArgument: what is there is none.
  static Result<Machine> open(const std::string& folder);

  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  ~Machine();

  const std::string& folder() const;

  /// `use(driver)` on the driver as it is now; answers what that answers. The driver is not to be
  /// kept. An error says that the state could not be read or written; then nothing has changed.
  template <class Use>
  auto with(Access access, Use use) -> Result<std::invoke_result_t<Use, simgpu::Driver&>> {
    const std::lock_guard one_thread(mutex());
    const Unlock unlock{*this};
    KERF_CHECK_OK(begin());
    const bool store = access == Access::Change || !driver().state().faults.empty();
    if constexpr (std::is_void_v<std::invoke_result_t<Use, simgpu::Driver&>>) {
      use(driver());
      return end(store);
    } else {
      auto answer = use(driver());
      KERF_CHECK_OK(end(store));
      return answer;
    }
  }
  template <class Use>
  auto read(Use use) {
    return with(Access::Read, std::move(use));
  }
  template <class Use>
  auto change(Use use) {
    return with(Access::Change, std::move(use));
  }

 private:
  struct Unlock {
    Machine& machine;
    ~Unlock() { machine.unlock(); }
  };
  explicit Machine(std::unique_ptr<StateFile> file);
  std::mutex& mutex();
  simgpu::Driver& driver();
  Result<void> begin();
  Result<void> end(bool store);
  void unlock();

  std::unique_ptr<StateFile> file_;
};

}  // namespace kerf::fakedriver
