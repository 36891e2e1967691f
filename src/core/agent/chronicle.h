// Chronicle: what the agent's words tell, as records for a log and observations for metrics.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/agent/words.h"
#include "core/gpu/model.h"

namespace kerf::agent {

/// Watches the agent's mind, and decides nothing: it is fed with what the mind is, and says what
/// that was. One for each run of the agent. Pure and deterministic; not thread-safe.
///
/// A *cut* is the making or the taking away of one device. Each has an id and exactly one CutBegan
/// and one CutEnded, except those that a crash cuts short: they have no end. The run after it goes
/// on with a cut of its own, with `resumed` set.
class Chronicle {
 public:
  enum class Cut : std::uint8_t { Give, Take };

  /// In the order in which they come. Whole GPUs and replicas have no driver operations; what needs
  /// nothing to be done of a step does not have it (a parked device is unhealthy already).
  enum class Phase : std::uint8_t {
    // Give
    Making,          ///< the journal says so, durably
    CreateInstance,  ///< the GPU instance is created
    CreateCompute,   ///< the compute instance is created
    Cdi,             ///< the CDI entry is written
    Listed,          ///< kubelet is sent a list that has it
    Confirmed,       ///< kubelet has taken that list. Give and Take
    // Take
    Unhealthy,        ///< kubelet is sent a list that has it as unhealthy
    Drained,          ///< nobody holds it; begins when the step before it ends
    Going,            ///< the journal says so, durably: from here on it is not given any more
    DestroyCompute,   ///< the compute instance is destroyed
    DestroyInstance,  ///< the GPU instance is destroyed
    Unlisted,         ///< kubelet is sent a list without it
  };

  enum class Result : std::uint8_t {
    Done,
    Failed,       ///< an operation failed; of a cut: the last try did, and it was given up
    AllocateWon,  ///< Take: a pod got it before the journal said Going
    Superseded,   ///< the layout wanted changed
  };

  /// A cut was begun.
  struct CutBegan {
    std::string cut;  ///< "<run>-<n>"
    Cut kind = Cut::Give;
    std::string device;    ///< control::device_id()
    std::string gpu;       ///< UUID
    std::string resource;  ///< under which it is, or will be, offered
    /// It was begun by an earlier run, or stood before this one knew of it.
    bool resumed = false;
  };
  /// One step of a cut ended. A step that failed is tried again: it may come several times.
  struct CutPhase {
    std::string cut;
    Cut kind = Cut::Give;
    std::string device;
    Phase phase = Phase::Making;
    Result result = Result::Done;  ///< Done or Failed
    Code code = Code::Success;     ///< Failed: NVML's; Unknown of what is not NVML's
    std::int64_t ms = 0;           ///< from its begin to its end
  };
  struct CutEnded {
    std::string cut;
    Cut kind = Cut::Give;
    std::string device;
    std::string gpu;
    std::string resource;
    Result result = Result::Done;
    Code code = Code::Success;  ///< Failed: of the last try
    std::int64_t ms = 0;        ///< from the begin of the cut
  };
  /// Allocate was answered.
  struct Allocated {
    std::string resource;
    std::vector<std::string> devices;
    bool granted = false;
    std::string why;  ///< refused
  };
  /// kubelet confirmed that it offers a device, or no more; cuts have this as a phase beside it.
  struct OfferChanged {
    std::string device;
    std::string resource;
    bool offered = false;
    std::int64_t ms = 0;  ///< since kubelet was sent that list
  };
  /// The node cannot be as it is wanted, cannot for another reason, or can again (Degraded::No).
  struct DegradedChanged {
    control::Degraded reason = control::Degraded::No;
    std::string message;
  };
  /// The device plugins begin to register with a kubelet anew.
  struct Registered {
    std::string epoch;
  };
  struct GpuLostChanged {
    std::string gpu;     ///< UUID
    std::string device;  ///< "gpu0"
    bool lost = false;
  };
  struct XidHeard {
    std::string gpu;  ///< UUID
    std::uint32_t gi = kNoInstance;
    std::uint32_t xid = 0;
    std::string device;  ///< whose that is, if it is one of Kerf's
  };
  /// A driver operation failed.
  struct DriverFailed {
    const char* operation = "";  ///< "look", "create_instance", ...
    std::string gpu;             ///< UUID; "" of a look
    Code code = Code::Unknown;
  };
  /// The status was written. The host's clock says when.
  struct Reported {
    bool ok = false;
  };

  using Record =
      std::variant<CutBegan, CutPhase, CutEnded, Allocated, OfferChanged, DegradedChanged,
                   Registered, GpuLostChanged, XidHeard, DriverFailed, Reported>;
  /// In order. Each is a line of the log, and what counters and histograms count: cuts by kind and
  /// result, phases with durations, failures by operation and code, allocations.
  using Records = std::vector<Record>;

  /// The catalogue must outlive it.
  explicit Chronicle(const gpu::Catalogue& catalogue);
  ~Chronicle();
  Chronicle(Chronicle&&) noexcept;
  Chronicle& operator=(Chronicle&&) noexcept;

  /// After each step of the mind: what it was told, what it answered with, and when. The first
  /// batch has Started; another Started begins another run.
  Records observe(std::span<const Event> batch, std::span<const Effect> effects, Instant now);

  /// How many slices there are by the last Report.
  struct SliceCount {
    std::string form;
    cluster::SliceState state = cluster::SliceState::Free;
    bool operator==(const SliceCount&) const = default;
    auto operator<=>(const SliceCount&) const = default;
  };
  std::map<SliceCount, int> slices() const;

  /// Cuts that have begun and not ended.
  std::size_t open() const;

 private:
  class Memory;
  std::unique_ptr<Memory> memory_;
};

/// "give", "create_instance", "allocate_won": for labels of metrics and fields of a log.
const char* to_string(Chronicle::Cut kind);
const char* to_string(Chronicle::Phase phase);
const char* to_string(Chronicle::Result result);

}  // namespace kerf::agent
