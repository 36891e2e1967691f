// GpuKind: what one GPU of a machine can hold of the forms that a problem asks for.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "core/gpu/form.h"
#include "core/gpu/model.h"
#include "core/plan/geometries.h"

namespace kerf::plan {

/// How many of each unit (a form that some pod may get), by position in GpuKind::units.
struct UnitCounts {
  static constexpr std::size_t kMax = 24;  ///< 11 profiles, whole, fraction, shared forms
  std::array<std::uint8_t, kMax> n{};

  bool operator==(const UnitCounts& other) const {
    static_assert(kMax == 24);
    std::array<std::uint64_t, 3> a{}, b{};
    std::memcpy(a.data(), n.data(), kMax);
    std::memcpy(b.data(), other.n.data(), kMax);
    return a == b;
  }
  auto operator<=>(const UnitCounts&) const = default;
  bool zero() const { return *this == UnitCounts{}; }
  /// Every count of this is at most that of `room`.
  bool within(const UnitCounts& room) const;
  UnitCounts plus(const UnitCounts& other, int times = 1) const;
  /// Count by count, never below zero.
  UnitCounts minus(const UnitCounts& other) const;
  /// Count by count the smaller.
  UnitCounts clamp(const UnitCounts& room) const;
};

struct UnitCountsHash {
  std::size_t operator()(const UnitCounts& counts) const;
};

/// What is known of sets of units: how many GPUs do for them, how many do not. A hash table of its
/// own, because a plan asks millions of times. The empty set is never in it.
class KnownSets {
 public:
  struct Known {
    UnitCounts counts;
    std::uint8_t enough = 255;  ///< so many GPUs hold the set; 255 = not known of any number
    std::uint8_t too_few = 0;   ///< so many do not
  };
  /// nullptr where nothing is known.
  const Known* find(const UnitCounts& counts) const;
  /// The entry of a set, made where there is none; valid until the next call.
  Known& at(const UnitCounts& counts);

 private:
  std::size_t slot(const UnitCounts& counts) const;  ///< where it is or would be
  std::vector<Known> table_;                         ///< a power of two; at most half full
  std::size_t used_ = 0;
};

using gpu::GpuMode;

/// Part of a GPU that one device of this form is, in 1/840 (GpuKind::kWholeWeight): of a slice the
/// larger of its shares of memory and compute.
std::int32_t form_weight(const gpu::Model& model, const gpu::Form& form);

/// All that one GPU can hold is given by its corners: any part of a legal set of slices is legal,
/// so a set of units fits if and only if it lies under a corner. Several GPUs hold a set if it can
/// be parted so that each part lies under a corner; that is decided by search with memory, exactly
/// (see covers).
class GpuKind {
 public:
  /// `units` are distinct forms of this model; those that `mode` does not allow must be absent.
  /// `tables` (null: none are kept) serves during construction only.
  GpuKind(const gpu::Model& model, GpuMode mode, std::vector<gpu::Form> units,
          Geometries* tables = nullptr);

  const gpu::Model& model() const { return *model_; }
  GpuMode mode() const { return mode_; }
  const std::vector<gpu::Form>& units() const { return units_; }
  const std::vector<UnitCounts>& corners() const { return corners_; }
  /// Part of a GPU that one of this unit takes, in 1/840 of a GPU (840 = lcm of slot counts and
  /// replicas in use); for ordering and for sharing a price, not for feasibility.
  std::int32_t weight(std::size_t unit) const { return weights_[unit]; }
  std::int64_t weight(const UnitCounts& counts) const;
  /// The most that one GPU holds, by weight.
  std::int64_t heaviest() const;
  static constexpr std::int32_t kWholeWeight = 840;

  /// Can `gpus` GPUs hold the set? Exact unless the search passes its step bound (never seen with
  /// real models; then the answer is a safe "no" and exact() turns false).
  bool covers(const UnitCounts& counts, int gpus) const;
  /// One way to part the set over the GPUs; nullopt where covers() is false.
  std::optional<std::vector<UnitCounts>> part(const UnitCounts& counts, int gpus) const;
  bool exact() const { return exact_; }

 private:
  struct Inequality {  ///< sum of w * counts <= limit for one GPU; holds for every corner
    std::array<std::int32_t, UnitCounts::kMax> w{};
    std::int32_t limit = 0;
  };
  void add_inequality(const std::vector<std::int32_t>& w);
  bool rejected(const UnitCounts& counts, int gpus) const;
  bool search(const UnitCounts& counts, int gpus, std::vector<UnitCounts>* parts,
              std::int64_t& steps) const;

  const gpu::Model* model_;
  GpuMode mode_;
  std::vector<gpu::Form> units_;
  std::vector<UnitCounts> corners_;
  std::vector<std::int32_t> weights_;
  std::vector<std::size_t> by_weight_;  ///< units, heaviest first
  std::vector<Inequality> inequalities_;
  bool single_ = false;  ///< one unit only: counting is enough
  mutable KnownSets known_;
  mutable bool exact_ = true;
};

}  // namespace kerf::plan
