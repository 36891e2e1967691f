// LabelFront: partial contents of one node that none of their like leaves more room than.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/resources.h"

namespace kerf::plan {

/// For contents of the same devices, offered by falling worth: whatever could still be added to one
/// that is beaten could be added to the one that beats it. Most are accepted or refused by their
/// CPU and memory, in logarithmic time.
class LabelFront {
 public:
  /// `left`: room that can still be put to use; `taken`: items of the class at hand. False: one
  /// that was accepted before leaves as much of everything and has taken no more.
  bool accepts(const Resources& left, std::int64_t taken) {
    const Spare spare{left, taken};
    const auto step = std::lower_bound(
        stairs_.begin(), stairs_.end(), left.cpu_milli,
        [this](std::uint32_t i, std::int64_t cpu) { return all_[i].left.cpu_milli < cpu; });
    // Of those with as much CPU this one has the most memory.
    if (step != stairs_.end() && all_[*step].left.memory_mib >= left.memory_mib &&
        (beats(all_[*step], spare) ||
         std::any_of(all_.begin(), all_.end(),
                     [&](const Spare& other) { return beats(other, spare); })))
      return false;
    all_.push_back(spare);
    climb(step);
    return true;
  }

 private:
  struct Spare {
    Resources left;
    std::int64_t taken = 0;
  };

  static bool beats(const Spare& a, const Spare& b) {
    return b.left.fits(a.left) && a.taken <= b.taken;
  }

  /// The last one becomes a step; `at` is the first with no less CPU.
  void climb(std::vector<std::uint32_t>::iterator at) {
    const auto last = static_cast<std::uint32_t>(all_.size() - 1);
    const Resources& left = all_.back().left;
    if (at != stairs_.end() && all_[*at].left.memory_mib >= left.memory_mib) return;
    if (at != stairs_.end() && all_[*at].left.cpu_milli == left.cpu_milli) ++at;
    auto from = at;
    while (from != stairs_.begin() && all_[*(from - 1)].left.memory_mib <= left.memory_mib) --from;
    stairs_.insert(stairs_.erase(from, at), last);
  }

  std::vector<Spare> all_;
  std::vector<std::uint32_t> stairs_;  ///< in all_: more CPU and less memory from step to step
};

}  // namespace kerf::plan
