// kubelet's file kubelet_internal_checkpoint: which devices it has given to pods.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/agent/words.h"

namespace kerf::codec {

inline constexpr std::size_t kCheckpointBytesMax = 16u << 20;

struct KubeletCheckpoint {
  /// Of every resource, not only Kerf's; one for each device of each container, in file order.
  /// Holder::pod is "": the file has uids only.
  std::vector<agent::Holder> devices;
  std::vector<std::string> pod_uids;  ///< pod_uids[i] is the uid of the pod that has devices[i]
  /// Devices that kubelet knew, healthy or not, by resource.
  std::map<std::string, std::set<std::string>> registered;
};

/// Reads the file of any kubelet so far: device ids by NUMA node (since 1.20) or as one list. What
/// is read must have its type, null is empty as in Go, other fields are passed over. At most 16 MiB
/// (TooLarge). The caller has to read the file as a whole in one go: kubelet replaces it by rename.
///
/// The checksum is not verified. It is a hash of how Go prints kubelet's own structs, so it could
/// be computed for known releases only; and it guards against a damaged disk, after which kubelet
/// forgets all allocations, while here a device that the file names counts as held: a wrong answer
/// keeps slices, it never destroys one.
Result<KubeletCheckpoint> read_kubelet_checkpoint(std::string_view text, std::string_view file);

}  // namespace kerf::codec
