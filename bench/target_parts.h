// The parts of kerf_target_bench: each measures some targets and adds their rows to the report.
#pragma once

#include <string>

#include "target_measure.h"
#include "target_report.h"

namespace kerf::bench {

struct Setting {
  Ask ask;             ///< runs and limit of each measurement; effort is the part's
  std::string folder;  ///< for what is built and drawn: "build/bench"
};

/// 1: openb on types that can be cut; 2: on all types. Bound, gap, time.
void whole_trace(const Setting& setting, int part, Report& report);
void scarce_cpu(const Setting& setting, Report& report);    ///< 3
void small_fleets(const Setting& setting, Report& report);  ///< 4: 20, 50, 100 pods
void gpus_alone(const Setting& setting, Report& report);    ///< 5: against the optima known
void at_once(const Setting& setting, Report& report);       ///< 6: effort 1
void karpenter(const Setting& setting, Report& report);     ///< 7: its scheduler in the same run
/// 8: writes <folder>/plan-scaling.json, from which tools/plot draws. No target, one row that sums
/// up.
void scaling(const Setting& setting, Report& report);

/// "3.4 s", "87 ms".
std::string duration(double seconds);
/// "$10,282.54 for at least $10,237.71 (0.44 %)".
std::string bill_and_bound(const Outcome& out);
/// All figures of a measurement.
codec::Node figures_of(const Outcome& out);
Row not_measured(int part, std::string what, std::string target, const std::string& why);
Row too_slow(int part, std::string what, std::string target, const Ask& ask);

}  // namespace kerf::bench
