// RestTable: what the rest of a node can be worth, by the GPUs and the CPU or memory it has left.
#pragma once

#include <cstdint>
#include <vector>

#include "base/resources.h"

namespace kerf::plan {

/// What amounts come to, where one of each costs what `prices` says.
constexpr std::int64_t worth_of(const Resources& amounts, const Resources& prices) {
  return amounts.cpu_milli * prices.cpu_milli + amounts.memory_mib * prices.memory_mib +
         amounts.disk_mib * prices.disk_mib + amounts.pods * prices.pods;
}

/// An upper bound on the worth of items that can still be added to a node, by dynamic programming
/// over two resources: GPU weight, and the scarcer one of CPU and memory. Both are counted in
/// steps, rounded in favour of the node. For the other resources items pay a price, which the node
/// earns for what it has. Far tighter than a linear program where few items fill a node.
class RestTable {
 public:
  /// One way to put an item on the node; `worth` and prices in one unit (pricing.h: parts).
  struct Way {
    Resources need;
    std::int64_t weight = 0;  ///< of GPU, >= 0
    std::int64_t worth = 0;
    std::int64_t most = 0;  ///< items of it on one node at most
  };

  /// `prices` of one milli-CPU, MiB, MiB and pod slot are >= 0, and what they come to for `room`
  /// fits into 62 bits. Stays empty where items are worth more than can be counted (2^61), and for
  /// thousands of ways on GPUs of many slices.
  void build(const std::vector<Way>& ways, const Resources& room, std::int64_t weight,
             const Resources& prices);
  void clear() { built_ = false; }
  bool empty() const { return !built_; }

  /// No more can be added by ways from w on to a node that has so much left.
  std::int64_t worth(std::size_t w, const Resources& left, std::int64_t weight) const;

 private:
  struct Cells {  ///< of one way
    std::size_t weight = 0, grid = 0;
    std::int64_t worth = 0;  ///< beyond what it pays for
    std::int64_t most = 0;   ///< items of it that there are and that fit
    bool plenty = false;     ///< what fits, not what there is
  };

  std::int64_t gridded(const Resources& r) const { return by_cpu_ ? r.cpu_milli : r.memory_mib; }
  void choose_steps(const std::vector<Way>& ways, const Resources& room, std::int64_t weight);
  Cells cells_of(const Way& way) const;
  bool choose_scale(const std::vector<Cells>& ways);
  void add(const Cells& way, std::int32_t* row) const;
  void add_once(std::size_t weight, std::size_t grid, std::int32_t worth, bool again,
                std::int32_t* row) const;

  bool built_ = false;
  bool by_cpu_ = true;
  Resources prices_;                         ///< 0 for the resource that is counted in steps
  std::int64_t weight_step_ = 1, step_ = 1;  ///< what one cell stands for
  std::int64_t scale_ = 1;                   ///< what one unit of an entry stands for
  std::size_t weights_ = 0, grid_ = 0;
  std::vector<std::int32_t> table_;  ///< [way][weight][grid]; the last way is none
};

}  // namespace kerf::plan
