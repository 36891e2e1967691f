// Inventory: all that can be read about the GPUs of a machine, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/agent/words.h"
#include "core/gpu/model.h"

namespace kerf::agent {

/// Where a fact is from: nobody knows it, the driver told it, or it stands in the shipped table.
enum class FactFrom : std::uint8_t { Nowhere, Driver, Table };

struct SlotRange {
  std::uint8_t start = 0;
  std::uint8_t size = 0;
  auto operator<=>(const SlotRange&) const = default;
};

/// A kind of slice that the GPU can be cut into.
struct InventoryProfile {
  std::uint16_t id = 0;  ///< NVML's profile id
  std::string name;      ///< "1g.10gb"
  std::uint32_t compute_slices = 0;
  std::uint32_t max_instances = 0;
  std::uint32_t multiprocessors = 0;  ///< 0: not known
  gpu::Engines engines;
  std::int64_t memory_mib = 0;  ///< 0: not known
  FactFrom placements_from = FactFrom::Nowhere;
  std::vector<SlotRange> placements;  ///< by start
  bool operator==(const InventoryProfile&) const = default;
};

struct InventoryProcess {
  std::uint32_t pid = 0;
  std::uint32_t ci = kNoInstance;
  std::optional<std::int64_t> used_mib;
  std::uint32_t gi = kNoInstance;  ///< kNoInstance: on the GPU itself
  bool operator==(const InventoryProcess&) const = default;
};

struct InventoryCompute {
  std::uint32_t id = 0;
  std::uint8_t slices = 0;            ///< compute slices
  std::string uuid;                   ///< of its MIG device
  std::uint32_t multiprocessors = 0;  ///< 0: not known
  bool operator==(const InventoryCompute&) const = default;
};

struct InventoryInstance {
  std::uint32_t gi = 0;
  std::uint16_t profile = 0;
  std::string name;  ///< of the profile; "" = not known
  SlotRange slots;
  std::optional<std::int64_t> memory_mib;  ///< unknown without a compute instance
  std::optional<std::int64_t> used_mib;
  std::vector<InventoryCompute> computes;  ///< by id; none, and known: no pod can use it
  std::vector<InventoryProcess> processes;
  bool computes_known = true;  ///< false: not all of them were told, and `computes` is empty
  bool operator==(const InventoryInstance&) const = default;
};

/// A question that was not answered; each with each code once.
struct Unanswered {
  std::string question;  ///< "GPU instances"
  Code code = Code::Unknown;
  bool operator==(const Unanswered&) const = default;
};

struct InventoryGpu {
  std::uint32_t index = 0;
  std::string uuid;
  std::string name;   ///< NVML's product name
  std::string model;  ///< Kerf's key; "" = not known
  std::string pci_bus_id;
  std::optional<std::uint32_t> minor;  ///< of /dev/nvidia<minor>
  std::optional<std::int64_t> memory_mib;
  std::optional<std::int64_t> used_mib;
  std::optional<bool> mig_capable;  ///< nullopt: it was not told
  bool mode = false;                ///< MIG mode, current
  bool mode_pending = false;
  bool lost = false;
  FactFrom profiles_from = FactFrom::Nowhere;
  std::vector<InventoryProfile> profiles;    ///< as the driver or the table orders them
  bool instances_known = false;              ///< MIG is on, and every instance was told
  std::vector<InventoryInstance> instances;  ///< by start
  std::vector<InventoryProcess> processes;   ///< on the GPU itself, or on a GI that was not told
  std::vector<Unanswered> unanswered;
  bool operator==(const InventoryGpu&) const = default;
};

struct Inventory {
  std::string driver_version;  ///< "570.124.06"; "" = not known
  std::string nvml_version;
  std::string cuda_version;        ///< "12.8", the newest that the driver serves
  std::vector<InventoryGpu> gpus;  ///< by index
  bool operator==(const Inventory&) const = default;
};

/// The model of NVML's product name, "NVIDIA A100-SXM4-40GB": its labels are such names with '-'
/// for each blank, as GPU Feature Discovery writes them. nullptr: not known.
const gpu::Model* model_of_product(const gpu::Catalogue& catalogue, const std::string& name);

/// The profiles of the shipped table for a GPU whose driver does not tell them.
std::vector<InventoryProfile> profiles_of(const gpu::Model& model);

/// How the GPU is cut, in the text form of a layout: "H100-80 [1g.10gb@0 3g.40gb@4]". A model that
/// is not known goes by its product name, a profile without a name by "profile-<id>".
std::string layout_text(const InventoryGpu& gpu);

/// True if something could not be read for another reason than that this user or this driver may
/// not or cannot tell it, or if a GPU is lost.
bool has_trouble(const Inventory& inventory);

}  // namespace kerf::agent
