// Money: prices are the market's, every sum adds up to the micro-dollar, limits and bound hold.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

bool is_owned(const market::Offering& offering) {
  return offering.count.has_value() && offering.price.micro == 0;
}

/// What the market asks for this type and capacity type: by zone, and "" for the whole region. For
/// a node that is owned: where such nodes are.
std::map<std::string, MicroUsdPerHour> prices_of(const Audit& audit, const plan::NodePlan& node) {
  std::map<std::string, MicroUsdPerHour> prices;
  for (const market::Offering& offering : audit.market.offerings) {
    if (offering.type == node.type && offering.capacity_type == node.capacity_type &&
        is_owned(offering) == node.owned) {
      prices.emplace(offering.zone, offering.price);
    }
  }
  return prices;
}

void check_price(Audit& audit, std::size_t index) {
  const plan::NodePlan& node = audit.plan.nodes[index];
  const auto prices = prices_of(audit, node);
  // Any zone: the region's price, or else that of every zone where anything is sold.
  std::set<std::string> zones(node.zones.begin(), node.zones.end());
  if (zones.empty()) {
    if (prices.count("") != 0) {
      zones.insert("");
    } else {
      for (const market::Offering& offering : audit.market.offerings) zones.insert(offering.zone);
    }
  }
  for (const std::string& zone : zones) {
    const auto own = prices.find(zone);
    const auto price = own != prices.end() ? own : prices.find("");
    const std::string where = zone.empty() ? "the region" : "zone " + zone;
    if (price == prices.end()) {
      audit.complain("{} is not sold in {} with its capacity type", audit.node_name(index), where);
    } else if (price->second != node.price) {
      audit.complain("{} is planned at {} and costs {} in {}", audit.node_name(index),
                     format_usd(node.price, 6), format_usd(price->second, 6), where);
    }
  }
}

/// No more nodes of a type are used as owned than there are: in all, and in each zone whose nodes
/// are counted by themselves (a node that may be in any of several zones counts in all of them
/// together).
void check_owned(Audit& audit) {
  struct Count {
    std::int64_t there = 0, used = 0;
  };
  std::map<std::uint32_t, Count> by_type;
  std::map<std::pair<std::uint32_t, std::string>, Count> by_zone;
  std::set<std::uint32_t> anywhere;  // types of which some are owned without a zone
  for (const market::Offering& offering : audit.market.offerings) {
    if (!is_owned(offering)) continue;
    by_type[offering.type].there += *offering.count;
    by_zone[{offering.type, offering.zone}].there += *offering.count;
    if (offering.zone.empty()) anywhere.insert(offering.type);
  }
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    const plan::NodePlan& node = audit.plan.nodes[i];
    if (!node.owned) continue;
    if (node.price.micro != 0) {
      audit.complain("{} is owned and has a price of {}", audit.node_name(i),
                     format_usd(node.price, 6));
    }
    ++by_type[node.type].used;
    if (node.zones.size() == 1 && anywhere.count(node.type) == 0)
      ++by_zone[{node.type, node.zones.front()}].used;
  }
  const auto compare = [&](const Count& count, std::uint32_t type, const std::string& where) {
    if (count.used > count.there) {
      audit.complain("{} nodes of {}{} are used as owned and {} are", count.used,
                     audit.market.types[type].name, where, count.there);
    }
  };
  for (const auto& [type, count] : by_type) compare(count, type, "");
  for (const auto& [key, count] : by_zone) compare(count, key.first, " in " + key.second);
}

void expect_sum(Audit& audit, const std::string& what, Int128 parts, MicroUsdPerHour total) {
  if (parts != total.micro) {
    audit.complain("{} add up to {} and not to {}", what,
                   format_usd({static_cast<std::int64_t>(parts)}, 6), format_usd(total, 6));
  }
}

void check_nodes_and_bill(Audit& audit) {
  const plan::Plan& plan = audit.plan;
  Int128 bill = 0;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    check_price(audit, i);
    bill += plan.nodes[i].price.micro;
    if (i > 0 && plan.nodes[i - 1].price < plan.nodes[i].price) {
      audit.complain("{} is dearer than the node before it", audit.node_name(i));
    }
  }
  expect_sum(audit, "bill: the prices of the nodes", bill, plan.bill);

  std::vector<Int128> parts(plan.nodes.size(), 0);
  for (const plan::Placement& placement : plan.placements) {
    parts[placement.node] += placement.cost.micro;
    if (placement.cost.micro < 0) {
      audit.complain("{} is charged less than nothing", audit.pod_name(placement.pod));
    }
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    if (plan.nodes[i].pods.empty()) continue;  // headroom alone: nobody is charged
    expect_sum(audit, audit.node_name(i) + ": the parts of its pods", parts[i],
               plan.nodes[i].price);
  }
}

