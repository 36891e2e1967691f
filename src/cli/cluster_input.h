// read_cluster_input: a live cluster or a snapshot, with its prices, for every command that asks.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/plan_arguments.h"
#include "cli/purchase.h"
#include "codec/cluster_reading.h"
#include "core/cluster/cluster.h"

namespace kerf::cli {

struct ClusterInput {
  codec::ClusterReading reading;
  cluster::Cluster cluster;
  Purchase purchase;               ///< market and policy; the market has what is owned too
  std::string headline;            ///< what was read, when, at which prices: the first line
  std::vector<std::string> notes;  ///< what could not be read, and what that leaves out
};

/// The objects alone, whatever they say: of `--snapshot FILE`, or of the cluster through kubectl.
Result<codec::ClusterReading> read_reading(const PlanArguments& arguments,
                                           const std::function<void(std::string_view)>& tell);

/// Reads what the arguments say: `--snapshot FILE`, or the cluster through kubectl. Prices:
/// --prices; else the pages of Karpenter's metrics that were read; else the shipped table of
/// --price-region or of the cluster's region. `tell` gets what is being done.
Result<ClusterInput> read_cluster_input(const PlanArguments& arguments,
                                        const std::function<void(std::string_view)>& tell);

}  // namespace kerf::cli
