// Rehearsal: what the agent would do to a node to have it cut as wanted, tried without a node.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/agent/words.h"
#include "core/gpu/model.h"

namespace kerf::agent {

/// What was read of a node. Nothing of it is changed.
struct NodeRead {
  std::string boot_id;
  std::optional<Journal> journal;
  std::vector<CdiEntry> cdi;
  std::vector<SeenGpu> gpus;  ///< by NVML index
  /// By Source. One that is not `known` lets nothing be taken.
  std::array<Holders, kSources> holders;
  bool kubelet_up = true;
  /// What kubelet has as allocatable, of Kerf's resources: device ids by resource.
  std::map<std::string, std::set<std::string>> healthy;
  std::set<std::string> foreign_plugins;  ///< resources that another device plugin serves here
  bool foreign_driver = false;            ///< there are ResourceSlices of another driver
};

/// One thing that would be done, as people think of it.
struct RehearsedStep {
  enum class What : std::uint8_t {
    Create,    ///< a slice is cut, or completed
    Destroy,   ///< a slice is cut away
    Publish,   ///< kubelet begins to offer a device
    Withdraw,  ///< kubelet ceases to offer it: parked, renamed, or about to go
    Rename,    ///< a device is offered, or kept, under another resource
  };
  What what = What::Create;
  std::uint32_t gpu = 0;
  std::string uuid;  ///< of the GPU
  std::string device;
  std::string resource;        ///< Rename: the new one
  std::string before;          ///< Rename: the old one
  int driver_operations = 0;   ///< Create, Destroy: one for each instance
  bool was_published = false;  ///< Destroy, Withdraw, Rename: a free slice that kubelet offers now
  bool operator==(const RehearsedStep&) const = default;
};

/// A device that is not as wanted in the end.
struct Difference {
  enum class What : std::uint8_t {
    Missing,     ///< wanted, and does not stand
    Staying,     ///< not wanted, and stands
    NotOffered,  ///< wanted published, and kubelet does not have it so
    Offered,     ///< wanted parked, and kubelet offers it
    OtherName,   ///< kubelet has it under another resource
  };
  What what = What::Missing;
  std::string device;
  /// "ns/name" of the pod that holds it, or what is in its way; "" if no pod does.
  std::string pod;
  bool held = false;            ///< somebody holds it, or what is in its way
  std::vector<std::string> by;  ///< Missing: devices that are in its way
  bool operator==(const Difference&) const = default;
};

struct GpuAfter {
  std::uint32_t gpu = 0;  ///< the agent's number
  std::string uuid;
  std::string model;  ///< "" = not known
  std::string layout_before;
  std::string layout_after;  ///< "A100-40 [2g.10gb@0]": what stands; "whole@0" and replicas too
};

struct Rehearsal {
  std::vector<RehearsedStep> steps;  ///< in order
  int driver_operations = 0;
  std::vector<Difference> differences;  ///< by device; empty: all is as wanted in the end
  control::Degraded degraded = control::Degraded::No;
  std::string message;  ///< of degraded
  std::vector<GpuAfter> gpus;
  /// False: it did not come to rest in half an hour of virtual time, which is a mistake of Kerf's.
  bool settled = true;
  /// Nothing would be changed at all.
  bool nothing() const { return steps.empty(); }
};

/// Runs the agent's mind against what was read, in virtual time: each operation succeeds as soon as
/// it is asked for, kubelet confirms each list, holders stay as they are. Ends when nothing has
/// happened for as long as the mind ever waits by itself.
///
/// The result is what would happen if nothing else did: a driver that refuses, or a pod that comes
/// or goes, makes it another.
Rehearsal rehearse(const gpu::Catalogue& catalogue, const NodeRead& node,
                   const control::GpuNodeSpec& wanted);

/// A device that pods can be sent to now and could not be any more.
struct TakenPublished {
  enum class How : std::uint8_t { Goes, Parked, Renamed };
  std::string device;
  std::string resource;  ///< under which it is published now
  How how = How::Goes;
  bool operator==(const TakenPublished&) const = default;
};
/// What of that which is published, by kubelet or as the journal says, the layout wanted takes
/// away, parks or renames; by device. On a node that is not cordoned this is refused: nobody lowers
/// the Node's allocatable first, and pods may be on their way. The layout is taken as it stands:
/// whether it is legal is not asked.
std::vector<TakenPublished> taken_published(const NodeRead& node,
                                            const control::GpuNodeSpec& wanted);

}  // namespace kerf::agent