/// Was the plan put onto a cluster that is not empty?
bool something_stands(const plan::Plan& plan) {
  return std::any_of(plan.nodes.begin(), plan.nodes.end(),
                     [](const plan::NodePlan& node) { return !node.name.empty(); }) ||
         std::any_of(plan.actions.begin(), plan.actions.end(), [](const plan::Action& action) {
           return action.kind == plan::ActionKind::Return;
         });
}

/// What an action says of one of its nodes. A node that stands has a name: it is kept or cut, at no
/// change of the bill. Any other is bought; one that is owned is kept as long as nothing is said of
/// what stands.
void check_action_on(Audit& audit, const plan::Action& action, std::uint32_t node) {
  const plan::NodePlan& planned = audit.plan.nodes[node];
  if (planned.type != action.type || planned.capacity_type != action.capacity_type) {
    audit.complain("an action buys {} as something else", audit.node_name(node));
  }
  const bool keeps = action.kind != plan::ActionKind::Buy;
  if (!planned.name.empty()) {
    if (!keeps) audit.complain("an action buys {}, which stands", audit.node_name(node));
  } else if (action.kind == plan::ActionKind::Cut) {
    audit.complain("an action does not buy {}, and there is nothing yet to act on",
                   audit.node_name(node));
  } else if (planned.owned && !keeps && !something_stands(audit.plan)) {
    audit.complain("an action buys {}, which is owned", audit.node_name(node));
  } else if (!planned.owned && keeps) {
    audit.complain("an action keeps {}, which is not there yet", audit.node_name(node));
  }
}

void check_actions(Audit& audit) {
  const plan::Plan& plan = audit.plan;
  std::vector<int> bought(plan.nodes.size(), 0);
  Int128 total = 0, to_pay = 0;
  for (const plan::Action& action : plan.actions) {
    if (action.kind == plan::ActionKind::Return || action.kind == plan::ActionKind::Move) {
      const bool moves = action.kind == plan::ActionKind::Move;
      if (!action.nodes.empty() || action.count < 1 || action.per_hour.micro > 0 ||
          (moves && action.per_hour.micro != 0)) {
        audit.complain("an action that {} the bill",
                       moves ? "moves names nodes of the plan, or changes"
                             : "returns names nodes of the plan, or adds to");
      }
      continue;
    }
    Int128 sum = 0;
    for (const std::uint32_t node : action.nodes) {
      ++bought[node];
      if (plan.nodes[node].name.empty()) sum += plan.nodes[node].price.micro;
      check_action_on(audit, action, node);
    }
    if (action.count != static_cast<std::int64_t>(action.nodes.size())) {
      audit.complain("an action buys {} nodes and names {}", action.count, action.nodes.size());
    }
    expect_sum(audit, "an action: the prices of its nodes", sum, action.per_hour);
    total += action.per_hour.micro;
  }
  for (const plan::NodePlan& node : plan.nodes)
    if (node.name.empty()) to_pay += node.price.micro;
  expect_sum(audit, "actions: their changes of the bill", total,
             {static_cast<std::int64_t>(to_pay)});
  for (std::size_t i = 0; i < bought.size(); ++i) {
    if (bought[i] != 1) audit.complain("{} is bought {} times", audit.node_name(i), bought[i]);
  }
}

/// By workload, what its pods are charged.
void check_workloads(Audit& audit) {
  const plan::Plan& plan = audit.plan;
  const auto& workloads = audit.demand.workloads;
  if (plan.workloads.size() != workloads.size()) {
    audit.complain("{} workloads are accounted for and there are {}", plan.workloads.size(),
                   workloads.size());
    return;
  }
  std::vector<Int128> cost(workloads.size(), 0);
  std::vector<std::int64_t> placed(workloads.size(), 0);
  for (const plan::Placement& placement : plan.placements) {
    const std::uint32_t workload = audit.demand.pods[placement.pod].workload;
    cost[workload] += placement.cost.micro;
    ++placed[workload];
  }
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    const plan::WorkloadCost& account = plan.workloads[i];
    const std::string name = workloads[i].kind + " " + workloads[i].ns + "/" + workloads[i].name;
    expect_sum(audit, name + ": the parts of its pods", cost[i], account.per_hour);
    std::int64_t forms = 0;
    for (const auto& [form, count] : account.forms) forms += count;
    if (account.placed != placed[i] || forms != placed[i]) {
      audit.complain("{} has {} pods placed, {} accounted for and {} by form", name, placed[i],
                     account.placed, forms);
    }
  }
}

