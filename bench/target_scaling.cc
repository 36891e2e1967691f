// Part 8 of kerf_target_bench: time and gap as pods and kinds of pods get more.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "codec/json.h"
#include "target_parts.h"
#include "target_world.h"

namespace kerf::bench {

using codec::Node;

namespace {

class Series {
 public:
  Series(const Setting& setting, const cluster::Demand& base) : setting_(setting), base_(base) {}

  /// False where it was stopped: what is larger would be, too.
  bool point(const char* series, std::int64_t pods, std::int64_t classes, int effort) {
    Ask ask = setting_.ask;
    ask.effort = effort;
    if (effort > 1 || pods > 20'000) ask.runs = 1;  // seconds, not milliseconds
    const auto out = measure(repeated(base_, pods, classes, {}), market(), cluster::Policy{}, ask);
    if (!out) {
      fmt::print("  {} pods, {} kinds, effort {}: stopped after {} s of CPU\n", pods, classes,
                 effort, ask.limit_s);
      ++stopped;
      return false;
    }
    fmt::print("  {} pods, {} classes, effort {}: {}, gap {:.2f} %, {} MiB{}\n", pods, out->classes,
               effort, duration(out->seconds), out->gap_percent, out->peak_kib / 1024,
               out->faults > 0 ? ", WRONG" : "");
    faults += out->faults;
    Node row = figures_of(*out);
    row.set("series", Node::of(series)).set("effort", Node::of(std::int64_t{effort}));
    row.set("kinds", Node::of(classes));
    rows.push(std::move(row));
    ++points;
    return true;
  }

  Node rows = Node::sequence();
  std::int64_t faults = 0, points = 0, stopped = 0;

 private:
  const Setting& setting_;
  const cluster::Demand& base_;
};

}  // namespace

void scaling(const Setting& setting, Report& report) {
  const auto trace = openb("default", codec::TraceMap::Memory);
  const cluster::Demand base = trace ? *trace : synthetic(7000, 100);
  Series series(setting, base);
  for (const int effort : {1, 3})
    for (const std::int64_t pods : {1000, 2000, 5000, 10'000, 20'000, 50'000, 100'000})
      if (!series.point("pods", pods, 200, effort)) break;
  for (const int effort : {1, 3})
    for (const std::int64_t classes : {100, 200, 500, 1000, 2000})
      if (!series.point("classes", 10'000, classes, effort)) break;
  Node out = Node::mapping();
  out.set("calibration_seconds", Node::of(report.loop()))
      .set("described", Node::of(trace ? "pods of openb" : "synthetic pods"))
      .set("points", std::move(series.rows));
  std::filesystem::create_directories(setting.folder);
  const std::string path = setting.folder + "/plan-scaling.json";
  std::ofstream(path) << codec::write_json(out);
  std::string seen = fmt::format("{} points in {}", series.points, path);
  if (series.stopped > 0)
    seen += fmt::format("; {} series end early: stopped after {} s of CPU", series.stopped,
                        setting.ask.limit_s);
  report.add({8, "1,000 to 100,000 pods; 100 to 2,000 kinds", "every point measured",
              std::move(seen), series.faults == 0 && series.stopped == 0, Node::mapping()});
}

}  // namespace kerf::bench
