// PlanArguments: what `kerf plan` was asked, as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/resources.h"
#include "base/result.h"
#include "cli/options.h"
#include "codec/trace.h"
#include "core/market/market.h"
#include "core/plan/planner.h"

namespace kerf::cli {

enum class OutputFormat : std::uint8_t { Table, Json };
enum class ColourWhen : std::uint8_t { Auto, Always, Never };

/// A price cut. Without a capacity type: of all that have no cut of their own.
struct Discount {
  std::optional<market::CapacityType> capacity;
  double percent = 0;  ///< 0..100
};

/// Absent = not given: the policy's or the default holds.
struct PlanArguments {
  // A cluster: live, through kubectl, unless a snapshot is given.
  std::optional<std::string> snapshot;
  std::optional<std::string> kubeconfig;
  std::optional<std::string> context;
  std::optional<std::string> ns;        ///< pods of this namespace only
  std::optional<std::string> selector;  ///< pods with these labels only, as kubectl -l takes it
  std::string gpu;                      ///< model of whole-GPU requests that say nothing; "" = none

  std::vector<std::string> paths;
  std::optional<std::string> trace;
  codec::TraceMap map = codec::TraceMap::Memory;
  std::string reference_gpu;
  std::map<std::string, std::int64_t> replicas;
  std::map<std::string, double> hours;
  plan::JobsOn jobs = plan::JobsOn::Auto;

  std::optional<std::string> region;
  std::optional<std::string> price_region;
  std::optional<std::string> prices;
  std::vector<Discount> discounts;
  std::map<std::string, std::int64_t> owned;  ///< nodes by instance type, at least 1
  bool owned_only = false;                    ///< buy nothing
  std::vector<std::string> types;
  std::vector<market::CapacityType> capacity_types;
  std::vector<std::string> zones;
  std::optional<std::string> policy;

  std::optional<Resources> daemonsets;
  std::optional<std::int64_t> root_volume_gib;

  OutputFormat output = OutputFormat::Table;
  std::optional<std::string> output_file;
  std::optional<std::string> certificate;  ///< file to write it to
  bool check = false;
  bool levers = false;
  bool all = false;
  ColourWhen colour = ColourWhen::Auto;
  bool ascii = false;
  bool quiet = false;

  std::optional<int> effort;  ///< plan::PlanOptions::effort

  /// Is the input a cluster? Else manifests or a trace.
  bool reads_cluster() const { return snapshot || (paths.empty() && !trace); }
};

/// Errors name the option, what was read and what was expected, and say which options exclude or
/// need each other.
Result<PlanArguments> read_plan_arguments(const ParsedOptions& parsed);

}  // namespace kerf::cli
