// The checks of kerf doctor, area by area: each adds what it finds.
#pragma once

#include <vector>

#include "doctor/facts.h"
#include "doctor/finding.h"

namespace kerf::doctor {

using Findings = std::vector<Finding>;

/// Versions of Kubernetes, how old the reading is.
void check_versions(const Facts& facts, Findings& out);
/// What may not be read, and the rule that would allow it.
void check_rights(const Facts& facts, Findings& out);
/// Karpenter's version and gates, NodePools, NodeOverlays, NodeClasses.
void check_karpenter(const Facts& facts, Findings& out);
void check_node_pools(const Facts& facts, Findings& out);
void check_prices(const Facts& facts, Findings& out);
/// GPU Operator, other device plugins, DRA.
void check_operator(const Facts& facts, Findings& out);
void check_plugins(const Facts& facts, Findings& out);
void check_nodes(const Facts& facts, Findings& out);
void check_pods(const Facts& facts, Findings& out);
/// Pods that nobody may move.
void check_moves(const Facts& facts, Findings& out);
/// Kerf's own kinds, agents, policies.
void check_kerf(const Facts& facts, Findings& out);

}  // namespace kerf::doctor
