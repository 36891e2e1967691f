// Scenarios: any YAML is read or refused, and what is read obeys the bounds that a run relies on.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/yaml.h"
#include "sim/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 100, .scalar_bytes = 1u << 20};
  const auto documents = codec::parse_yaml(text, "fuzz.yaml", limits);
  if (!documents) return 0;
  // A file that a scenario names holds the scenario itself.
  const sim::ReadFile read_file = [&](const std::string&) { return Result<std::string>(text); };
  for (const codec::Document& document : *documents) {
    const auto scenario = sim::read_scenario(document, read_file);
    if (!scenario) {
      KERF_ASSERT(!scenario.error().message().empty(), "an error says what is wrong");
      continue;
    }
    KERF_ASSERT(scenario->duration_ms > 0, "a run takes time");
    KERF_ASSERT(scenario->world.start >= 0, "the clock begins after its epoch");
    KERF_ASSERT(scenario->world.market != nullptr, "there is a market");
    KERF_ASSERT(scenario->faults.size() <= sim::kScenarioFaultsMax, "faults are bounded");
    for (const sim::WorkloadSpec& workload : scenario->world.workloads) {
      KERF_ASSERT(!workload.name.empty() && !workload.shape.gpu.empty(),
                  "a workload has a name and asks for a GPU");
      KERF_ASSERT(workload.replicas >= 0 && workload.completions >= 1, "counts are sane");
      KERF_ASSERT(workload.kind != sim::WorkloadKind::Job || workload.runs_for != sim::Span{},
                  "pods of a Job end");
    }
    for (const sim::BudgetSpec& budget : scenario->world.budgets)
      KERF_ASSERT(budget.min_available.has_value() != budget.max_unavailable.has_value(),
                  "a budget says one thing");
  }
  return 0;
}
