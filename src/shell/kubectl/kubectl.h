// Reads a cluster through the user's own kubectl: their context, credentials, plugins and proxies.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/cluster_reading.h"

namespace kerf::kubectl {

struct KubectlOptions {
  std::string program = "kubectl";  ///< looked for in PATH
  std::string kubeconfig = {};      ///< --kubeconfig; "" = kubectl's own choice
  std::string context = {};         ///< --context; "" = the current one
  /// Read in place of all namespaces where the user may not list pods of all of them; "" = none.
  std::string fallback_namespace = {};
  std::chrono::milliseconds timeout{120'000};  ///< for each call
  int at_once = 6;                             ///< calls at the same time
  bool prices = true;                          ///< read Karpenter's metrics pages
  /// What is being done, for a progress line; called on the caller's thread.
  std::function<void(std::string_view)> tell = {};
};

/// Runs `kubectl get RESOURCE -A -o json` for each of codec::cluster_kinds(), and `kubectl get
/// --raw` for the metrics of each Karpenter pod. Nothing else is run and nothing is written,
/// neither in the cluster nor here. A kind that is absent or forbidden is recorded in the reading.
/// Errors: no such program; no context; the API server cannot be reached or refuses the user;
/// neither Pods nor Nodes could be read. They carry kubectl's own first line and say what to do.
Result<codec::ClusterReading> read_cluster(const KubectlOptions& options);

}  // namespace kerf::kubectl
