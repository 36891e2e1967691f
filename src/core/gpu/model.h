// GPU models and their MIG profiles as values: what the catalogue (data/gpu_*.csv) says of each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kerf::gpu {

/// How a fact is known. Placements: Verified = seen on hardware or in NVIDIA's tables; Derived =
/// the same table as every observed part of the family; Unverified = unknown, never planned with.
enum class Status : std::uint8_t { Verified, Derived, Unverified };

/// Engines of a GPU instance. -1 = not known (then not held against anything).
struct Engines {
  std::int16_t copy = -1;
  std::int16_t decoders = -1;
  std::int16_t encoders = -1;
  std::int16_t jpeg = -1;
  std::int16_t ofa = -1;
  bool operator==(const Engines&) const = default;
};

/// One GPU-instance profile of one model. The key is (model, id): the same name is a different
/// profile on different boards (1g.35gb: double memory on H200, single on GB300).
struct Profile {
  static constexpr std::uint16_t kUnknownId = 0xffff;  ///< 0 is an id: that of the whole GPU

  std::uint16_t id = kUnknownId;    ///< NVML's nvmlGpuInstanceProfileInfo_t.id, e.g. 19, 14, 9
  std::string name;                 ///< as nvidia-smi prints it: "1g.10gb", "1g.5gb+me"
  std::uint8_t compute_slices = 0;  ///< 1, 2, 3, 4, 7
  std::uint8_t slots = 0;           ///< width in placement units; 0 = unknown
  std::uint8_t max_instances = 0;
  std::int32_t memory_mib = 0;  ///< usable, driver-dependent; 0 = unknown
  std::int32_t nominal_gb = 0;  ///< what the name says; portable requests are met by this
  std::int32_t sm_count =
      0;  ///< streaming multiprocessors, not proportional to slices; 0 = unknown
  Engines engines;
  std::vector<std::uint8_t> starts;  ///< legal first slots, ascending; empty = unknown
  Status status = Status::Unverified;
  std::string source;  ///< where the row comes from

  /// "+me", "+gfx", "-me" and the like: never chosen for a portable request.
  bool special() const { return name.find_first_of("+-") != std::string::npos; }
};

/// What the driver needs to switch MIG mode; decides whether whole and cut GPUs may share a node.
enum class Generation : std::uint8_t { NoMig, Ampere, HopperOrLater };

/// One GPU model (board), e.g. "A100-40".
struct Model {
  std::string key;                  ///< Kerf's name, used in layouts: "A100-40", "H100-80", "T4"
  std::vector<std::string> labels;  ///< nvidia.com/gpu.product values that mean this model
  Generation generation = Generation::NoMig;
  std::uint8_t slots = 0;           ///< placement units: 8 for A100..B300, 12 RTX PRO 6000, 4 A30
  std::uint8_t compute_slices = 0;  ///< 7 or 4; 0 without MIG
  std::int32_t memory_mib = 0;
  std::int32_t nominal_gb = 0;    ///< 40 for A100-40, 16 for T4, 48 for L40S
  std::int32_t sm_count = 0;      ///< 0 = unknown
  std::vector<Profile> profiles;  ///< by id order of the catalogue; empty without MIG
  std::string source;

  /// True if the model can be cut: it has profiles and the placements of every one are known
  /// (Verified or Derived, not Unverified).
  bool cuttable() const;
  /// The index in `profiles` of that exact name ("1g.10gb", '+' as printed), if any.
  std::optional<std::size_t> profile_named(std::string_view name) const;
  /// The profile that takes the whole GPU: its engines are all there are. Needs a profile.
  const Profile& full_profile() const;
};

/// The extended resource under which a profile is offered with mixed strategy: '+' becomes '.'.
/// "1g.5gb+me" -> "nvidia.com/mig-1g.5gb.me" (k8s-device-plugin internal/rm/rm.go).
std::string resource_name(const Profile& profile);

/// All models Kerf knows. Order is the catalogue's and part of every tie-break.
struct Catalogue {
  std::vector<Model> models;

  /// Case-insensitive; nullptr if unknown.
  const Model* find(std::string_view key) const;
};

}  // namespace kerf::gpu
