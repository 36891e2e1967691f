// Feature labels: what NVIDIA's GPU Feature Discovery would write on a node, strategy mixed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/control/gpu_node.h"
#include "core/gpu/model.h"

namespace kerf::agent {

/// A kind of slice as the driver tells it of one GPU.
struct ProfileFacts {
  std::string form;  ///< Kerf's name of it, "1g.10gb+me": the catalogue's for NVML's id
  std::int64_t memory_mib = 0;
  std::uint32_t multiprocessors = 0;
  std::uint32_t slices = 0;  ///< compute slices; Kerf's one compute instance has all of them
  gpu::Engines engines;      ///< -1: not told, and no label
  bool operator==(const ProfileFacts&) const = default;
};

struct GpuFacts {
  std::string uuid;
  std::string product;          ///< NVML's name, "NVIDIA A100-SXM4-40GB"
  std::int64_t memory_mib = 0;  ///< of the whole board; 0: not known
  int compute_major = 0;        ///< CUDA compute capability; 0: not known
  int compute_minor = 0;
  bool mig_capable = false;
  std::optional<std::uint32_t> pci_class;  ///< 0x030200 of /sys/bus/pci/devices/<address>/class
  /// "<cluster UUID>.<clique id>" of a GPU in an NVLink fabric that spans machines; "": in none.
  std::string clique;
  std::vector<ProfileFacts> profiles;  ///< empty without MIG
  bool operator==(const GpuFacts&) const = default;
};

/// What of a node does not change while its driver is loaded.
struct NodeFacts {
  std::string driver_version;  ///< "570.124.06"
  int cuda_version = 0;        ///< NVML's number, 12080 = 12.8; 0: not known
  std::string machine;         ///< /sys/class/dmi/id/product_name; "": not known
  bool vgpu = false;           ///< its GPUs are a hypervisor's vGPUs
  std::vector<GpuFacts> gpus;  ///< by NVML index; those that are lost may be missing
  bool operator==(const NodeFacts&) const = default;
};

/// The labels, each key with its "nvidia.com/". Empty as long as no GPU is known of both by facts
/// and by status. What GPU Feature Discovery v0.20.0 (k8s-device-plugin internal/lm) writes, with
/// these differences:
///  - nvidia.com/gfd.timestamp is not there: it says when another program ran, and would make an
///    object change that says nothing new.
///  - Slices are counted as the status has them, complete ones only. Instances that Kerf did not
///    make are nobody's to ask for, and are not counted.
///  - With a lost GPU GPU Feature Discovery fails, and the labels stay as they were: here the
///  others
///    count.
///  - On a node with several boards GPU Feature Discovery describes any of them, by chance. Here it
///    is the first that is not cut, else the first.
///  - Replicas are what a time-slicing configuration with their number would make of that GPU: the
///    product is called -SHARED if they are offered as nvidia.com/gpu, and not under another name
///    (renameByDefault).
///  - No label of a vGPU's host driver.
///  - What Kubernetes would not take as a label's value (longer than 63 characters) is left out.
std::map<std::string, std::string> feature_labels(const NodeFacts& facts,
                                                  const control::GpuNodeStatus& status);

}  // namespace kerf::agent
