// Karpenter's NodePools, as far as they say which GPUs they buy.
#pragma once

#include <map>
#include <string>

#include "codec/cluster_reading.h"
#include "core/cluster/cluster.h"
#include "core/market/market.h"

namespace kerf::codec {

/// NodePools whose requirements leave at least one GPU type of the market, by name. Zones are not
/// looked at; a requirement that cannot be read, or on a label that types do not decide, does not
/// restrict. No capacity type said: on-demand, which is Karpenter's default.
std::map<std::string, cluster::NodePool> read_node_pools(const KindReading& pools,
                                                         const market::Market& market);

}  // namespace kerf::codec
