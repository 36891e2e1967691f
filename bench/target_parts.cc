// Parts 1 to 6 of kerf_target_bench. The figures aimed at are those of experiments that were made
// before the planner, by column generation, CBC and Karpenter's own scheduler.
#include "target_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "measure.h"
#include "target_world.h"

namespace kerf::bench {

using codec::Node;
using codec::TraceMap;

namespace {

constexpr const char* kNoTrace = "the openb trace is not there (../shared/data/openb)";

double percent_off(double value, double of) { return 100 * (value - of) / of; }

void add(Report& report, int part, std::string what, std::string target, std::string seen, bool met,
         const Outcome& out) {
  report.add({part, std::move(what), std::move(target), std::move(seen), met && out.faults == 0,
              figures_of(out)});
}

}  // namespace

std::string duration(double seconds) {
  return seconds < 0.9995 ? fmt::format("{:.0f} ms", 1e3 * seconds)
                          : fmt::format("{:.1f} s", seconds);
}

std::string bill_and_bound(const Outcome& out) {
  return fmt::format("{} for at least {} ({:.2f} %)", format_usd({out.bill_micro}),
                     format_usd({out.bound_micro}), out.gap_percent);
}

Node figures_of(const Outcome& out) {
  return std::move(Node::mapping()
                       .set("pods", Node::of(out.pods))
                       .set("classes", Node::of(out.classes))
                       .set("usd_per_hour", Node::of(out.bill()))
                       .set("bound_usd_per_hour", Node::of(out.bound()))
                       .set("gap_percent", std::isfinite(out.gap_percent)
                                               ? Node::of(out.gap_percent)
                                               : Node::null())
                       .set("bound_method", Node::of(std::string(out.method)))
                       .set("nodes", Node::of(out.nodes))
                       .set("unplaced", Node::of(out.unplaced))
                       .set("seconds", Node::of(out.seconds))
                       .set("peak_mib", Node::of(out.peak_kib / 1024))
                       .set("faults", Node::of(out.faults)));
}

Row not_measured(int part, std::string what, std::string target, const std::string& why) {
  return {part, std::move(what), std::move(target), why, std::nullopt, Node::mapping()};
}

Row too_slow(int part, std::string what, std::string target, const Ask& ask) {
  return {part,
          std::move(what),
          std::move(target),
          fmt::format("stopped after {} s of CPU", ask.limit_s),
          false,
          Node::mapping()};
}

void whole_trace(const Setting& setting, int part, Report& report) {
  struct Case {
    int part;
    const char* what;
    TraceMap map;
    bool mig;
    double reference, gap, seconds;
  };
  const Case cases[] = {
      {1, "openb, types that can be cut, memory", TraceMap::Memory, true, 18'042.605, 0.2, 2},
      {1, "openb, types that can be cut, nearest", TraceMap::Nearest, true, 17'211.39, 0.2, 2},
      {2, "openb, all types, memory", TraceMap::Memory, false, 10'273.06, 0.3, 5},
      {2, "openb, all types, nearest", TraceMap::Nearest, false, 9'444.86, 0.3, 5},
      {2, "openb, all types, as whole GPUs", TraceMap::Whole, false, 6'466.20, 0.3, 5},
  };
  for (const Case& c : cases) {
    if (c.part != part) continue;
    const std::string target = fmt::format("bound ${:.2f} within 0.1 %, gap {} %, all placed, {} s",
                                           c.reference, c.gap, c.seconds);
    const auto demand = openb("default", c.map);
    if (!demand) {
      report.add(not_measured(c.part, c.what, target, kNoTrace));
      continue;
    }
    const auto out =
        measure(*demand, market(), c.mig ? mig_only() : cluster::Policy{}, setting.ask);
    if (!out) {
      report.add(too_slow(c.part, c.what, target, setting.ask));
      continue;
    }
    const double off = percent_off(out->bound(), c.reference);
    add(report, c.part, c.what, target,
        fmt::format("{}, bound {:+.3f} %, {} unplaced, {}", bill_and_bound(*out), off,
                    out->unplaced, duration(out->seconds)),
        std::abs(off) <= 0.1 && out->gap_percent <= c.gap && out->unplaced == 0 &&
            out->seconds <= c.seconds,
        *out);
  }
}

void scarce_cpu(const Setting& setting, Report& report) {
  for (const int percent : {130, 160}) {
    const std::string what =
        fmt::format("openb, types that can be cut, memory, CPU x {:.1f}", percent / 100.0);
    const std::string target = "gap 0.4 %";
    const auto demand = openb("default", TraceMap::Memory);
    if (!demand) {
      report.add(not_measured(3, what, target, kNoTrace));
      continue;
    }
    const auto out = measure(with_cpu(*demand, percent), market(), mig_only(), setting.ask);
    if (!out) {
      report.add(too_slow(3, what, target, setting.ask));
      continue;
    }
    add(report, 3, what, target,
        fmt::format("{}, {}", bill_and_bound(*out), duration(out->seconds)),
        out->gap_percent <= 0.4, *out);
  }
}

void small_fleets(const Setting& setting, Report& report) {
  constexpr int kSubsets = 100;
  const auto demand = openb("default", TraceMap::Memory);
  for (const int pods : {20, 50, 100}) {
    const std::string what =
        fmt::format("{} fleets of {} pods of openb, all types, memory", kSubsets, pods);
    const std::string target = "gap 0.5 % (median), 3 % (worst)";
    if (!demand) {
      report.add(not_measured(4, what, target, kNoTrace));
      continue;
    }
    std::vector<double> gaps, times;
    int optimal = 0, faults = 0, stopped = 0;
    Ask ask = setting.ask;
    ask.runs = 1;
    for (int seed = 1; seed <= kSubsets; ++seed) {
      const auto fleet = subset(*demand, pods, static_cast<std::uint64_t>(seed));
      const auto out = measure(fleet, market(), cluster::Policy{}, ask);
      if (!out) {
        ++stopped;
        continue;
      }
      gaps.push_back(out->gap_percent);
      times.push_back(out->seconds);
      optimal += out->optimal ? 1 : 0;
      faults += out->faults > 0 ? 1 : 0;
    }
    if (gaps.empty()) {
      report.add(too_slow(4, what, target, ask));
      continue;
    }
    const double worst = *std::max_element(gaps.begin(), gaps.end());
    const double slowest = *std::max_element(times.begin(), times.end());
    Node figures = Node::mapping();
    figures.set("gap_percent_median", Node::of(median(gaps)))
        .set("gap_percent_worst", Node::of(worst))
        .set("proven_optimal", Node::of(std::int64_t{optimal}))
        .set("fleets", Node::of(std::int64_t{kSubsets}))
        .set("seconds_median", Node::of(median(times)))
        .set("seconds_worst", Node::of(slowest))
        .set("faults", Node::of(std::int64_t{faults}));
    std::string seen =
        fmt::format("{:.2f} %, {:.2f} %; {} of {} proven optimal; {} (worst {})", median(gaps),
                    worst, optimal, kSubsets, duration(median(times)), duration(slowest));
    if (stopped > 0) seen += fmt::format("; {} stopped after {} s", stopped, ask.limit_s);
    report.add({4, what, target, std::move(seen),
                median(gaps) <= 0.5 && worst <= 3 && faults == 0 && stopped == 0,
                std::move(figures)});
  }
}

void gpus_alone(const Setting& setting, Report& report) {
  struct Case {
    const char* trace;
    TraceMap map;
    const char* map_name;
    std::int64_t optimum;  ///< by CBC
  };
  const Case cases[] = {{"default", TraceMap::Memory, "memory", 2198},
                        {"default", TraceMap::Nearest, "nearest", 1902},
                        {"gpushare100", TraceMap::Memory, "memory", 5013},
                        {"gpushare100", TraceMap::Nearest, "nearest", 4334}};
  const market::Market alone = a100_80_alone();
  for (const Case& c : cases) {
    const std::string what = fmt::format("A100-80 for the shares of {}, {}", c.trace, c.map_name);
    const std::string target = fmt::format("{} GPUs (optimum), at most one more", c.optimum);
    const auto demand = openb(c.trace, c.map);
    if (!demand) {
      report.add(not_measured(5, what, target, kNoTrace));
      continue;
    }
    const auto out = measure(shares_alone(*demand), alone, cluster::Policy{}, setting.ask);
    if (!out) {
      report.add(too_slow(5, what, target, setting.ask));
      continue;
    }
    // A node costs a dollar: the bound's dollars, rounded up, are GPUs.
    add(report, 5, what, target,
        fmt::format("{} GPUs, at least {}, {} unplaced, {}", out->nodes,
                    (out->bound_micro + 999'999) / 1'000'000, out->unplaced,
                    duration(out->seconds)),
        out->nodes <= c.optimum + 1 && out->nodes >= c.optimum && out->unplaced == 0, *out);
  }
}

void at_once(const Setting& setting, Report& report) {
  struct Case {
    std::int64_t pods, classes;
    double seconds, gap;  ///< gap: 0 = none aimed at
    std::int64_t mib;     ///< 0 = none aimed at
  };
  const Case cases[] = {
      {10'000, 500, 0.1, 0, 0}, {10'000, 2000, 1, 2, 0}, {100'000, 500, 1.5, 0, 500}};
  const auto trace = openb("default", TraceMap::Memory);
  for (const Case& c : cases) {
    const std::string what = fmt::format("effort 1: {} pods of {} kinds{}", c.pods, c.classes,
                                         trace ? "" : " (synthetic)");
    std::string target = duration(c.seconds);
    if (c.gap > 0) target += fmt::format(", gap {} %", c.gap);
    if (c.mib > 0) target += fmt::format(", {} MiB", c.mib);
    Ask ask = setting.ask;
    ask.effort = 1;
    const cluster::Demand base = trace ? *trace : synthetic(7000, 100);
    const auto out =
        measure(repeated(base, c.pods, c.classes, {}), market(), cluster::Policy{}, ask);
    if (!out) {
      report.add(too_slow(6, what, target, ask));
      continue;
    }
    add(report, 6, what, target,
        fmt::format("{}, {} classes, gap {:.2f} %, {} MiB, {} unplaced", duration(out->seconds),
                    out->classes, out->gap_percent, out->peak_kib / 1024, out->unplaced),
        out->seconds <= c.seconds && (c.gap == 0 || out->gap_percent <= c.gap) &&
            (c.mib == 0 || out->peak_kib <= c.mib * 1024),
        *out);
  }
}

}  // namespace kerf::bench
