// GpuContents: which forms the GPUs of a node can hold together, from the profiles' own figures.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/cluster/policy.h"
#include "core/gpu/form.h"
#include "core/gpu/model.h"
#include "core/market/market.h"

namespace kerf::check {

/// How many of each form: counts[i] belongs to forms()[i].
using FormCounts = std::vector<std::uint8_t>;

/// All that one GPU of a type may hold in a mode. Assumes that slots of slices are disjoint, that a
/// profile has its starts and its most instances, that engines add up (geometry.cc has the
/// sources), and that the forms on one GPU are of one kind. Made by trying every legal layout:
/// some thousand.
class GpuContents {
 public:
  /// `mode` Any: each GPU as it likes, which is more than a node of Ampere can do.
  GpuContents(const market::InstanceType& type, const gpu::Model& model, gpu::GpuMode mode,
              const cluster::Policy& policy);

  const std::vector<gpu::Form>& forms() const { return forms_; }
  /// The contents of one GPU that no other content covers.
  const std::vector<FormCounts>& corners() const { return corners_; }
  /// The index of a form that is the same but for what its memory is said to be; -1 = none.
  int find(const gpu::Form& form) const;

 private:
  void add_slices(const gpu::Model& model);
  void add_corner(std::size_t form, std::uint8_t count);

  std::vector<gpu::Form> forms_;
  std::vector<FormCounts> corners_;
};

/// Drops vectors that another one covers, and repetitions.
std::vector<FormCounts> maximal(std::vector<FormCounts> vectors);
/// True if one of the vectors covers this one.
bool covered(const std::vector<FormCounts>& vectors, const FormCounts& counts);

/// Whether numbers of forms fit on several GPUs, by trying corner after corner. Remembers answers.
class GpuRoom {
 public:
  static constexpr std::size_t kMostForms = 16;
  using Units = std::array<std::uint16_t, kMostForms>;  ///< of each form; unused ones 0
  struct UnitsHash {
    std::size_t operator()(const Units& units) const {
      std::uint64_t hash = 0xcbf29ce484222325ULL;
      for (const std::uint16_t count : units) hash = (hash ^ count) * 0x100000001b3ULL;
      return static_cast<std::size_t>(hash ^ (hash >> 29));
    }
  };

  GpuRoom() = default;
  /// At most kMostForms forms.
  GpuRoom(std::vector<FormCounts> corners, int gpus) : corners_(std::move(corners)), gpus_(gpus) {}

  bool fits(const Units& units) {
    const auto [at, fresh] = known_.try_emplace(units, false);
    if (fresh) at->second = fits(units, gpus_);
    return at->second;
  }
  int gpus() const { return gpus_; }
  const std::vector<FormCounts>& corners() const { return corners_; }

 private:
  bool fits(const Units& units, int gpus);

  std::vector<FormCounts> corners_;
  int gpus_ = 0;
  std::unordered_map<Units, bool, UnitsHash> known_;  ///< on all GPUs
  std::map<std::pair<Units, int>, bool> known_on_fewer_;
};

}  // namespace kerf::check
