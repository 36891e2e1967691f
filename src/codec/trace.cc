// The trace reader: rows of a pod list -> GPU requests under a map, grouped into workloads.
#include "codec/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "codec/csv.h"
#include "codec/gpu_request.h"
#include "codec/price_file.h"

namespace kerf::codec {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;

// Far above any node, far below what sums of four million rows could overflow.
constexpr std::int64_t kCpuMilliMax = 1'000'000'000;
constexpr std::int64_t kMemoryMibMax = std::int64_t{1} << 30;
constexpr std::int64_t kGpusMax = 1'024;
constexpr std::size_t kNameBytesMax = 253;  // a Kubernetes name's

struct Columns {
  std::size_t name = 0;
  std::size_t cpu_milli = 0;
  std::size_t memory_mib = 0;
  std::size_t num_gpu = 0;
  std::size_t gpu_milli = 0;
  std::optional<std::size_t> gpu_spec;
};

/// One row, checked.
struct TracePod {
  std::uint32_t line = 0;
  std::string name;
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::int64_t gpus = 0;
  std::int64_t gpu_milli = 0;  ///< of one GPU
};

/// Pods of one GPU request, in trace order.
struct Group {
  std::uint32_t line = 0;  ///< of its first pod
  std::vector<TracePod> pods;
};

/// Shares of a GPU first, the smallest first; then whole GPUs by their number.
struct BySize {
  bool operator()(const GpuRequest& a, const GpuRequest& b) const {
    const auto key = [](const GpuRequest& r) {
      return std::tuple(r.kind == GpuRequestKind::Whole, r.share_milli, r.gib, r.count);
    };
    return key(a) < key(b);
  }
};

std::string_view to_string(TraceMap map) {
  switch (map) {
    case TraceMap::Memory: return "memory";
    case TraceMap::Nearest: return "nearest";
    case TraceMap::Share: return "share";
    case TraceMap::Whole: return "whole";
  }
  return "?";
}

/// A whole number from 0 to `most`; `name` is the column's.
Result<std::int64_t> bounded(const CsvTable& table, const CsvRow& row, std::size_t column,
                             std::string_view name, std::int64_t most) {
  KERF_TRY(const std::int64_t value, table.integer(row, column));
  if (value < 0 || value > most) {
    return tl::unexpected(table.error(row, name, fmt::format("{}; expected 0 to {}", value, most)));
  }
  return value;
}

Result<std::string> pod_name(const CsvTable& table, const CsvRow& row, std::size_t column) {
  const std::string_view name = row.cells[column];
  if (name.size() > kNameBytesMax) {
    return tl::unexpected(table.error(
        row, "name", fmt::format("{} bytes; at most {} are read", name.size(), kNameBytesMax)));
  }
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = utf8_length(name, at);
    const auto byte = static_cast<unsigned char>(name[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      return tl::unexpected(
          table.error(row, "name", quoted(name) + "; expected printable text (UTF-8)"));
    }
    at += length;
  }
  return std::string(name);
}

/// What num_gpu and gpu_milli may say together.
Result<void> check_gpus(const CsvTable& table, const CsvRow& row, const TracePod& pod) {
  const auto wrong = [&](std::string message) {
    return tl::unexpected(table.error(row, "gpu_milli", message));
  };
  if (pod.gpus == 0 && pod.gpu_milli != 0) {
    return wrong(
        fmt::format("{} with num_gpu 0; expected 0 for a pod without GPUs", pod.gpu_milli));
  }
  if (pod.gpus == 1 && pod.gpu_milli == 0) {
    return wrong("0 with num_gpu 1; expected 1 to 1000, thousandths of the GPU");
  }
  if (pod.gpus > 1 && pod.gpu_milli != 1000) {
    return wrong(fmt::format("{} with num_gpu {}; expected 1000: several GPUs are whole GPUs",
                             pod.gpu_milli, pod.gpus));
  }
  return {};
}

Result<TracePod> read_row(const CsvTable& table, const CsvRow& row, const Columns& columns) {
  TracePod pod;
  pod.line = row.line;
  KERF_TRY(pod.name, pod_name(table, row, columns.name));
  KERF_TRY(pod.cpu_milli, bounded(table, row, columns.cpu_milli, "cpu_milli", kCpuMilliMax));
  KERF_TRY(pod.memory_mib, bounded(table, row, columns.memory_mib, "memory_mib", kMemoryMibMax));
  KERF_TRY(pod.gpus, bounded(table, row, columns.num_gpu, "num_gpu", kGpusMax));
  const bool absent = row.cells[columns.gpu_milli].empty();
  if (absent && pod.gpus > 0) {
    return tl::unexpected(
        table.error(row, "gpu_milli",
                    fmt::format("empty with num_gpu {}; expected 1 to 1000, thousandths of "
                                "one GPU",
                                pod.gpus)));
  }
  if (!absent) {
    KERF_TRY(pod.gpu_milli, bounded(table, row, columns.gpu_milli, "gpu_milli", 1000));
  }
  KERF_CHECK_OK(check_gpus(table, row, pod));
  return pod;
}

Result<Columns> find_columns(const CsvTable& table) {
  Columns columns;
  KERF_TRY(columns.name, table.require("name"));
  KERF_TRY(columns.cpu_milli, table.require("cpu_milli"));
  KERF_TRY(columns.memory_mib, table.require("memory_mib"));
  KERF_TRY(columns.num_gpu, table.require("num_gpu"));
  KERF_TRY(columns.gpu_milli, table.require("gpu_milli"));
  columns.gpu_spec = table.column("gpu_spec");
  return columns;
}

/// The model that `share` measures by; nullptr for the other maps.
Result<const gpu::Model*> reference_model(const TraceOptions& options, const gpu::Catalogue& gpus) {
  if (options.map != TraceMap::Share) return nullptr;
  if (const gpu::Model* model = gpus.find(options.reference_gpu)) return model;
  std::string known;
  for (const gpu::Model& model : gpus.models) {
    if (!known.empty()) known += ", ";
    known += model.key;
  }
  const std::string what =
      options.reference_gpu.empty()
          ? "--map share needs --reference-gpu"
          : "--reference-gpu " + quoted(options.reference_gpu) + ": there is no such GPU model";
  return invalid(what + "; name the GPU that the trace's shares are of: " + known);
}

/// The request that one row stands for; definitions: docs/reference/traces.md.
Result<GpuRequest> request_of(const CsvTable& table, const CsvRow& row, const TracePod& pod,
                              TraceMap map, const gpu::Model* reference) {
  GpuRequest request;
  request.count = pod.gpus;
  const auto milli = static_cast<std::int32_t>(pod.gpu_milli);
  if (milli == 1000 || map == TraceMap::Whole) {
    request.gib = reference == nullptr ? 0 : reference->nominal_gb;
    return request;
  }
  if (map != TraceMap::Share) {
    request.kind =
        map == TraceMap::Memory ? GpuRequestKind::ShareOfMemory : GpuRequestKind::ShareOfCompute;
    request.share_milli = milli;
    return request;
  }
  const int need = (milli * reference->nominal_gb + 999) / 1000;
  const std::optional<int> rung = ladder_up(need);
  if (!rung) {
    return tl::unexpected(table.error(
        row, "gpu_milli",
        fmt::format("{} thousandths of a {} are {} GiB, above the largest portable request; "
                    "choose a smaller --reference-gpu",
                    milli, reference->key, need)));
  }
  request.kind = GpuRequestKind::Portable;
  request.gib = *rung;
  return request;
}

/// "0.46-gpu", "8-gpu", "gpu-20gi".
std::string workload_name(const GpuRequest& request) {
  switch (request.kind) {
    case GpuRequestKind::Portable: return fmt::format("gpu-{}gi", request.gib);
    case GpuRequestKind::ShareOfMemory:
    case GpuRequestKind::ShareOfCompute: {
      std::string digits = fmt::format("{:03}", request.share_milli);
      while (digits.ends_with('0')) digits.pop_back();
      return fmt::format("0.{}-gpu", digits);
    }
    case GpuRequestKind::Whole:
    case GpuRequestKind::Slice: break;
  }
  return fmt::format("{}-gpu", request.count);
}

/// Makes names distinct: the second "web" is "web#2". Linear: a number is tried once.
class Names {
 public:
  std::string distinct(std::string name) {
    if (name.empty()) name = "pod";
    if (taken_.insert(name).second) return name;
    ++numbered_;
    std::int64_t& last = last_.try_emplace(name, 1).first->second;
    while (true) {
      std::string candidate = fmt::format("{}#{}", name, ++last);
      if (taken_.insert(candidate).second) return candidate;
    }
  }
  std::int64_t numbered() const { return numbered_; }

