// Matching of two plans: nodes by what they are, workloads and pods by name.
#include "report/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "report/text.h"

namespace kerf::report {
namespace {

using codec::PlanFile;

/// Sums of what a file claims; it may claim anything.
MicroUsdPerHour added(MicroUsdPerHour a, MicroUsdPerHour b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.micro, b.micro, &sum))
    return {std::numeric_limits<std::int64_t>::max()};
  return {sum};
}

std::string policy_text(const PlanFile& file) {
  std::string out = file.policy.empty() ? "none" : file.policy;
  out += fmt::format("; buys {}", fmt::join(file.capacity_types, ", "));
  if (file.limit_per_hour) out += fmt::format("; at most {}/h", format_usd(*file.limit_per_hour));
  if (file.limit_gpus) out += fmt::format("; at most {} GPUs", *file.limit_gpus);
  return out;
}

using WorkloadKey = std::tuple<std::string, std::string, std::string>;

WorkloadKey key_of(const PlanFile::Workload& workload) {
  return {workload.ns, workload.kind, workload.name};
}

/// Workloads by name; those that a file has twice (a trace's groups) are added up.
std::map<WorkloadKey, WorkloadSide> sides_of(const PlanFile& file) {
  std::map<WorkloadKey, WorkloadSide> out;
  std::map<WorkloadKey, std::map<std::pair<std::string, std::string>, std::int64_t>> forms;
  for (const PlanFile::Workload& workload : file.workloads) {
    WorkloadSide& side = out[key_of(workload)];
    side.pods += workload.pods;
    side.placed += workload.placed;
    side.asks = workload.asks;
    side.per_hour = added(side.per_hour, workload.per_hour);
    for (const PlanFile::Forms& form : workload.forms)
      forms[key_of(workload)][{form.form, form.model}] += form.pods;
  }
  for (auto& [key, list] : forms) {
    std::vector<std::pair<std::string, std::int64_t>> order;
    for (const auto& [form, pods] : list) order.emplace_back(form.first, pods);
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string& text = out[key].forms;
    for (const auto& [form, pods] : order)
      text += fmt::format("{}{}{}", text.empty() ? "" : ", ",
                          pods == 1 && order.size() == 1 ? "" : fmt::format("{} on ", pods), form);
  }
  return out;
}

void compare_inputs(const PlanFile& a, const PlanFile& b, PlanDiff& out) {
  const auto differ = [&](const char* what, const std::string& before, const std::string& after) {
    if (before != after) out.inputs.push_back({what, before, after});
  };
  differ("region", a.region, b.region);
  differ("prices", fmt::format("{} of {}", a.price_source, a.price_date),
         fmt::format("{} of {}", b.price_source, b.price_date));
  differ("policy", policy_text(a), policy_text(b));
  differ("pods", with_thousands(a.pods), with_thousands(b.pods));
  std::int64_t gone = 0, fresh = 0, changed = 0;
  for (const WorkloadChange& one : out.workloads) {
    if (!one.after) ++gone;
    else if (!one.before) ++fresh;
    else if (one.before->pods != one.after->pods || one.before->asks != one.after->asks) ++changed;
  }
  if (gone + fresh + changed > 0)
    out.inputs.push_back({"workloads",
                          fmt::format("{} that the other has not", with_thousands(gone)),
                          fmt::format("{} that the other has not, {} with other pods or requests",
                                      with_thousands(fresh), with_thousands(changed))});
}

void compare_amounts(const PlanFile& a, const PlanFile& b, PlanDiff& out) {
  const auto bound = [](const PlanFile& file) -> std::optional<MicroUsdPerHour> {
    if (file.bound_method == "none") return std::nullopt;
    return file.bound;
  };
  out.amounts.push_back({"an hour", a.per_hour, b.per_hour});
  out.amounts.push_back(
      {"a month", MicroUsdPerHour{a.month_micro_usd}, MicroUsdPerHour{b.month_micro_usd}});
  out.amounts.push_back({"proven least", bound(a), bound(b)});
  const auto baseline = [](const PlanFile& file,
                           const std::string& name) -> std::optional<MicroUsdPerHour> {
    for (const PlanFile::Baseline& one : file.baselines)
      if (one.name == name && one.comparable) return one.per_hour;
    return std::nullopt;
  };
  std::vector<std::string> names;
  for (const PlanFile* file : {&a, &b})
    for (const PlanFile::Baseline& one : file->baselines)
      if (std::find(names.begin(), names.end(), one.name) == names.end()) names.push_back(one.name);
  for (const std::string& name : names)
    out.amounts.push_back({name, baseline(a, name), baseline(b, name)});
}

std::int64_t distance(MicroUsdPerHour a, MicroUsdPerHour b) {
  return a > b ? a.micro - b.micro : b.micro - a.micro;  // neither is negative
}

