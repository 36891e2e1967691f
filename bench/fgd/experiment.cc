// Reads traces, orders out of their archive, and published curves.
#include "fgd/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/csv.h"

namespace kerf::fgd {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return fail(ErrorCode::NotFound, path + ": cannot be read");
  return std::move(text).str();
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else out += c;
  }
  return out + "'";
}

std::string archive_of(const std::string& data) { return data + "/fgd/orders.tar.xz"; }

Result<std::string> unpack(const std::string& archive, const std::string& member) {
  const std::string command =
      fmt::format("tar -xJOf {} {}", shell_quoted(archive), shell_quoted("orders/" + member));
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return fail(ErrorCode::Unavailable, command + ": cannot be started");
  std::string out;
  std::array<char, 1 << 16> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    out.append(buffer.data(), size);
  }
  if (::pclose(pipe) != 0 || out.empty()) {
    return fail(ErrorCode::NotFound, command + ": failed; tar and xz are needed");
  }
  return out;
}

Result<PublishedCurve> read_published(const std::string& data, const std::string& trace, int seed) {
  std::string file = data + "/fgd/expected_allo_discrete.csv";
  KERF_TRY(std::string text, read_file(file));
  KERF_TRY(const auto table, codec::CsvTable::parse(std::move(text), std::move(file)));
  KERF_TRY(const std::size_t workload_column, table.require("workload"));
  KERF_TRY(const std::size_t policy_column, table.require("sc_policy"));
  KERF_TRY(const std::size_t seed_column, table.require("seed"));
  for (const codec::CsvRow& row : table.rows()) {
    if (row.cells[workload_column] != "openb_pod_list_" + trace) continue;
    if (row.cells[policy_column] != "06-FGD") continue;
    if (row.cells[seed_column] != std::to_string(seed)) continue;
    PublishedCurve curve;
    for (std::size_t point = 0; point < curve.size(); ++point) {
      KERF_TRY(const std::size_t column, table.require(std::to_string(point)));
      if (row.cells[column].empty()) continue;
      KERF_TRY(curve[point], table.real(row, column));
    }
    return curve;
  }
  return fail(ErrorCode::NotFound,
              fmt::format("{}: no row of 06-FGD for {}, seed {}", table.file(), trace, seed));
}

}  // namespace

bool is_present(const std::string& data) { return std::filesystem::exists(archive_of(data)); }

Result<Experiment> read_experiment(const std::string& data, const std::string& trace, int seed) {
  Experiment out;
  const std::string nodes = data + "/openb/openb_node_list_gpu_node.csv";
  const std::string pods = data + "/openb/openb_pod_list_" + trace + ".csv";
  KERF_TRY(std::string node_text, read_file(nodes));
  KERF_TRY(out.nodes, read_nodes(std::move(node_text), nodes));
  KERF_TRY(std::string pod_text, read_file(pods));
  KERF_TRY(out.trace, read_tasks(std::move(pod_text), pods, out.nodes));

  const std::string archive = archive_of(data);
  const std::string order = fmt::format("{}_seed{}.txt", trace, seed);
  const std::string ranks = fmt::format("{}_seed{}.nodeperm.txt", trace, seed);
  KERF_TRY(const std::string order_text, unpack(archive, order));
  KERF_TRY(out.arrivals, read_numbers(order_text, order, out.trace.tasks.size()));
  KERF_TRY(const std::string rank_text, unpack(archive, ranks));
  KERF_TRY(out.ranks, read_numbers(rank_text, ranks, out.nodes.nodes.size()));
  if (out.ranks.size() != out.nodes.nodes.size()) {
    return invalid(
        fmt::format("{}: {} ranks for {} nodes", ranks, out.ranks.size(), out.nodes.nodes.size()));
  }
  KERF_TRY(out.published, read_published(data, trace, seed));
  return out;
}

double worst_deviation(const Outcome& outcome, const PublishedCurve& published) {
  double worst = 0;
  for (std::size_t point = 0; point < published.size(); ++point) {
    const auto& ours = outcome.allocation[point];
    const auto& theirs = published[point];
    if (ours && theirs) worst = std::max(worst, std::fabs(*ours - *theirs));
    else if (ours || theirs) worst = 100;
  }
  return worst;
}

}  // namespace kerf::fgd
