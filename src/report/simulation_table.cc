// Simulated runs side by side as a table.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/money.h"
#include "report/figures.h"
#include "report/simulation.h"
#include "report/text.h"

namespace kerf::report {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::size_t kNameWidth = 36;
constexpr std::size_t kCellWidth = 20;

std::string title_of(const std::string& strategy) {
  return strategy == "kerf" ? "Kerf" : "whole GPUs";
}

std::string usd(std::int64_t micro_usd, int decimals = 2) {
  return format_usd(MicroUsdPerHour{micro_usd}, decimals);
}

/// value * times / parts, rounded down, without overflow.
std::int64_t scaled(std::int64_t value, std::int64_t times, std::int64_t parts) {
  return parts == 0 ? 0 : static_cast<std::int64_t>(static_cast<Int128>(value) * times / parts);
}

/// Hours with one decimal.
std::string hours(std::int64_t ms) {
  const std::int64_t tenths = ms / (kHourMs / 10);
  return fmt::format("{}.{}", with_thousands(tenths / 10), tenths % 10);
}

class Table {
 public:
  Table(const Simulation& simulation, const SimulationTableOptions& options)
      : simulation_(simulation), options_(options) {}

  std::string take() && { return std::move(text_); }

  void head();
  void cost();
  void waiting();
  void disruption();
  void nodes();
  void types();
  void promises();
  void notes();

 private:
  using Cell = std::function<std::string(const SimulatedRun&)>;

  void line(const std::string& text) { text_ += text + '\n'; }
  void paragraph(const std::string& text, const std::string& indent = "") {
    for (const std::string& each : wrapped(text, kColumnsMax - indent.size())) line(indent + each);
  }
  void section(const std::string& name) { text_ += '\n' + name + '\n'; }
  void row(const std::string& name, const Cell& cell, const std::string& more = "");
  std::string saving(std::int64_t (*figure)(const SimulatedRun&)) const;

  const Simulation& simulation_;
  const SimulationTableOptions& options_;
  std::string text_;
};

void Table::row(const std::string& name, const Cell& cell, const std::string& more) {
  std::string text = padded("  " + name, kNameWidth);
  for (const SimulatedRun& run : simulation_.runs) text += padded_left(cell(run), kCellWidth);
  line(more.empty() ? text : text + "  " + more);
}

/// "62.1 % less" of the first run against the second.
std::string Table::saving(std::int64_t (*figure)(const SimulatedRun&)) const {
  if (simulation_.runs.size() != 2) return {};
  const std::int64_t ours = figure(simulation_.runs[0]);
  const std::int64_t theirs = figure(simulation_.runs[1]);
  if (theirs <= 0) return {};
  const std::int64_t tenths = saving_tenths(theirs, ours);
  return tenths >= 0 ? percent(tenths) + " less" : percent(-tenths) + " more";
}

void Table::head() {
  const auto safe = [&](const std::string& text) { return printable(text, options_.unicode); };
  paragraph(fmt::format("{}: {} from {}, seed {}", safe(simulation_.scenario),
                        length_text(simulation_.duration_ms), simulation_.start, simulation_.seed));
  paragraph(safe(simulation_.market));
  if (!simulation_.description.empty()) paragraph(safe(simulation_.description));
  std::string names(kNameWidth, ' ');
  for (const SimulatedRun& run : simulation_.runs)
    names += padded_left(title_of(run.strategy), kCellWidth);
  line("");
  line(names);
}

void Table::cost() {
  line("Cost");
  const std::int64_t duration = simulation_.duration_ms;
  row(
      "an hour, on average",
      [&](const SimulatedRun& run) { return usd(scaled(run.micro_usd, kHourMs, duration)); },
      saving([](const SimulatedRun& run) { return run.micro_usd; }));
  row("in all", [](const SimulatedRun& run) { return usd(run.micro_usd); });
  row(
      "for an hour of a pod",
      [](const SimulatedRun& run) {
        return run.pod_ms == 0 ? "-" : usd(scaled(run.micro_usd, kHourMs, run.pod_ms), 3);
      },
      saving([](const SimulatedRun& run) { return scaled(run.micro_usd, kHourMs, run.pod_ms); }));
  row("node-hours", [](const SimulatedRun& run) { return hours(run.node_ms); });
  row("paid GPU time that pods held", [](const SimulatedRun& run) {
    return run.gpu_milli_ms == 0 ? std::string("-")
                                 : percent(scaled(run.gpu_milli_ms_held, 1000, run.gpu_milli_ms));
  });
}

void Table::waiting() {
  section("Waiting, from a pod's creation until it runs");
  row("pods that ran", [](const SimulatedRun& run) { return with_thousands(run.ran); });
  const auto time = [](std::int64_t SimulatedRun::*figure) {
    return [figure](const SimulatedRun& run) {
      return run.ran == 0 ? std::string("-") : length_text(run.*figure);
    };
  };
  row("half of them within", time(&SimulatedRun::median_ms));
  row("95 of 100 within", time(&SimulatedRun::p95_ms));
  row("the longest", time(&SimulatedRun::longest_ms));
  row("still waiting at the end",
      [](const SimulatedRun& run) { return with_thousands(run.waiting); });
}

void Table::disruption() {
  const auto count = [](std::int64_t SimulatedRun::*figure) {
    return [figure](const SimulatedRun& run) { return with_thousands(run.*figure); };
  };
  section("Disruption");
  row("pods moved to save money", count(&SimulatedRun::moved));
  row("pods evicted in all", count(&SimulatedRun::evicted));
  row("pods rejected by kubelet", count(&SimulatedRun::rejected));
  row("spot instances interrupted", count(&SimulatedRun::interrupted));
  const auto any = [&](std::int64_t SimulatedRun::*figure) {
    return std::any_of(simulation_.runs.begin(), simulation_.runs.end(),
                       [figure](const SimulatedRun& run) { return run.*figure > 0; });
  };
  if (any(&SimulatedRun::lost)) row("instances lost without a notice", count(&SimulatedRun::lost));
  if (any(&SimulatedRun::faults)) row("faults that happened", count(&SimulatedRun::faults));
}

void Table::nodes() {
  const auto count = [](std::int64_t SimulatedRun::*figure) {
    return [figure](const SimulatedRun& run) { return with_thousands(run.*figure); };
  };
  const auto of_cuts = [](std::int64_t SimulatedRun::*figure) {
    return [figure](const SimulatedRun& run) {
      return run.strategy == "kerf" ? with_thousands(run.*figure) : std::string("-");
    };
  };
  section("Nodes and cuts");
  row("nodes bought", count(&SimulatedRun::bought));
  row("nodes returned", count(&SimulatedRun::returned));
  row("launches that came to nothing", count(&SimulatedRun::refused));
  row("layouts changed", of_cuts(&SimulatedRun::layouts_changed));
  row("slices made", of_cuts(&SimulatedRun::slices_made));
  row("slices destroyed", of_cuts(&SimulatedRun::slices_destroyed));
}

void Table::types() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const SimulatedRun& run : simulation_.runs)
    for (const SimulatedType& type : run.types) {
      const std::pair name(type.type, type.capacity_type);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  if (names.empty()) return;
  section("Instance types: node-hours and cost");
  for (const auto& name : names) {
    row(fmt::format("{} {}", name.first, name.second), [&](const SimulatedRun& run) {
      for (const SimulatedType& type : run.types)
        if (type.type == name.first && type.capacity_type == name.second)
          return fmt::format("{} h {}", hours(type.node_ms), usd(type.micro_usd, 0));
      return std::string("-");
    });
  }
}

