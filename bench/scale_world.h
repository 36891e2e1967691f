// Clusters of MIG nodes of any size, about 70 % filled: what the benchmark of decisions stands on.
#pragma once

#include <cstddef>
#include <memory>

#include "consolidate_world.h"

namespace kerf::bench {

enum class Fleet : std::uint8_t {
  P4d,    ///< p4d.24xlarge alone, filled by best fit (make_world)
  Mixed,  ///< of ten nodes six p4d.24xlarge, half of them cut, two p5.48xlarge, two g6.12xlarge
};
const char* name_of(Fleet fleet);

/// Filled with the arrivals over and over until they do not fit any more (P4d: until one does not,
/// Mixed: each at its place of least harm, until 100 in a row do not), then 30 % of the pods, drawn
/// at random, are gone. All nodes count as changed, so a Placer made next knows them.
std::unique_ptr<World> make_scale_world(const market::Market& market, const Arrivals& arrivals,
                                        Fleet fleet, std::size_t nodes);

/// What the arrivals say of the demand expected next: a Forecast that saw all of them now.
online::Expectation expectation_of(World& world, const Arrivals& arrivals);

/// Part of all GPUs that is in use, percent.
double percent_in_use(const online::Standing& standing);

/// All nodes count as changed.
void touch_all(online::Standing& standing);

/// Starts a pod at that place.
online::PodId run_at(online::Standing& standing, online::ShapeId shape, online::NodeId node,
                     const std::vector<online::DeviceAt>& devices);

}  // namespace kerf::bench