void compare_nodes(const PlanFile& a, const PlanFile& b, PlanDiff& out) {
  std::map<std::tuple<std::string, std::string, bool>, NodeChange> groups;
  const auto note = [&](const PlanFile& file, auto count, auto hour) {
    for (const PlanFile::Node& node : file.nodes) {
      NodeChange& change = groups[{node.type, node.capacity_type, node.owned}];
      change.type = node.type;
      change.capacity_type = node.capacity_type;
      change.owned = node.owned;
      ++(change.*count);
      change.*hour = added(change.*hour, node.per_hour);
    }
  };
  note(a, &NodeChange::before, &NodeChange::hour_before);
  note(b, &NodeChange::after, &NodeChange::hour_after);
  for (auto& [key, change] : groups)
    if (!change.same()) out.nodes.push_back(std::move(change));
  std::stable_sort(out.nodes.begin(), out.nodes.end(), [](const auto& x, const auto& y) {
    return distance(x.hour_before, x.hour_after) > distance(y.hour_before, y.hour_after);
  });
  out.nodes_before = static_cast<std::int64_t>(a.nodes.size());
  out.nodes_after = static_cast<std::int64_t>(b.nodes.size());
}

void compare_workloads(const PlanFile& a, const PlanFile& b, PlanDiff& out) {
  std::map<WorkloadKey, WorkloadChange> all;
  const auto note = [&](const PlanFile& file, auto side) {
    for (auto& [key, value] : sides_of(file)) {
      WorkloadChange& change = all[key];
      std::tie(change.ns, change.kind, change.name) = key;
      change.*side = value;
    }
  };
  note(a, &WorkloadChange::before);
  note(b, &WorkloadChange::after);
  for (auto& [key, change] : all)
    if (!change.same()) out.workloads.push_back(std::move(change));
  const auto weight = [](const WorkloadChange& change) {
    return distance(change.before ? change.before->per_hour : MicroUsdPerHour{},
                    change.after ? change.after->per_hour : MicroUsdPerHour{});
  };
  std::stable_sort(out.workloads.begin(), out.workloads.end(),
                   [&](const auto& x, const auto& y) { return weight(x) > weight(y); });
}

void compare_pods(const PlanFile& a, const PlanFile& b, PlanDiff& out) {
  std::map<std::pair<std::string, std::string>, const PlanFile::Pod*> before, after;
  for (const PlanFile::Pod& pod : a.placements) {
    before[{pod.ns, pod.name}] = &pod;
    out.unplaced_before += pod.placed ? 0 : 1;
  }
  for (const PlanFile::Pod& pod : b.placements) {
    after[{pod.ns, pod.name}] = &pod;
    out.unplaced_after += pod.placed ? 0 : 1;
  }
  const auto add = [&](PodChangeKind kind, const PlanFile::Pod& pod, const std::string& why) {
    out.pods.push_back({kind, pod.ns, pod.name, pod.workload, why});
  };
  for (const auto& [key, pod] : after) {
    const auto old = before.find(key);
    if (old == before.end()) {
      if (!pod->placed) add(PodChangeKind::NewUnplaced, *pod, pod->why);
    } else if (pod->placed != old->second->placed) {
      add(pod->placed ? PodChangeKind::Placed : PodChangeKind::Unplaced, *pod,
          pod->placed ? old->second->why : pod->why);
    } else if (pod->why != old->second->why) {
      add(PodChangeKind::OtherReason, *pod, pod->why);
    }
  }
  for (const auto& [key, pod] : before)
    if (!pod->placed && !after.contains(key)) add(PodChangeKind::GoneUnplaced, *pod, pod->why);
  std::stable_sort(out.pods.begin(), out.pods.end(),
                   [](const PodChange& x, const PodChange& y) { return x.kind < y.kind; });
}

}  // namespace

std::string_view to_string(PodChangeKind kind) {
  switch (kind) {
    case PodChangeKind::Unplaced: return "unplaced";
    case PodChangeKind::NewUnplaced: return "new-unplaced";
    case PodChangeKind::Placed: return "placed";
    case PodChangeKind::GoneUnplaced: return "gone-unplaced";
    case PodChangeKind::OtherReason: return "other-reason";
  }
  return "?";
}

bool PlanDiff::same() const {
  return inputs.empty() && nodes.empty() && workloads.empty() && pods.empty() &&
         std::all_of(amounts.begin(), amounts.end(), [](const auto& one) { return one.same(); });
}

PlanDiff diff_of(const PlanFile& before, const PlanFile& after) {
  PlanDiff out;
  out.before = before.file;
  out.after = after.file;
  compare_workloads(before, after, out);
  compare_inputs(before, after, out);
  compare_amounts(before, after, out);
  compare_nodes(before, after, out);
  compare_pods(before, after, out);
  return out;
}

std::string signed_usd(MicroUsdPerHour amount, int decimals) {
  const std::string text = format_usd(amount, decimals);
  const bool zero = text == format_usd({}, decimals);
  return amount.micro > 0 && !zero ? "+" + text : text;
}

}  // namespace kerf::report