void Table::promises() {
  for (const SimulatedRun& run : simulation_.runs) {
    if (!run.checked) continue;
    line("");
    if (run.broken.empty()) {
      line(fmt::format("Promises of {}: {} watched, all kept.", title_of(run.strategy),
                       run.promises));
      continue;
    }
    line(fmt::format("Promises of {}: {} BROKEN", title_of(run.strategy),
                     counted(static_cast<std::int64_t>(run.broken.size()), "time", "times")));
    for (const BrokenPromise& broken : run.broken)
      paragraph(fmt::format("{} after the start, {}: {}", length_text(broken.at_ms), broken.promise,
                            printable(broken.sentence, options_.unicode)),
                "  ");
  }
}

void Table::notes() {
  const bool compared =
      std::any_of(simulation_.runs.begin(), simulation_.runs.end(),
                  [](const SimulatedRun& run) { return run.strategy == "whole-gpu"; });
  if (!compared) return;
  line("");
  paragraph(
      "Whole GPUs: the same pods in the same cluster without Kerf. Each device asked for is a "
      "whole "
      "GPU with at least that memory, and a model of a Karpenter NodePool buys, packs and "
      "consolidates nodes. It shares no GPU: no slices, no time-slicing, and no smaller request "
      "where a pod uses less.");
}

}  // namespace

std::string length_text(std::int64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  const std::int64_t seconds = ms / 1000;
  if (seconds < 60) return fmt::format("{} s", seconds);
  const auto two = [](std::int64_t large, const char* unit, std::int64_t small,
                      const char* unit_of_small) {
    return small == 0 ? fmt::format("{} {}", large, unit)
                      : fmt::format("{} {} {} {}", large, unit, small, unit_of_small);
  };
  if (seconds < 3600) return two(seconds / 60, "min", seconds % 60, "s");
  return two(seconds / 3600, "h", seconds / 60 % 60, "min");
}

std::string simulation_table(const Simulation& simulation, const SimulationTableOptions& options) {
  Table table(simulation, options);
  table.head();
  table.cost();
  table.waiting();
  table.disruption();
  table.nodes();
  table.types();
  table.promises();
  table.notes();
  return std::move(table).take();
}

}  // namespace kerf::report