/// A node is paid for all month if it holds anything but pods of Jobs, else for as long as the
/// longest of its Jobs runs.
void check_month(Audit& audit) {
  const plan::Plan& plan = audit.plan;
  Int128 transient = 0;
  double month = 0;
  double rounding = 1;  // micro-dollars: one for each product with hours
  for (const plan::NodePlan& node : plan.nodes) {
    bool jobs_only = !node.pods.empty();
    double hours = 0;
    for (const std::uint32_t pod : node.pods) {
      const cluster::Workload& owner = audit.demand.workloads[audit.demand.pods[pod].workload];
      jobs_only = jobs_only && owner.transient;
      hours = std::max(hours, owner.hours_per_month);
    }
    for (const plan::GpuPlan& gpu : node.gpus)
      for (const plan::SlicePlan& slice : gpu.slices) jobs_only = jobs_only && !slice.headroom;
    if (jobs_only) transient += node.price.micro;
    month += static_cast<double>(node.price.micro) * (jobs_only ? hours : kHoursPerMonth);
    rounding += jobs_only ? 1 : 0;
  }
  expect_sum(audit, "transient part: the nodes that only Jobs hold", transient,
             plan.transient_part);
  // A double keeps 53 bits: one part in 10^14 of the month may be lost besides.
  if (std::abs(static_cast<double>(plan.month_micro_usd) - month) > rounding + month * 1e-14) {
    audit.complain("the month is given as {} micro-dollars and comes to {:.0f}",
                   plan.month_micro_usd, month);
  }
  Int128 parts = 0;
  bool headroom = false;
  for (const plan::WorkloadCost& account : plan.workloads) parts += account.month_micro_usd;
  for (const plan::NodePlan& node : plan.nodes)
    for (const plan::GpuPlan& gpu : node.gpus)
      for (const plan::SlicePlan& slice : gpu.slices) headroom = headroom || slice.headroom;
  if (parts > plan.month_micro_usd || (!headroom && parts != plan.month_micro_usd)) {
    audit.complain("the months of the workloads come to {} micro-dollars and the plan's to {}",
                   static_cast<std::int64_t>(parts), plan.month_micro_usd);
  }
}

void check_limits(Audit& audit) {
  const cluster::Policy& policy = audit.policy;
  const plan::Plan& plan = audit.plan;
  std::int64_t gpus = 0;
  for (const plan::NodePlan& node : plan.nodes) gpus += audit.type_of(node).gpu_count;
  if (policy.limit_per_hour && plan.bill > *policy.limit_per_hour) {
    audit.complain("the bill of {} is above the policy's limit of {} an hour",
                   format_usd(plan.bill, 6), format_usd(*policy.limit_per_hour, 6));
  }
  if (policy.limit_gpus && gpus > *policy.limit_gpus) {
    audit.complain("{} GPUs are bought and the policy's limit is {}", gpus, *policy.limit_gpus);
  }
  if (plan.utilisation.gpus != gpus) {
    audit.complain("{} GPUs are bought and {} are counted", gpus, plan.utilisation.gpus);
  }
}

void check_bound(Audit& audit) {
  const plan::Bound& bound = audit.plan.bound;
  const MicroUsdPerHour bill = audit.plan.bill;
  if (bound.per_hour.micro < 0 || bound.per_hour > bill) {
    audit.complain("the bound of {} is not between nothing and the bill of {}",
                   format_usd(bound.per_hour, 6), format_usd(bill, 6));
  } else if (bound.optimal && bound.per_hour != bill) {
    audit.complain("the plan is called the cheapest possible, and its bound is {} below the bill",
                   format_usd(bill - bound.per_hour, 6));
  }
}

void check_baselines(Audit& audit) {
  for (const plan::Baseline& baseline : audit.plan.baselines) {
    Int128 cost = 0;
    for (const MicroUsdPerHour part : baseline.per_workload) cost += part.micro;
    // Nodes for headroom alone are charged to no workload.
    if (audit.policy.headroom.empty() || cost > baseline.per_hour.micro) {
      expect_sum(audit, "baseline " + baseline.name + ": the parts of workloads", cost,
                 baseline.per_hour);
    }
    std::int64_t nodes = 0;
    for (const auto& [type, count] : baseline.fleet) nodes += count;
    if (nodes != baseline.nodes) {
      audit.complain("baseline {} has {} nodes and lists {}", baseline.name, baseline.nodes, nodes);
    }
  }
}

}  // namespace

void check_prices(Audit& audit) {
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) check_price(audit, i);
  check_owned(audit);
}

void check_money(Audit& audit) {
  check_nodes_and_bill(audit);
  check_owned(audit);
  check_actions(audit);
  check_workloads(audit);
  check_month(audit);
  check_limits(audit);
  check_bound(audit);
  check_baselines(audit);
}

}  // namespace kerf::check
