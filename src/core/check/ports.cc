// Ports: no two pods of a node want the same host port.
#include "core/check/audit.h"

namespace kerf::check {
namespace {

void check_node(Audit& audit, std::size_t index) {
  struct Taken {
    const cluster::HostPort* port;
    std::uint32_t pod;
  };
  std::vector<Taken> taken;
  for (const std::uint32_t pod : audit.plan.nodes[index].pods) {
    for (const cluster::HostPort& port : audit.shape_of(pod).host_ports) {
      for (const Taken& other : taken) {
        if (other.pod == pod || !ports_clash(*other.port, port)) continue;
        audit.complain("{} and {} both want host port {} of {}", audit.pod_name(other.pod),
                       audit.pod_name(pod), port.port, audit.node_name(index));
        break;
      }
      taken.push_back({&port, pod});
    }
  }
}

}  // namespace

bool ports_clash(const cluster::HostPort& a, const cluster::HostPort& b) {
  const auto every = [](const std::string& ip) { return ip.empty() || ip == "0.0.0.0"; };
  return a.port == b.port && a.protocol == b.protocol &&
         (a.ip == b.ip || every(a.ip) || every(b.ip));
}

void check_ports(Audit& audit) {
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) check_node(audit, i);
}

}  // namespace kerf::check
