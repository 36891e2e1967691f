// Merging classes that are nearly equal: a smaller problem in the place of a larger one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// By class: which group of nearly equal classes it is in, groups numbered from 0. At most about
/// `most` groups: classes that the same GPUs serve with the same units, in one cell of a grid over
/// the logarithms of CPU, memory and disk, as fine as that number allows. Every class is a group of
/// its own where they are no more than that, and where company matters to some.
std::vector<std::uint32_t> alike(const Problem& problem, std::size_t most);

/// A problem whose classes are such groups, each asking for the mean of its items; its machines are
/// those of the first problem, in its order, with one candidate for each group and units of theirs
/// that somebody asks for, in that order. A proposal only: what it finds feasible need not be.
class Merged {
 public:
  Merged(const Problem& problem, const std::vector<std::int64_t>& demand,
         const std::vector<std::uint32_t>& group_of);

  const Problem& problem() const { return merged_; }
  /// Items by group.
  std::vector<std::int64_t> demand(const std::vector<std::int64_t>& by_class) const;
  std::vector<double> values(const std::vector<double>& by_class,
                             const std::vector<std::int64_t>& demand) const;
  /// The node with items of the first problem, taken off `residual`: in every place of a group the
  /// largest item of it that leaves the others their mean, else the smallest. What does not fit is
  /// left out.
  Pattern realise(const Pattern& node, std::vector<std::int64_t>& residual) const;

 private:
  struct Member {
    std::uint32_t candidate;  ///< of the first problem's machine
    std::uint32_t cls;
    double size;
  };
  const Problem& problem_;
  std::vector<std::uint32_t> group_of_;
  Problem merged_;
  /// By machine, merged candidate: who can take its place, the largest first.
  std::vector<std::vector<std::vector<Member>>> members_;
};

}  // namespace kerf::plan
