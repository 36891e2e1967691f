// Scripts: what happens to a simulated machine, in lines of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// fail OPERATION CODE [count=N] [effect=nothing|done] [gpu=N]
struct Fail {
  simgpu::Operation operation = simgpu::Operation::kCount;
  simgpu::Return code = simgpu::Return::Unknown;
  int count = 1;
  simgpu::Effect effect = simgpu::Effect::Nothing;
  int gpu = -1;
  bool operator==(const Fail&) const = default;
};
/// clear-faults
struct ClearFaults {
  bool operator==(const ClearFaults&) const = default;
};
/// xid NUMBER gpu=N [gi=N] [ci=N]
struct ReportXid {
  std::uint32_t xid = 0;
  int gpu = 0;
  std::uint32_t gi = simgpu::kNoInstance;
  std::uint32_t ci = simgpu::kNoInstance;
  bool operator==(const ReportXid&) const = default;
};
/// lose gpu=N [until=reboot]
struct Lose {
  int gpu = 0;
  bool until_reboot = false;
  bool operator==(const Lose&) const = default;
};
/// start-process UUID pid=N [memory=MIB]
struct StartProcess {
  std::string uuid;
  std::uint32_t pid = 0;
  std::int64_t memory_mib = 0;
  bool operator==(const StartProcess&) const = default;
};
/// end-process pid=N
struct EndProcess {
  std::uint32_t pid = 0;
  bool operator==(const EndProcess&) const = default;
};
/// clients NUMBER gpu=N
struct Clients {
  int count = 0;
  int gpu = 0;
  bool operator==(const Clients&) const = default;
};
/// reset gpu=N
struct Reset {
  int gpu = 0;
  bool operator==(const Reset&) const = default;
};
/// reload-driver
struct Reload {
  bool operator==(const Reload&) const = default;
};
/// reboot
struct Reboot {
  bool operator==(const Reboot&) const = default;
};
/// slow on|off
struct Slow {
  bool on = false;
  bool operator==(const Slow&) const = default;
};

using Action = std::variant<Fail, ClearFaults, ReportXid, Lose, StartProcess, EndProcess, Clients,
                            Reset, Reload, Reboot, Slow>;

/// An action, and the line of the script that says it.
struct Step {
  int line = 0;
  Action action;
  bool operator==(const Step&) const = default;
};

/// No script is longer.
inline constexpr std::size_t kMostScriptBytes = std::size_t{1} << 20;

/// One action a line, words parted by blanks; empty lines and what follows a `#` do not count. What
/// an action means is said at simgpu::Driver's function of the same name. InvalidArgument and
/// TooLarge name the line, the word, and what was expected.
Result<std::vector<Step>> read_script(std::string_view text, std::string_view file);
/// The line that reads as that action.
std::string to_line(const Action& action);

/// InvalidArgument: there is no such GPU, instance, device or process. Conflict: the driver refuses
/// (a reset with processes), or has had enough (65,536 faults). The driver is as before then.
Result<void> apply(const Action& action, simgpu::Driver& driver);

}  // namespace kerf::fakedriver
