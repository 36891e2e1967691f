// bound_of: what no fleet for the same pods can cost less than, worked out beside the mind.
#pragma once

#include <cstddef>

#include "core/controller/words.h"

namespace kerf::shell {

/// For the pods that `solution` serves of a Search::Compare: the least that any fleet for them can
/// cost, and what they would cost on whole GPUs as Karpenter packs them. With an LP; seconds for
/// hundreds of shapes. Both are left out where there are more than `shapes_max` different shapes,
/// the second also where whole GPUs could not serve all of them. Any thread.
controller::Bounded bound_of(const controller::Problem& problem,
                             const controller::Solution& solution, controller::EffectId effect,
                             std::size_t shapes_max);

}  // namespace kerf::shell
