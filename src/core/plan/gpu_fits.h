// GpuFits: what each pair of a planned GPU and one that stands would leave as it is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/gpu/geometry.h"
#include "core/plan/plan.h"
#include "core/plan/seats.h"

namespace kerf::plan {

/// The legal states of models, with what reseat asks of them again and again.
class Arrangements {
 public:
  struct Table {
    std::shared_ptr<const gpu::Geometry> geometry;
    std::vector<std::uint64_t> masks;  ///< items of each state, as bits
    std::map<gpu::Counts, std::vector<gpu::Geometry::State>> exactly;
  };
  /// nullptr: the model cannot be cut.
  Table* of(const gpu::Model& model);

 private:
  std::map<std::string, Table> tables_;
};

/// A planned node and one that stands, and who holds what of each. All must outlive what uses it.
struct NodePair {
  const NodePlan& planned;
  const Seats& seats;
  const cluster::StandingNode& standing;
  const Seats& running;
  const std::vector<cluster::PodFacts>& facts;
  const gpu::Model& model;
};

/// What a pair of GPUs is good for. The best is the least.
struct GpuFit {
  bool ok = false;
  int left = 0;                    ///< parts of running pods that stay, negative
  int fixed_left = 0;              ///< of them: of pods that Kerf would never move, negative
  int made = 0;                    ///< devices to make
  int spare = 0;                   ///< devices that stand and are not planned
  int open = 0;                    ///< slices: room that is left, in slots, negative
  gpu::Geometry::State state = 0;  ///< slices: how they lie
  auto order() const { return std::tuple(left, fixed_left, made, spare); }
  void add(const GpuFit& other) {
    left += other.left;
    fixed_left += other.fixed_left;
    made += other.made;
    spare += other.spare;
  }
};

/// A planned GPU is g, one that stands is h. Slices lie as that legal state of their counts which
/// is best by GpuFit::order, then leaves most room. A GPU that is handed out in another way than it
/// is planned keeps nobody; devices of pods that are not planned stay, or the pair is not ok.
class GpuFits {
 public:
  /// `table` as Arrangements has it. Both nodes must have the same number of GPUs.
  GpuFits(const NodePair& nodes, Arrangements::Table* table);

  const GpuFit& at(std::size_t g, std::size_t h) const { return fits_[g * count_ + h]; }

  /// Pods with devices on several GPUs: who runs, and whose seat that is to be.
  using Together = std::map<std::uint32_t, std::uint32_t>;
  /// Parts of Seats::gpus[g] and of the running ones on h: who takes whose place.
  using Kept = std::vector<std::pair<std::size_t, std::size_t>>;
  Kept kept(std::size_t g, std::size_t h, const Together& together) const;
  /// The planned GPU with its starts: those who stay as they are, all others in what is left.
  GpuPlan put(std::size_t g, std::size_t h, const Kept& kept) const;

 private:
  /// Items that stand on a GPU, in all and of each part of a running pod.
  struct There {
    std::uint64_t all = 0;
    gpu::Layout others;                ///< held by pods that are not planned
    std::vector<std::uint64_t> parts;  ///< 0: no slices, or none that the model has
    /// Parts by kind, then those of fixed pods first: in this order they are taken.
    std::vector<std::uint32_t> order;
  };

  There read(std::size_t h) const;
  std::uint64_t bit_of(const cluster::StandingSlice& slice) const;
  bool fixed(std::uint32_t pod) const { return !nodes_.facts[pod].fixed.empty(); }
  GpuFit fit(std::size_t g, std::size_t h) const;
  GpuFit fit_slices(std::size_t g, std::size_t h) const;
  bool uncut_alike(std::size_t g, std::size_t h) const;
  const std::vector<gpu::Geometry::State>& states_of(const std::vector<SlicePlan>& wanted) const;
  bool legal_beside(gpu::Geometry::State state, const gpu::Layout& others) const;
  template <class Keeps>
  void count_stays(std::size_t g, std::size_t h, Keeps keeps, GpuFit& fit) const;
  void take_start(SlicePlan& slice, std::size_t h, const SeatPart& stays,
                  std::vector<bool>& taken) const;
  void place_rest(std::size_t g, std::size_t h, GpuPlan& gpu, std::vector<bool>& placed) const;

  NodePair nodes_;
  Arrangements::Table* table_;
  std::size_t count_;
  std::vector<There> there_;                          ///< by standing GPU
  std::vector<std::map<std::uint32_t, int>> wanted_;  ///< by planned GPU: parts by kind
  std::vector<GpuFit> fits_;                          ///< planned x standing
};

/// Handed out in slices; false where nothing is.
bool is_slices(const GpuPlan& gpu);
/// Held by a pod that is not planned.
bool is_others(const cluster::StandingSlice& slice);

}  // namespace kerf::plan
