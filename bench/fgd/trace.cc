// Readers of the openb node list, pod lists and arrival orders.
#include "fgd/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/quote.h"
#include "codec/csv.h"

namespace kerf::fgd {
namespace {

using codec::CsvRow;
using codec::CsvTable;

// Far above any node, far below what sums of all tasks could overflow.
constexpr std::int64_t kAmountMax = std::int64_t{1} << 30;
constexpr std::size_t kModelsMax = 31;

Result<std::int64_t> amount(const CsvTable& table, const CsvRow& row, std::string_view name,
                            std::int64_t most) {
  KERF_TRY(const std::size_t column, table.require(name));
  KERF_TRY(const std::int64_t value, table.integer(row, column));
  if (value < 0 || value > most) {
    return tl::unexpected(table.error(row, name, fmt::format("{}; expected 0 to {}", value, most)));
  }
  return value;
}

std::optional<Models> bit_of(const NodeList& nodes, std::string_view model) {
  const auto found = std::find(nodes.models.begin(), nodes.models.end(), model);
  if (found == nodes.models.end()) return std::nullopt;
  return Models{1} << (found - nodes.models.begin());
}

/// The wish of a gpu_spec cell: models apart by '|', empty parts count for nothing.
void read_spec(std::string_view cell, const NodeList& nodes, Task& task) {
  while (!cell.empty()) {
    const std::size_t bar = std::min(cell.find('|'), cell.size());
    const std::string_view model = cell.substr(0, bar);
    cell.remove_prefix(std::min(bar + 1, cell.size()));
    if (model.empty()) continue;
    if (!task.spec.empty()) task.spec += '|';
    task.spec += model;
    task.models |= bit_of(nodes, model).value_or(kUnknownModel);
  }
}

Result<Task> read_task(const CsvTable& table, const CsvRow& row, const NodeList& nodes) {
  Task task;
  KERF_TRY(task.cpu_milli, amount(table, row, "cpu_milli", kAmountMax));
  KERF_TRY(task.memory_mib, amount(table, row, "memory_mib", kAmountMax));
  KERF_TRY(const std::int64_t gpus, amount(table, row, "num_gpu", kGpusMax));
  task.gpus = static_cast<int>(gpus);
  if (task.gpus == 0) return task;  // it may wish for a model, in vain
  KERF_TRY(const std::int64_t milli, amount(table, row, "gpu_milli", kWholeGpu));
  task.gpu_milli = static_cast<std::int32_t>(milli);
  if (milli == 0 || (task.gpus > 1 && milli != kWholeGpu)) {
    return tl::unexpected(
        table.error(row, "gpu_milli",
                    fmt::format("{} with num_gpu {}; expected 1 to 1000, and 1000 for several GPUs",
                                milli, task.gpus)));
  }
  if (const auto column = table.column("gpu_spec")) read_spec(row.cells[*column], nodes, task);
  return task;
}

}  // namespace

Result<NodeList> read_nodes(std::string csv, std::string file) {
  KERF_TRY(const CsvTable table, CsvTable::parse(std::move(csv), std::move(file)));
  KERF_TRY(const std::size_t name_column, table.require("sn"));
  KERF_TRY(const std::size_t model_column, table.require("model"));
  NodeList list;
  std::set<std::string_view> names;
  for (const CsvRow& row : table.rows()) {
    NodeSpec node;
    node.name = row.cells[name_column];
    if (!names.insert(row.cells[name_column]).second) {
      return tl::unexpected(table.error(row, "sn", quoted(node.name) + " is there twice"));
    }
    KERF_TRY(node.cpu_milli, amount(table, row, "cpu_milli", kAmountMax));
    KERF_TRY(node.memory_mib, amount(table, row, "memory_mib", kAmountMax));
    KERF_TRY(const std::int64_t gpus, amount(table, row, "gpu", kGpusMax));
    node.gpus = static_cast<int>(gpus);
    list.gpus += gpus;
    auto bit = bit_of(list, row.cells[model_column]);
    if (!bit) {
      if (list.models.size() == kModelsMax) {
        return tl::unexpected(table.error(row, "model", "more than 31 GPU models"));
      }
      list.models.emplace_back(row.cells[model_column]);
      bit = Models{1} << (list.models.size() - 1);
    }
    node.model = *bit;
    list.nodes.push_back(std::move(node));
  }
  std::sort(list.nodes.begin(), list.nodes.end(),
            [](const NodeSpec& a, const NodeSpec& b) { return a.name < b.name; });
  return list;
}

Result<Trace> read_tasks(std::string csv, std::string file, const NodeList& nodes) {
  KERF_TRY(const CsvTable table, CsvTable::parse(std::move(csv), std::move(file)));
  Trace trace;
  std::map<std::tuple<std::int64_t, std::int64_t, int, std::int32_t, std::string>, std::size_t>
      kinds;
  for (const CsvRow& row : table.rows()) {
    KERF_TRY(Task task, read_task(table, row, nodes));
    const auto key =
        std::tuple(task.cpu_milli, task.memory_mib, task.gpus, task.gpu_milli, task.spec);
    task.kind = kinds.try_emplace(key, kinds.size()).first->second;
    trace.tasks.push_back(std::move(task));
  }
  trace.kinds = kinds.size();
  return trace;
}

Result<std::vector<std::size_t>> read_numbers(std::string_view text, std::string_view file,
                                              std::size_t below) {
  std::vector<std::size_t> out;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view digits = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::size_t value = 0;
    const auto [rest, code] = std::from_chars(digits.begin(), digits.end(), value);
    if (code != std::errc() || rest != digits.end() || value >= below) {
      return invalid(
          fmt::format("{}:{}: {}; expected a number below {}", file, line, quoted(digits), below));
    }
    out.push_back(value);
  }
  return out;
}

}  // namespace kerf::fgd
