// Where Karpenter's metrics pages are, and how they are read through the API server.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/cluster_reading.h"
#include "shell/kubectl/kubectl.h"

namespace kerf::kubectl {

/// More pods are not asked: Karpenter runs two.
inline constexpr std::size_t kPagesMax = 16;

struct PriceCall {
  std::string pod;   ///< "kube-system/karpenter-6d5c"
  std::string path;  ///< of the API server, which passes it on to the pod
};

/// One for each running pod that wears the label of Karpenter's chart, in the pods' order: on its
/// port http-metrics, else 8080. Names that no pod can have are passed over: they become part of a
/// path.
std::vector<PriceCall> price_calls(const std::vector<codec::Node>& pods);

/// A page that cannot be read says why. Error: kubectl cannot be started.
Result<codec::PricePage> read_page(const KubectlOptions& options, const PriceCall& call);

}  // namespace kerf::kubectl
