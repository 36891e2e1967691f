// The workloads of a scenario: what pods ask for, when they come, how long they run, what changes.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/quantity.h"
#include "base/quote.h"
#include "codec/duration.h"
#include "codec/gpu_request.h"
#include "core/control/names.h"
#include "sim/scenario_parts.h"

namespace kerf::sim {
namespace {

using codec::Field;
using codec::store;

constexpr std::size_t kStepsMax = 1'000;
constexpr std::int64_t kDevicesMax = 64;
/// Label of all pods of a workload, whichever instance they belong to.
constexpr const char* kWorkloadLabel = "workload";

/// cpu, memory and the names of GPU resources, as a container's requests.
Result<void> read_requests(const Field& field, const gpu::Catalogue& gpus,
                           cluster::PodShape& shape) {
  KERF_TRY(const auto members, field.members(16));
  for (const auto& [name, member] : members) {
    if (name == "cpu") {
      KERF_CHECK_OK(read_cpu(member, shape.requests));
    } else if (name == "memory") {
      KERF_CHECK_OK(read_memory(member, shape.requests));
    } else if (name == "ephemeral-storage") {
      KERF_CHECK_OK(codec::store(member.quantity(to_mib_ceil), shape.requests.disk_mib));
    } else if (!codec::is_gpu_resource(name)) {
      return member.wrong(
          "expected cpu, memory, ephemeral-storage or a GPU resource such as "
          "nvidia.com/mig-1g.10gb, kerf.dev/gpu-10gi or nvidia.com/gpu");
    } else {
      KERF_TRY(const std::int64_t count, member.integer(1, kDevicesMax));
      Result<cluster::GpuRequest> request = codec::parse_gpu_resource(name, count, gpus);
      if (!request) return member.wrong(request.error());
      shape.gpu.push_back(*std::move(request));
    }
  }
  if (shape.gpu.empty()) return field.wrong("a GPU resource is missing, such as nvidia.com/gpu: 1");
  std::sort(shape.gpu.begin(), shape.gpu.end());
  return {};
}

/// A duration, or {least, most, mean}.
Result<Span> read_span(const Field& field) {
  Span span;
  if (field.node().is_scalar()) {
    KERF_TRY(span.least_ms, codec::duration_ms(field));
    span.most_ms = span.least_ms;
  } else {
    const auto part = [](std::int64_t& into) {
      return [&into](const Field& f) { return store(codec::duration_ms(f), into); };
    };
    KERF_CHECK_OK(field.object({{"least", part(span.least_ms)},
                                {"most", part(span.most_ms)},
                                {"mean", part(span.mean_ms)}}));
    if (span.mean_ms == 0 && span.most_ms == 0) return field.wrong("give mean, or least and most");
    if (span.most_ms > 0 && span.most_ms < span.least_ms) return field.wrong("most is below least");
  }
  if (span.least_ms == 0 && span.most_ms == 0 && span.mean_ms == 0)
    return field.expected("more than 0s; leave it out for no end");
  return span;
}

// --- Arrivals ------------------------------------------------------------------------------------

Result<void> read_hours(const Field& field, Arrivals& arrivals) {
  KERF_TRY(const std::vector<Field> hours, field.items(24));
  if (hours.size() != 24) return field.wrong("expected 24 weights, one for each hour from 00:00");
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < hours.size(); ++i) {
    KERF_TRY(const std::int64_t weight, hours[i].integer(0, 1'000'000));
    arrivals.hours[i] = static_cast<std::int32_t>(weight);
    sum += weight;
  }
  if (sum == 0) return field.wrong("all weights are 0; some hour must have more");
  return {};
}

Result<void> read_per_hour(const Field& field, Arrivals& arrivals) {
  KERF_TRY(const std::string text, field.number_text());
  const Result<Quantity> quantity = parse_quantity(text);
  if (!quantity) return field.wrong(quantity.error());
  KERF_TRY(arrivals.per_hour_milli, to_milli_ceil(*quantity));
  constexpr std::int64_t kMost = 100'000;
  if (arrivals.per_hour_milli < 1 || arrivals.per_hour_milli > kMost * 1000)
    return field.wrong(fmt::format("{}; expected more than 0 and up to {}", quoted(text), kMost));
  return {};
}

Result<void> read_arrivals(const Field& field, Arrivals& arrivals) {
  using Pattern = Arrivals::Pattern;
  constexpr Pattern kPatterns[] = {Pattern::Once, Pattern::Steady, Pattern::Random, Pattern::Daily,
                                   Pattern::Burst};
  const auto read_pattern = [&](const Field& f) -> Result<void> {
    KERF_TRY(const std::size_t word, f.one_of({"once", "steady", "random", "daily", "burst"}));
    arrivals.pattern = kPatterns[word];
    return {};
  };
  const auto time = [](std::int64_t& into) {
    return [&into](const Field& f) { return store(codec::duration_ms(f), into); };
  };
  KERF_CHECK_OK(field.object(
      {{"pattern", read_pattern, true},
       {"perHour", [&](const Field& f) { return read_per_hour(f, arrivals); }},
       {"hours", [&](const Field& f) { return read_hours(f, arrivals); }},
       {"together", [&](const Field& f) { return store(f.integer(1, 1'000), arrivals.together); }},
       {"every", time(arrivals.every_ms)},
       {"from", time(arrivals.from_ms)},
       {"until", time(arrivals.until_ms)}}));
  const Pattern pattern = arrivals.pattern;
  const bool rate =
      pattern == Pattern::Steady || pattern == Pattern::Random || pattern == Pattern::Daily;
  const auto given = [&field](std::string_view name) { return field.node().find(name) != nullptr; };
  if (rate != given("perHour"))
    return field.wrong(rate ? "perHour is missing: how many come in an hour"
                            : "perHour is of the patterns steady, random and daily");
  if ((pattern == Pattern::Burst) != given("every"))
    return field.wrong(given("every") ? "every is of the pattern burst"
                                      : "every is missing: the time between two bursts");
  if (pattern == Pattern::Burst && arrivals.every_ms < control::kMinute)
    return field.wrong("every: expected 1m or more");
  if (given("together") && rate) return field.wrong("together is of the patterns once and burst");
  if (given("hours") && pattern != Pattern::Daily)
    return field.wrong("hours is of the pattern daily");
  if (arrivals.until_ms > 0 && arrivals.until_ms <= arrivals.from_ms)
    return field.wrong("until is not after from");
  return {};
}

// --- Steps, budget, company ----------------------------------------------------------------------

Result<void> read_steps(const Field& field, WorkloadSpec& spec) {
  KERF_TRY(const std::vector<Field> entries, field.items(kStepsMax));
  for (const Field& entry : entries) {
    Step step;
    int deeds = 0;
    const auto deed = [&](Step::What what) {
      return [&step, &deeds, what](const Field& f) -> Result<void> {
        if (f.node().kind != codec::Node::Kind::Bool || !f.node().boolean)
          return f.expected("true");
        step.what = what;
        ++deeds;
        return {};
      };
    };
    const auto scale = [&](const Field& f) -> Result<void> {
      KERF_TRY(step.replicas, f.integer(0, kScenarioReplicasMax));
      step.what = Step::What::Scale;
      ++deeds;
      return {};
    };
    KERF_CHECK_OK(entry.object(
        {{"after", [&](const Field& f) { return store(codec::duration_ms(f), step.at_ms); }, true},
         {"scale", scale},
         {"rollOut", deed(Step::What::Rollout)},
         {"delete", deed(Step::What::Delete)}}));
    if (deeds != 1) return entry.wrong("expected one of scale, rollOut and delete");
    spec.steps.push_back(step);
  }
  return {};
}

cluster::PodSelector pods_of(const WorkloadSpec& spec) {
  cluster::PodSelector selector;
  selector.namespaces = {spec.ns};
  selector.labels = {{kWorkloadLabel, cluster::Operator::In, {spec.name}}};
  return selector;
}

Result<void> read_budget(const Field& field, const WorkloadSpec& spec, WorldSpec& world) {
  BudgetSpec budget;
  budget.ns = spec.ns;
  budget.name = spec.name;
  budget.selector = pods_of(spec);
  KERF_CHECK_OK(
      field.object({{"minAvailable",
                     [&](const Field& f) {
                       return store(f.integer(0, kScenarioReplicasMax), budget.min_available);
                     }},
                    {"maxUnavailable", [&](const Field& f) {
                       return store(f.integer(0, kScenarioReplicasMax), budget.max_unavailable);
                     }}}));
  if (budget.min_available.has_value() == budget.max_unavailable.has_value())
    return field.wrong("expected either minAvailable or maxUnavailable");
  world.budgets.push_back(std::move(budget));
  return {};
}

Result<std::string> read_topology(const Field& field) {
  KERF_TRY(const std::size_t word, field.one_of({"node", "zone"}));
  return std::string(word == 0 ? "kubernetes.io/hostname" : control::kZoneLabel);
}

Result<void> read_priority(const Field& field, const WorldSpec& world, WorkloadSpec& spec) {
  KERF_TRY(const std::string name, field.text());
  for (const control::PriorityClass& priority : world.priorities) {
    if (priority.meta.name != name) continue;
    spec.shape.priority = priority.value;
    return {};
  }
  return field.wrong(quoted(name) + " is not among priorityClasses");
}

Result<void> read_node_selector(const Field& field, WorkloadSpec& spec) {
  KERF_TRY(const auto labels, field.labels(20));
  for (const auto& [key, value] : labels)
    spec.shape.node_selector.push_back({key, cluster::Operator::In, {value}});
  return {};
}

Result<void> check_whole(const Field& field, const WorldSpec& world, const WorkloadSpec& spec) {
  for (const WorkloadSpec& other : world.workloads)
    if (other.ns == spec.ns && other.name == spec.name)
      return field.wrong(quoted(spec.name) + " is the name of another workload of the namespace");
  const bool ends = spec.runs_for != Span{};
  if (spec.kind == WorkloadKind::Job && !ends)
    return field.wrong("runsFor is missing: how long a pod of the Job runs");
  if (spec.kind != WorkloadKind::Job &&
      (field.node().find("completions") != nullptr || field.node().find("failsPercent") != nullptr))
    return field.wrong("completions and failsPercent are of Jobs");
  const bool serves =
      spec.kind == WorkloadKind::Deployment || spec.kind == WorkloadKind::StatefulSet;
  if (serves && ends)
    return field.wrong("runsFor is of Jobs and bare pods; livesFor says how long a workload stays");
  return {};
}

/// What is worked out when all fields are read.
struct Extras {
  std::optional<Field> budget;
  std::optional<std::string> spread;
  std::optional<std::string> apart;
  std::int64_t fails_percent = 0;
};

Result<void> read_name(const Field& field, std::string& into) {
  KERF_TRY(into, field.text(50));
  if (codec::is_object_name(into) && into.find('.') == std::string::npos) return {};
  return field.wrong(quoted(into) + " is no name; expected lower-case letters, digits and '-'");
}

Result<void> read_kind(const Field& field, WorkloadKind& into) {
  constexpr WorkloadKind kKinds[] = {WorkloadKind::Deployment, WorkloadKind::StatefulSet,
                                     WorkloadKind::Job, WorkloadKind::Bare};
  KERF_TRY(const std::size_t word, field.one_of({"Deployment", "StatefulSet", "Job", "Pod"}));
  into = kKinds[word];
  return {};
}

Result<void> read_do_not_disrupt(const Field& field, WorkloadSpec& spec) {
  if (field.node().kind != codec::Node::Kind::Bool) return field.expected("true or false");
  if (field.node().boolean) spec.annotations[control::kDoNotDisrupt] = "true";
  return {};
}

Result<void> read_fields(const Field& field, const WorldSpec& world, WorkloadSpec& spec,
                         Extras& extras) {
  const auto count = [](std::int64_t& into, std::int64_t least) {
    return [&into, least](const Field& f) {
      return store(f.integer(least, kScenarioReplicasMax), into);
    };
  };
  const auto span = [](Span& into) {
    return [&into](const Field& f) { return store(read_span(f), into); };
  };
  const auto keep_budget = [&](const Field& f) -> Result<void> {
    extras.budget = f;
    return {};
  };
  return field.object(
      {{"name", [&](const Field& f) { return read_name(f, spec.name); }, true},
       {"namespace", [&](const Field& f) { return read_name(f, spec.ns); }},
       {"kind", [&](const Field& f) { return read_kind(f, spec.kind); }},
       {"replicas", count(spec.replicas, 0)},
       {"completions", count(spec.completions, 1)},
       {"requests",
        [&](const Field& f) { return read_requests(f, world.market->gpus, spec.shape); }, true},
       {"labels", [&](const Field& f) { return store(f.labels(20), spec.shape.labels); }},
       {"priorityClass", [&](const Field& f) { return read_priority(f, world, spec); }},
       {"nodeSelector", [&](const Field& f) { return read_node_selector(f, spec); }},
       {"spread", [&](const Field& f) { return store(read_topology(f), extras.spread); }},
       {"apart", [&](const Field& f) { return store(read_topology(f), extras.apart); }},
       {"doNotDisrupt", [&](const Field& f) { return read_do_not_disrupt(f, spec); }},
       {"disruptionBudget", keep_budget},
       {"arrivals", [&](const Field& f) { return read_arrivals(f, spec.arrivals); }},
       {"runsFor", span(spec.runs_for)},
       {"livesFor", span(spec.lives_for)},
       {"endsIn", span(spec.ends_in)},
       {"failsPercent",
        [&](const Field& f) { return store(f.integer(0, 100), extras.fails_percent); }},
       {"maxSurge", count(spec.max_surge, 0)},
       {"maxUnavailable", count(spec.max_unavailable, 0)},
       {"steps", [&](const Field& f) { return read_steps(f, spec); }}});
}

}  // namespace

Result<void> read_cpu(const Field& field, Resources& into) {
  return codec::store(field.quantity(to_milli_ceil), into.cpu_milli);
}

Result<void> read_memory(const Field& field, Resources& into) {
  return codec::store(field.quantity(to_mib_ceil), into.memory_mib);
}

Result<void> read_workload(const Field& field, WorldSpec& world) {
  WorkloadSpec spec;
  spec.completions = 0;
  spec.shape.requests.pods = 1;
  Extras extras;
  KERF_CHECK_OK(read_fields(field, world, spec, extras));
  if (spec.max_surge == 0 && spec.max_unavailable == 0)
    return field.wrong("maxSurge and maxUnavailable are both 0: a roll-out could never go on");
  spec.fails_milli = static_cast<int>(extras.fails_percent * 10);
  if (spec.completions == 0) spec.completions = std::max<std::int64_t>(spec.replicas, 1);
  spec.shape.ns = spec.ns;
  spec.shape.labels[kWorkloadLabel] = spec.name;
  if (extras.spread) spec.shape.spread.push_back({1, 1, *extras.spread, pods_of(spec)});
  if (extras.apart) spec.shape.anti_affinity.push_back({pods_of(spec), *extras.apart});
  KERF_CHECK_OK(check_whole(field, world, spec));
  if (extras.budget) KERF_CHECK_OK(read_budget(*extras.budget, spec, world));
  world.workloads.push_back(std::move(spec));
  return {};
}

}  // namespace kerf::sim
