// Whether a pod's node is one that another pod's node selector and affinity admit, as far as the
// needs of the two pods say.
#pragma once

#include <cstdint>
#include <string>

#include "core/cluster/pod.h"

namespace kerf::plan {

enum class OnNodes : std::uint8_t { Never, Maybe, Always };

/// Is a pod of shape `other` that runs in `zone` on a node that node selector and node affinity of
/// `carrier` admit? Never and Always hold whatever node is bought for `other`; Maybe says nothing.
OnNodes on_nodes_of(const cluster::PodShape& carrier, const cluster::PodShape& other,
                    const std::string& zone);

}  // namespace kerf::plan
