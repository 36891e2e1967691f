// A plan document as `kerf plan -o json` writes it, read back as far as two plans are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"

namespace kerf::codec {

struct PlanFile {
  std::string file;  ///< for people

  std::string region;
  std::string price_date;
  std::string price_source;
  std::string described;  ///< what the pods were read from
  std::int64_t pods = 0;
  std::string policy;  ///< "" = none
  std::vector<std::string> capacity_types;
  std::optional<MicroUsdPerHour> limit_per_hour;
  std::optional<std::int64_t> limit_gpus;

  MicroUsdPerHour per_hour;
  std::int64_t month_micro_usd = 0;
  MicroUsdPerHour bound;  ///< 0 with "none"
  std::string bound_method;
  bool optimal = false;

  struct Baseline {
    std::string name;
    MicroUsdPerHour per_hour;
    std::int64_t month_micro_usd = 0;
    bool comparable = true;
  };
  std::vector<Baseline> baselines;

  struct Forms {
    std::string form;
    std::string model;
    std::int64_t pods = 0;
    bool operator==(const Forms&) const = default;
  };
  struct Workload {
    std::string kind, ns, name;
    std::string asks;
    std::int64_t pods = 0;
    std::int64_t placed = 0;
    MicroUsdPerHour per_hour;
    std::int64_t month_micro_usd = 0;
    std::vector<Forms> forms;
  };
  std::vector<Workload> workloads;

  struct Node {
    std::string type;
    std::string capacity_type;
    bool owned = false;
    MicroUsdPerHour per_hour;
  };
  std::vector<Node> nodes;

  /// A pod that is placed, or is not and why.
  struct Pod {
    std::string ns, name, workload;
    bool placed = true;
    std::string why;  ///< not placed: the sentence
  };
  std::vector<Pod> placements;  ///< all pods of the document, those that are placed first
};

/// Fields that it does not know are passed over: later versions add some. Errors name file and
/// field: no JSON, another kind of document (and what it is), a field that is missing or of another
/// type. Bounds: 512 MiB, 40 million values.
Result<PlanFile> read_plan_file(std::string_view text, std::string_view file);

inline constexpr std::size_t kPlanFileBytesMax = std::size_t{512} << 20;

}  // namespace kerf::codec
