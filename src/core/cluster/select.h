// select(): the part of a cluster that some of its pods are.
#pragma once

#include <string>

#include "core/cluster/cluster.h"

namespace kerf::cluster {

struct Selection {
  std::string ns;       ///< pods of this namespace; "" = of all
  Requirements labels;  ///< pods with such labels; empty = all
  bool all() const { return ns.empty() && labels.empty(); }
};

/// The pods selected, and the nodes that they run on. Pods that are not selected hold their devices
/// as StandingSlice::holder. A node on which others hold devices too is `shared`, at the part of
/// its prices that the selected pods hold of all that is held, in GPUs; idle room is everybody's in
/// proportion. Where nobody holds anything each pod on the node has an equal part.
Cluster select(const Cluster& cluster, const market::Market& market, const Selection& selection);

}  // namespace kerf::cluster
