// Runs the checks and puts what they found in order.
#include "doctor/doctor.h"

#include <algorithm>
#include <utility>

#include "doctor/checks.h"
#include "doctor/facts.h"

namespace kerf::doctor {

Diagnosis examine(const codec::ClusterReading& reading, const market::Market& known,
                  std::int64_t now_ms) {
  const Facts facts(reading, known, now_ms);
  Diagnosis out{.source = reading.source,
                .server_version = reading.server_version,
                .taken_ms = reading.taken_ms,
                .nodes = facts.nodes.size()};
  for (const NodeFacts& node : facts.nodes) out.gpu_nodes += node.gpu ? 1 : 0;
  for (const PodFacts& pod : facts.pods) {
    out.pods += pod.ended ? 0 : 1;
    out.gpu_pods += !pod.ended && pod.gpu() ? 1 : 0;
  }
  for (const auto check :
       {check_versions, check_rights, check_karpenter, check_node_pools, check_prices,
        check_operator, check_plugins, check_nodes, check_pods, check_moves, check_kerf}) {
    check(facts, out.findings);
  }
  std::stable_sort(out.findings.begin(), out.findings.end(),
                   [](const Finding& a, const Finding& b) {
                     return std::pair(a.severity(), a.code) < std::pair(b.severity(), b.code);
                   });
  return out;
}

std::int64_t Diagnosis::count(Severity severity) const {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const Finding& one) { return one.severity() == severity; });
}

}  // namespace kerf::doctor
