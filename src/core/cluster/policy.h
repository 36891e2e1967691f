// Policy: what a SlicePolicy allows a plan to buy and how pods may be served.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/cluster/pod.h"
#include "core/gpu/form.h"
#include "core/market/market.h"

namespace kerf::cluster {

/// Room to keep free: planned for like pods, named headroom/<resource>.
struct Headroom {
  GpuRequest request;
  std::int64_t count = 0;
  Resources each;  ///< CPU and memory that such a pod would want; pods = 1
};

/// The planning part of a SlicePolicy. Empty list = no restriction, unless said otherwise.
struct Policy {
  std::string name;                                    ///< "" = none given
  std::vector<std::string> instance_types;             ///< names or globs with '*': "g7e.*"
  std::vector<std::string> families;                   ///< "p4d", "g6"
  std::vector<std::string> architectures = {"amd64"};  ///< a pod that names one overrides it
  std::vector<std::string> zones;
  std::vector<market::CapacityType> capacity_types = {market::CapacityType::OnDemand};
  Isolation isolation_floor = Isolation::Shared;  ///< requests are raised to at least this
  std::optional<MicroUsdPerHour> limit_per_hour;
  std::optional<std::int64_t> limit_gpus;
  std::vector<Headroom> headroom;
  std::map<std::string, std::string> node_labels;  ///< every node bought carries these
  /// May a node be given any other label that its pods select by? Else those of node_labels only.
  bool gives_labels = true;
  std::vector<Taint> node_taints;  ///< and these, beyond kerf.dev/slices
  gpu::SharingOptions sharing;
};

/// True if the policy lets nodes of this offering be bought (types, families, zones, capacity
/// types; architecture is judged with the pod). What is owned (a count, and price 0) is not bought:
/// of it the policy says only in which zones it may be used.
bool allows(const Policy& policy, const market::InstanceType& type,
            const market::Offering& offering);
/// "p4d.24xlarge" against "p4d.*" or "*.24xlarge": '*' is any run of characters.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace kerf::cluster
