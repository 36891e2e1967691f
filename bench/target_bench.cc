// kerf_target_bench: measures the planner against its targets; figures to <folder>/targets.json.
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "codec/json.h"
#include "solver/clp.h"
#include "target_parts.h"

namespace {

using kerf::bench::Report;
using kerf::bench::Setting;

constexpr const char* kUsage =
    "usage: kerf_target_bench [--part N]... [--runs N] [--limit SECONDS] [--folder DIR]\n"
    "                         [--markdown FILE]\n"
    "  --part N       1: openb on types that can be cut; 2: on all types; 3: scarce CPU; 4: small\n"
    "                 fleets; 5: GPUs alone; 6: effort 1; 7: Karpenter; 8: scaling. Without it, "
    "all\n"
    "  --runs N       of each plan; the median counts (5)\n"
    "  --limit S      of CPU for all runs of a plan; then it is stopped (900)\n"
    "  --folder DIR   for targets.json and plan-scaling.json (build/bench)\n"
    "  --markdown F   writes the table between the marks in F, too\n";

struct Options {
  Setting setting{{5, 3, 900}, "build/bench"};
  std::set<int> parts;
  std::string markdown;
};

[[noreturn]] void refuse(const std::string& why) {
  fmt::print(stderr, "kerf_target_bench: {}\n{}", why, kUsage);
  std::exit(2);
}

int number(const char* option, const char* text, int most) {
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || at != end || value < 1 || value > most)
    refuse(fmt::format("{} {}: expected a whole number from 1 to {}", option, text, most));
  return value;
}

Options read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help" || option == "-h") {
      fmt::print("{}", kUsage);
      std::exit(0);
    }
    if (i + 1 == argc) refuse(option + ": unknown, or its value is missing");
    const char* value = argv[++i];
    if (option == "--part") options.parts.insert(number("--part", value, 8));
    else if (option == "--runs") options.setting.ask.runs = number("--runs", value, 1000);
    else if (option == "--limit") options.setting.ask.limit_s = number("--limit", value, 1'000'000);
    else if (option == "--folder") options.setting.folder = value;
    else if (option == "--markdown") options.markdown = value;
    else refuse(option + ": unknown");
  }
  if (options.parts.empty()) options.parts = {1, 2, 3, 4, 5, 6, 7, 8};
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read(argc, argv);
  const Setting& setting = options.setting;
  const auto wanted = [&](int part) { return options.parts.count(part) != 0; };
  Report report(setting.ask.runs, kerf::solver::make_clp()->version());
  if (wanted(6)) kerf::bench::at_once(setting, report);  // first: memory is counted from here
  for (const int part : {1, 2})
    if (wanted(part)) kerf::bench::whole_trace(setting, part, report);
  if (wanted(3)) kerf::bench::scarce_cpu(setting, report);
  if (wanted(4)) kerf::bench::small_fleets(setting, report);
  if (wanted(5)) kerf::bench::gpus_alone(setting, report);
  if (wanted(7)) kerf::bench::karpenter(setting, report);
  if (wanted(8)) kerf::bench::scaling(setting, report);
  std::filesystem::create_directories(setting.folder);
  const std::string path = setting.folder + "/targets.json";
  std::ofstream(path) << kerf::codec::write_json(report.json());
  fmt::print("{}; wrote {}\n", report.all_met() ? "all targets are met" : "NOT all targets are met",
             path);
  if (!options.markdown.empty() &&
      !kerf::bench::replace_figures(options.markdown, report.markdown()))
    return 1;
  return 0;
}