 private:
  std::set<std::string, std::less<>> taken_;
  std::map<std::string, std::int64_t, std::less<>> last_;
  std::int64_t numbered_ = 0;
};

/// Everything read, before it becomes part of a Demand.
struct Trace {
  std::map<GpuRequest, Group, BySize> groups;
  std::int64_t cpu_only_pods = 0;
  std::int64_t cpu_only_milli = 0;
  std::int64_t numbered = 0;
  std::int64_t wishes = 0;           ///< rows that name GPU models
  std::int64_t above_reference = 0;  ///< portable requests larger than the reference GPU
};

Result<Trace> read_rows(const CsvTable& table, TraceMap map, const gpu::Model* reference) {
  KERF_TRY(const Columns columns, find_columns(table));
  Trace trace;
  Names names;
  for (const CsvRow& row : table.rows()) {
    KERF_TRY(TracePod pod, read_row(table, row, columns));
    if (pod.gpus == 0) {
      ++trace.cpu_only_pods;
      trace.cpu_only_milli += pod.cpu_milli;
      continue;
    }
    if (columns.gpu_spec && !row.cells[*columns.gpu_spec].empty()) ++trace.wishes;
    KERF_TRY(const GpuRequest request, request_of(table, row, pod, map, reference));
    if (request.kind == GpuRequestKind::Portable && request.gib > reference->nominal_gb) {
      ++trace.above_reference;
    }
    pod.name = names.distinct(std::move(pod.name));
    Group& group = trace.groups[request];
    if (group.pods.empty()) group.line = pod.line;
    group.pods.push_back(std::move(pod));
  }
  trace.numbered = names.numbered();
  return trace;
}

void add_group(const GpuRequest& request, Group group, std::string_view file,
               cluster::Demand& demand) {
  cluster::Workload workload;
  workload.kind = "Trace";
  workload.ns = "default";
  workload.name = workload_name(request);
  workload.pods = static_cast<std::int64_t>(group.pods.size());
  workload.asks = cluster::describe({request});
  workload.source = fmt::format("{}:{}", file, group.line);
  const auto index = static_cast<std::uint32_t>(demand.workloads.size());
  demand.workloads.push_back(std::move(workload));

  std::map<std::pair<std::int64_t, std::int64_t>, std::uint32_t> shapes;  // by CPU and memory
  for (TracePod& pod : group.pods) {
    const auto [found, is_new] = shapes.try_emplace({pod.cpu_milli, pod.memory_mib}, 0);
    if (is_new) {
      cluster::PodShape shape;
      shape.requests = {pod.cpu_milli, pod.memory_mib, 0, 1};
      shape.gpu = {request};
      found->second = demand.intern(std::move(shape));
    }
    demand.pods.push_back({std::move(pod.name), found->second, index});
  }
}

void add_notes(const CsvTable& table, const Trace& trace, const gpu::Model* reference,
               cluster::Demand& demand) {
  if (table.column("creation_time") || table.column("deletion_time")) {
    demand.notes.emplace_back(
        "All pods of the trace are planned together; the times in it are not used.");
  }
  if (trace.wishes > 0) {
    demand.notes.push_back(
        fmt::format("Column gpu_spec (GPU models that a pod wishes for) is not used, any model may "
                    "serve these pods; pods that have one: {}.",
                    trace.wishes));
  }
  if (trace.numbered > 0) {
    demand.notes.push_back(
        fmt::format("Pods with the name of an earlier pod of the trace are numbered (name#2): {}.",
                    trace.numbered));
  }
  if (trace.above_reference > 0) {
    demand.notes.push_back(fmt::format(
        "Pods that ask for more than a whole {}, because no portable request lies between their "
        "share and its {} GB: {}.",
        reference->key, reference->nominal_gb, trace.above_reference));
  }
}

}  // namespace

Result<void> read_trace(std::string csv, std::string file, const TraceOptions& options,
                        const gpu::Catalogue& gpus, cluster::Demand& demand) {
  KERF_TRY(const gpu::Model* const reference, reference_model(options, gpus));
  const std::string shown(base_name(file));
  KERF_TRY(const CsvTable table, CsvTable::parse(std::move(csv), std::move(file)));
  KERF_TRY(Trace trace, read_rows(table, options.map, reference));
  if (table.rows().empty()) {
    return invalid(table.file() + ": no rows after the header; each pod is one row");
  }

  demand.cpu_only_pods += trace.cpu_only_pods;
  demand.cpu_only_milli += trace.cpu_only_milli;
  add_notes(table, trace, reference, demand);
  for (auto& [request, group] : trace.groups) {
    add_group(request, std::move(group), table.file(), demand);
  }
  if (!demand.described.empty()) demand.described += ", ";
  demand.described += fmt::format("trace {}, map {}", shown, to_string(options.map));
  if (reference != nullptr) demand.described += " of " + reference->key;
  return {};
}

}  // namespace kerf::codec
