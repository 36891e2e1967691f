// The order of the sections of the table.
#include "report/table.h"

#include "report/headline.h"
#include "report/screen.h"

namespace kerf::report {

std::string plan_table(const plan::Plan& plan, const cluster::Demand& demand,
                       const market::Market& market, const cluster::Policy& policy,
                       const TableOptions& options) {
  Screen screen(plan, demand, market, policy, options);
  if (options.owned_only) {
    write_inputs(screen);
    write_owned_only(screen);
  } else {
    write_headline(screen);
  }
  write_levers(screen);
  write_workloads(screen);
  write_fleet(screen);
  write_use(screen);
  write_unplaced(screen);
  write_notes(screen);
  return screen.take();
}

}  // namespace kerf::report
