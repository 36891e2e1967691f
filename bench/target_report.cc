// The table of kerf_target_bench.
#include "target_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

#include "measure.h"

namespace kerf::bench {

namespace {

std::string verdict(const Row& row) {
  if (!row.met) return "not measured";
  return *row.met ? "yes" : "NO";
}

/// "Intel(R) Xeon(R) ...", "?" where the system does not say.
std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "?";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

constexpr std::string_view kBegin = "<!-- figures -->\n", kEnd = "<!-- /figures -->\n";

}  // namespace

Report::Report(int runs, const std::string& solver)
    : loop_(calibration()), runs_(runs), solver_(solver) {
  fmt::print("calibration loop {:.3f} s; medians of {} runs; solver {}\n", loop_, runs_, solver_);
  fmt::print("{:<60} {:<42} {:<60} met\n", "what", "target", "seen");
}

void Report::add(Row row) {
  fmt::print("{:<60} {:<42} {:<60} {}\n", row.what, row.target, row.seen, verdict(row));
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

bool Report::all_met() const {
  return std::all_of(rows_.begin(), rows_.end(),
                     [](const Row& row) { return row.met.value_or(false); });
}

codec::Node Report::json() const {
  codec::Node rows = codec::Node::sequence();
  for (const Row& row : rows_) {
    codec::Node node = codec::Node::mapping();
    node.set("part", codec::Node::of(std::int64_t{row.part}))
        .set("what", codec::Node::of(row.what))
        .set("target", codec::Node::of(row.target))
        .set("seen", codec::Node::of(row.seen))
        .set("met", row.met ? codec::Node::of(*row.met) : codec::Node::null())
        .set("figures", row.figures);
    rows.push(std::move(node));
  }
  codec::Node out = codec::Node::mapping();
  out.set("calibration_seconds", codec::Node::of(loop_))
      .set("runs", codec::Node::of(std::int64_t{runs_}))
      .set("solver", codec::Node::of(solver_))
      .set("cpu", codec::Node::of(cpu_name()))
      .set("targets", std::move(rows));
  return out;
}

std::string Report::markdown() const {
  std::string out = fmt::format(
      "Measured {} on {} ({} cores), calibration loop {:.3f} s, medians of {} runs, solver {}.\n\n"
      "| | what | target | seen | met |\n|---|---|---|---|---|\n",
      today(), cpu_name(), sysconf(_SC_NPROCESSORS_ONLN), loop_, runs_, solver_);
  std::vector<Row> rows = rows_;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.part < b.part; });
  for (const Row& row : rows)
    out += fmt::format("| {} | {} | {} | {} | {} |\n", row.part, row.what, row.target, row.seen,
                       !row.met   ? "not measured"
                       : *row.met ? "yes"
                                  : "**no**");
  return out;
}

bool replace_figures(const std::string& path, const std::string& figures) {
  std::ifstream in(path);
  std::stringstream stream;
  stream << in.rdbuf();
  const std::string text = stream.str();
  const std::size_t begin = text.find(kBegin), end = text.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    fmt::print(stderr,
               "{}: expected the lines \"{}\" and \"{}\" around the figures; nothing was "
               "written. Put them where the table is to stand.\n",
               path, kBegin.substr(0, kBegin.size() - 1), kEnd.substr(0, kEnd.size() - 1));
    return false;
  }
  std::ofstream(path) << text.substr(0, begin + kBegin.size()) << figures << text.substr(end);
  return true;
}

}  // namespace kerf::bench
