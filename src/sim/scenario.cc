// The frame of a scenario: when, how long, policies, priorities, latencies.
#include "sim/scenario.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/quote.h"
#include "codec/duration.h"
#include "codec/policy.h"
#include "codec/strict_fields.h"
#include "codec/yaml.h"
#include "sim/scenario_parts.h"

namespace kerf::sim {
namespace {

using codec::Field;
using codec::store;

constexpr std::size_t kPoliciesMax = 32;
constexpr std::size_t kPrioritiesMax = 64;
// What an Act policy of a scenario may buy where the file sets no limits.
constexpr MicroUsdPerHour kLimitPerHour{1'000'000'000};
constexpr std::int64_t kLimitGpus = 500;

Result<void> read_name(const Field& field, std::string& into) {
  KERF_TRY(into, field.text());
  if (codec::is_object_name(into)) return {};
  return field.wrong(quoted(into) +
                     " is no name; expected lower-case letters, digits, '-' and '.'");
}

/// "Monday", "monday 08:30" -> the first such time from the epoch on, which was a Thursday.
Result<void> read_start(const Field& field, Instant& into) {
  constexpr std::string_view kDays[] = {"thursday", "friday",  "saturday", "sunday",
                                        "monday",   "tuesday", "wednesday"};
  KERF_TRY(std::string text, field.text());
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto wrong = [&field] { return field.expected("a weekday and time such as Monday 08:00"); };
  const std::size_t blank = std::min(text.find(' '), text.size());
  const auto* day = std::find(std::begin(kDays), std::end(kDays), text.substr(0, blank));
  if (day == std::end(kDays)) return wrong();
  into = (day - std::begin(kDays)) * 24 * control::kHour;
  if (blank == text.size()) return {};
  const std::string time = text.substr(blank + 1);
  const auto digit = [&time](std::size_t i) { return time[i] - '0'; };
  if (time.size() != 5 || time[2] != ':') return wrong();
  for (const std::size_t i : {0, 1, 3, 4})
    if (digit(i) < 0 || digit(i) > 9) return wrong();
  const int hours = digit(0) * 10 + digit(1);
  const int minutes = digit(3) * 10 + digit(4);
  if (hours > 23 || minutes > 59) return wrong();
  into += hours * control::kHour + minutes * control::kMinute;
  return {};
}

// --- Policies ------------------------------------------------------------------------------------

/// What a policy is in a scenario before the file says anything.
control::SlicePolicy acting(const std::string& name) {
  control::SlicePolicy policy;
  policy.meta.name = name;
  policy.buys.name = name;
  policy.mode = control::Mode::Act;
  policy.buys.limit_per_hour = kLimitPerHour;
  policy.buys.limit_gpus = kLimitGpus;
  policy.node_class_cut = "cut";
  policy.node_class_whole = "whole";
  policy.buys_for = {"nvidia.com/gpu", "nvidia.com/mig-*", "kerf.dev/*"};
  return policy;
}

Result<void> read_policy_spec(const Field& field, const std::string& name, WorldSpec& world) {
  control::SlicePolicy policy = acting(name);
  KERF_CHECK_OK(codec::read_slice_policy_spec(field, world.market->gpus, policy));
  world.policies.push_back(std::move(policy));
  return {};
}

Result<void> read_policies(const Field& field, WorldSpec& world) {
  KERF_TRY(const std::vector<Field> entries, field.items(kPoliciesMax));
  std::set<std::string> names;
  for (const Field& entry : entries) {
    std::string name;
    std::optional<Field> spec;
    KERF_CHECK_OK(entry.object({{"name", [&](const Field& f) { return read_name(f, name); }, true},
                                {"spec",
                                 [&](const Field& f) -> Result<void> {
                                   spec = f;
                                   return {};
                                 },
                                 true}}));
    if (!names.insert(name).second) return entry.wrong(quoted(name) + " is listed twice");
    KERF_CHECK_OK(read_policy_spec(*spec, name, world));
  }
  return {};
}

Result<void> read_priorities(const Field& field, WorldSpec& world) {
  KERF_TRY(const std::vector<Field> entries, field.items(kPrioritiesMax));
  std::set<std::string> names;
  for (const Field& entry : entries) {
    control::PriorityClass priority;
    std::int64_t value = 0;
    const auto preempts = [&](const Field& f) -> Result<void> {
      KERF_TRY(const std::size_t word, f.one_of({"PreemptLowerPriority", "Never"}));
      priority.preempts = word == 0;
      return {};
    };
    KERF_CHECK_OK(entry.object(
        {{"name", [&](const Field& f) { return read_name(f, priority.meta.name); }, true},
         {"value",
          [&](const Field& f) { return store(f.integer(-1'000'000'000, 1'000'000'000), value); },
          true},
         {"preemptionPolicy", preempts}}));
    priority.value = static_cast<std::int32_t>(value);
    if (!names.insert(priority.meta.name).second)
      return entry.wrong(quoted(priority.meta.name) + " is listed twice");
    world.priorities.push_back(std::move(priority));
  }
  return {};
}

/// NodeClasses that the policies name.
void add_node_classes(WorldSpec& world) {
  std::set<std::string> names;
  for (const control::SlicePolicy& policy : world.policies) {
    names.insert(policy.node_class_cut);
    names.insert(policy.node_class_whole);
  }
  for (const std::string& name : names) {
    control::NodeClass node_class;
    node_class.meta.name = name;
    node_class.hash = name + "-1";
    world.node_classes.push_back(std::move(node_class));
  }
}

// --- How long things take ------------------------------------------------------------------------

Result<void> read_latencies(const Field& field, WorldSpec& world) {
  KERF_TRY(const std::size_t preset, field.one_of({"fast", "typical", "slow"}));
  if (preset == 0) {
    world.karpenter.boot = {25'000, 45'000};
    world.machines.agent_start = {1'000, 3'000};
    world.machines.kubelet.container = {100, 500};
  } else if (preset == 2) {
    world.karpenter.launch = {4'000, 15'000};
    world.karpenter.boot = {90'000, 300'000};
    world.machines.agent_start = {10'000, 60'000};
    world.machines.kubelet.container = {20'000, 120'000};
  }
  return {};
}

Result<void> read_overhead(const Field& field, WorldSpec& world) {
  Resources& taken = world.karpenter.overhead.daemonsets;
  KERF_CHECK_OK(field.object({{"cpu", [&](const Field& f) { return read_cpu(f, taken); }},
                              {"memory", [&](const Field& f) { return read_memory(f, taken); }}}));
  world.controller.overhead = world.karpenter.overhead;
  return {};
}

Result<void> read_fault_files(const Field& field, const ReadFile& read_file, Scenario& scenario) {
  KERF_TRY(const std::vector<Field> entries, field.items(kScenarioFaultsMax));
  for (const Field& entry : entries) {
    KERF_TRY(const std::string name, entry.text(1024));
    const Result<std::string> text = read_file(name);
    if (!text) return entry.wrong(text.error());
    KERF_TRY(std::vector<FaultSpec> faults, read_fault_file(name, *text));
    scenario.faults.insert(scenario.faults.end(), faults.begin(), faults.end());
  }
  return {};
}

/// The fields of the file, by name: those that need others are read after them.
struct Parts {
  std::optional<Field> market;
  std::optional<Field> policy;
  std::optional<Field> policies;
  std::optional<Field> workloads;
};

Result<void> read_frame(const Field& root, const ReadFile& read_file, Scenario& out, Parts& parts) {
  WorldSpec& world = out.world;
  const auto later = [](std::optional<Field>& into) {
    return [&into](const Field& field) -> Result<void> {
      into = field;
      return {};
    };
  };
  std::int64_t seed = 1;
  const auto read_karpenter = [&](const Field& field) {
    return field.object({{"consolidateAfter", [&](const Field& f) {
                            return store(codec::duration_ms(f), out.consolidate_after_ms);
                          }}});
  };
  const auto read_inline_faults = [&](const Field& field) -> Result<void> {
    KERF_TRY(const std::vector<FaultSpec> faults, read_faults(field));
    out.faults.insert(out.faults.end(), faults.begin(), faults.end());
    return {};
  };
  KERF_CHECK_OK(root.object(
      {{"name", [&](const Field& f) { return read_name(f, out.name); }, true},
       {"description", [&](const Field& f) { return store(f.text(4096), out.description); }},
       {"duration", [&](const Field& f) { return store(codec::duration_ms(f), out.duration_ms); },
        true},
       {"seed", [&](const Field& f) { return store(f.integer(0, INT64_MAX), seed); }},
       {"start", [&](const Field& f) { return read_start(f, world.start); }},
       {"market", later(parts.market)},
       {"policy", later(parts.policy)},
       {"policies", later(parts.policies)},
       {"priorityClasses", [&](const Field& f) { return read_priorities(f, world); }},
       {"workloads", later(parts.workloads), true},
       {"faults", read_inline_faults},
       {"faultFiles", [&](const Field& f) { return read_fault_files(f, read_file, out); }},
       {"karpenter", read_karpenter},
       {"nodeOverhead", [&](const Field& f) { return read_overhead(f, world); }},
       {"latencies", [&](const Field& f) { return read_latencies(f, world); }}}));
  world.seed = static_cast<std::uint64_t>(seed);
  if (out.duration_ms < control::kMinute ||
      out.duration_ms > kScenarioDaysMax * 24 * control::kHour)
    return root.wrong(fmt::format("duration: expected 1m to {}h", kScenarioDaysMax * 24));
  if (parts.policy && parts.policies)
    return parts.policies->wrong("policy is given too; give one of them");
  return {};
}

}  // namespace

Result<Scenario> read_scenario(const codec::Document& document, const ReadFile& read_file) {
  const Field root(document.file, document.root);
  if (document.root.kind != codec::Node::Kind::Mapping)
    return root.expected("a scenario, a mapping with name, duration, workloads");
  Scenario out;
  out.world.start = 4 * 24 * control::kHour;  // a Monday
  Parts parts;
  KERF_CHECK_OK(read_frame(root, read_file, out, parts));
  KERF_CHECK_OK(read_market(parts.market ? &*parts.market : nullptr, read_file, out.world));
  if (parts.policies) {
    KERF_CHECK_OK(read_policies(*parts.policies, out.world));
  } else if (parts.policy) {
    KERF_CHECK_OK(read_policy_spec(*parts.policy, "default", out.world));
  } else {
    out.world.policies.push_back(acting("default"));
  }
  add_node_classes(out.world);
  KERF_TRY(const std::vector<Field> workloads, parts.workloads->items(kScenarioWorkloadsMax));
  for (const Field& workload : workloads) KERF_CHECK_OK(read_workload(workload, out.world));
  if (out.faults.size() > kScenarioFaultsMax)
    return root.wrong(
        fmt::format("{} faults; at most {} are read", out.faults.size(), kScenarioFaultsMax));
  return out;
}

}  // namespace kerf::sim
