// check_plan: runs the topics of the checker one after the other.
#include "core/check/check.h"

#include "core/check/audit.h"

namespace kerf::check {

void check_fleet(Audit& audit) {
  check_coverage(audit);
  check_geometry(audit);
  check_devices(audit);
  check_capacity(audit);
  check_headroom(audit);
  check_admission(audit);
  check_coupling(audit);
  check_ports(audit);
}

std::vector<std::string> check_plan(const plan::Plan& plan, const cluster::Demand& demand,
                                    const market::Market& market, const cluster::Policy& policy) {
  Audit audit{plan, demand, market, policy, {}, {}};
  // With an index that points at nothing the other topics could not read the plan.
  if (!indices_hold(audit)) return std::move(audit.complaints);
  check_fleet(audit);
  check_money(audit);
  return std::move(audit.complaints);
}

}  // namespace kerf::check
