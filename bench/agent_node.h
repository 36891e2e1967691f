// Node: kerfd agent on a simulated machine of eight H100s, and what can be measured of it from
// outside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../tests/agent/rig.h"

namespace kerf::bench {

inline constexpr int kGpus = 8;
inline constexpr int kSlices = kGpus * 7;

using Layout = std::vector<rig::Wanted>;
/// Seven published 1g.10gb on each GPU.
Layout full_layout();
enum class As { Published, Parked, Missing };
/// The slice at `start` of that GPU is wanted so.
void want(Layout& layout, int gpu, int start, As as);

/// How long the simulated driver's calls take.
struct DriverTimes {
  std::int64_t change_ms = 0;   ///< of each creation and destruction
  bool recorded_reads = false;  ///< all others as simgpu::Latencies says; else none
};

struct Memory {
  double resident_mib = 0;   ///< VmRSS
  double anonymous_mib = 0;  ///< RssAnon: the rest is the program's file and libraries
};

/// Everything of a node is in memory, as /run is, but the journal, which is in `state`, a folder on
/// a disk. What cannot be waited for aborts.
class Node {
 public:
  Node(const DriverTimes& times, const std::string& state, const std::string& metrics = "off");

  rig::Rig& rig() { return *rig_; }
  /// Seconds until it holds, looking every half millisecond.
  double await(const std::function<bool()>& condition);
  /// Waits until everything is as the layout says and nothing else is there.
  void settle();
  /// Calls so far that may change the driver's state, those that failed too.
  std::uint64_t changes();

  /// From the start of the process until kubelet has so many healthy devices.
  double start(std::size_t healthy = kSlices);
  void stop();  ///< by SIGTERM; kubelet has no healthy device after it
  /// Stopped; the driver, kubelet and what is in memory are as after a boot, with MIG mode on.
  void reboot();

  Memory memory() const;
  double cpu_seconds() const;  ///< of the process, since its start

 private:
  std::unique_ptr<rig::Rig> rig_;
};

/// The answer to GET /metrics on that port of this machine.
std::string scrape(int port);
int free_port();

}  // namespace kerf::bench
