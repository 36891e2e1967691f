// GpuNode.status: as the agent writes it and as anybody reads it back.
#include "codec/gpu_node_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/quote.h"
#include "codec/gpu_node.h"
#include "codec/kube_meta.h"
#include "codec/lenient_fields.h"

namespace kerf::codec {
namespace {

using cluster::SliceState;
using control::Degraded;
using control::GpuNodeStatus;
using control::GpuStatus;
using control::SliceStatus;

constexpr std::size_t kGpusMax = 64;
constexpr std::size_t kSlicesMax = 256;
constexpr std::size_t kLabelsMax = 1000;
constexpr std::size_t kConditionsMax = 64;
constexpr std::size_t kMessageBytesMax = 32'768;  // what metav1.Condition may hold

/// In SliceState's order.
constexpr std::string_view kLeaving = "Leaving";
constexpr std::array<std::string_view, 5> kStates = {"Creating", "Free", "Used", "Retiring",
                                                     "Lost"};

constexpr Degraded kReasons[] = {
    Degraded::ForeignPlugin, Degraded::ForeignDriver, Degraded::ForeignInstances, Degraded::ModeOff,
    Degraded::GpuLost,       Degraded::CutFailed,     Degraded::IllegalLayout};

// --- Reading -------------------------------------------------------------------------------------

Result<SliceState> read_state(const Field& slice) {
  KERF_TRY(const std::optional<Field> field, given(slice, "state"));
  if (!field) return SliceState::Free;
  KERF_TRY(const std::size_t word,
           field->one_of({kStates[0], kStates[1], kStates[2], kStates[3], kStates[4]}));
  return static_cast<SliceState>(word);
}

Result<SliceStatus> read_slice(const Field& field) {
  SliceStatus slice;
  KERF_TRY(slice.form, given_text(field, "profile"));
  KERF_TRY(const auto start, given_integer(field, "start", 0, 255));
  slice.start = static_cast<std::uint8_t>(start.value_or(0));
  KERF_TRY(slice.resource, given_text(field, "resource"));
  KERF_TRY(slice.state, read_state(field));
  KERF_TRY(slice.published, given_flag(field, "offered"));
  KERF_TRY(slice.lent, given_flag(field, "lent"));
  KERF_TRY(slice.uuid, given_text(field, "uuid"));
  KERF_TRY(slice.pod, given_text(field, "pod", 512));
  return slice;
}

Result<GpuStatus> read_gpu(const Field& field) {
  GpuStatus gpu;
  KERF_TRY(gpu.uuid, given_text(field, "uuid"));
  KERF_TRY(gpu.model, given_text(field, "model"));
  KERF_TRY(gpu.mig, given_flag(field, "mig"));
  KERF_TRY(gpu.lost, given_flag(field, "lost"));
  KERF_TRY(const std::vector<Field> slices, given_list(field, "slices", kSlicesMax));
  for (const Field& entry : slices) {
    KERF_TRY(SliceStatus slice, read_slice(entry));
    gpu.slices.push_back(std::move(slice));
  }
  return gpu;
}

Degraded reason_of(std::string_view word) {
  const auto* at = std::ranges::find_if(
      kReasons, [&](Degraded reason) { return control::to_string(reason) == word; });
  return at == std::end(kReasons) ? Degraded::CutFailed : *at;
}

Result<void> read_condition(const Field& condition, GpuNodeStatus& status) {
  KERF_TRY(const std::string type, given_text(condition, "type", 316));
  KERF_TRY(const std::string word, given_text(condition, "status"));
  const bool is_true = word == "True";
  if (type == "Cut") status.cut = is_true;
  KERF_TRY(const std::string reason, given_text(condition, "reason", 1024));
  if (type == "Ready") {
    status.ready = is_true;
    status.leaving = !is_true && reason == kLeaving;
  }
  if (type != "Degraded" || !is_true) return {};
  status.degraded = reason_of(reason);
  return store(given_text(condition, "message", kMessageBytesMax), status.message);
}

// --- Writing -------------------------------------------------------------------------------------

/// What stands, in the text form of a layout: with a UUID it stands.
std::string layout_of(const GpuStatus& gpu) {
  std::string text = (gpu.model.empty() ? "GPU" : gpu.model) + " [";
  bool first = true;
  for (const SliceStatus& slice : gpu.slices) {
    if (slice.uuid.empty()) continue;
    text += fmt::format("{}{}@{}", first ? "" : " ", slice.form, slice.start);
    first = false;
  }
  return text + ']';
}

Node slice_node(std::size_t index, const SliceStatus& slice) {
  Node node = Node::mapping();
  node.set("profile", Node::of(slice.form));
  node.set("start", Node::of(std::int64_t{slice.start}));
  node.set("device", Node::of(control::device_id(static_cast<std::uint32_t>(index), slice.form,
                                                 slice.start)));
  if (!slice.resource.empty()) node.set("resource", Node::of(slice.resource));
  node.set("state", Node::of(std::string(kStates[static_cast<std::size_t>(slice.state)])));
  if (slice.published) node.set("offered", Node::of(true));
  if (slice.lent) node.set("lent", Node::of(true));
  if (!slice.uuid.empty()) node.set("uuid", Node::of(slice.uuid));
  if (!slice.pod.empty()) node.set("pod", Node::of(slice.pod));
  return node;
}

Node gpu_node(std::size_t index, const GpuStatus& gpu) {
  Node node = Node::mapping();
  node.set("index", Node::of(static_cast<std::int64_t>(index)));
  node.set("uuid", Node::of(gpu.uuid));
  if (!gpu.model.empty()) node.set("model", Node::of(gpu.model));
  node.set("mig", Node::of(gpu.mig));
  if (gpu.lost) node.set("lost", Node::of(true));
  node.set("layout", Node::of(layout_of(gpu)));
  Node slices = Node::sequence();
  for (const SliceStatus& slice : gpu.slices) slices.push(slice_node(index, slice));
  return std::move(node.set("slices", std::move(slices)));
}

/// For printer columns. Slices that come, go or are lost count in the total only.
Node counts_node(const GpuNodeStatus& status) {
  std::int64_t used = 0;
  std::int64_t free = 0;
  std::int64_t parked = 0;
  std::int64_t total = 0;
  for (const GpuStatus& gpu : status.gpus) {
    for (const SliceStatus& slice : gpu.slices) {
      ++total;
      if (slice.state == SliceState::Used) ++used;
      if (slice.state == SliceState::Free) ++(slice.published ? free : parked);
    }
  }
  return Node::mapping()
      .set("used", Node::of(used))
      .set("free", Node::of(free))
      .set("parked", Node::of(parked))
      .set("total", Node::of(total));
}

Node conditions_node(const GpuNodeStatus& status, const StatusTimes& times) {
  Node conditions = Node::sequence();
  const ConditionTimes when{times.previous, times.now, status.observed_generation};
  const auto add = [&](std::string_view type, bool holds, std::string_view reason,
                       const std::string& message) {
    conditions.push(condition_node(when, type, holds, reason, message));
  };
  const bool degraded = status.degraded != Degraded::No;
  const std::string_view uncut = status.observed_generation == 0 ? "NotWanted"
                                 : degraded                      ? "Degraded"
                                                                 : "Cutting";
  add("Cut", status.cut, status.cut ? "AsWanted" : uncut, "");
  add("Ready", status.ready,
      status.ready     ? "Registered"
      : status.leaving ? kLeaving
                       : "KubeletAway",
      "");
  add("Degraded", degraded, degraded ? control::to_string(status.degraded) : "AsExpected",
      degraded ? status.message : "");
  return conditions;
}

}  // namespace

Result<GpuNodeStatus> read_gpu_node_status(const std::optional<Field>& status) {
  GpuNodeStatus read;
  KERF_TRY(const auto generation, given_integer(status, "observedGeneration", 0, INT64_MAX));
  read.observed_generation = generation.value_or(0);
  KERF_TRY(read.boot_id, given_text(status, "bootID"));
  KERF_TRY(read.epoch, given_text(status, "registrationEpoch"));
  KERF_TRY(const std::vector<Field> gpus, given_list(status, "gpus", kGpusMax));
  for (const Field& entry : gpus) {
    KERF_TRY(GpuStatus gpu, read_gpu(entry));
    read.gpus.push_back(std::move(gpu));
  }
  KERF_TRY(read.labels, given_labels(status, "labels", kLabelsMax, 253));
  KERF_TRY(const std::vector<Field> conditions, given_list(status, "conditions", kConditionsMax));
  for (const Field& condition : conditions) KERF_CHECK_OK(read_condition(condition, read));
  return read;
}

Node gpu_node_status_node(const GpuNodeStatus& status, const StatusTimes& times) {
  Node gpus = Node::sequence();
  for (std::size_t i = 0; i < status.gpus.size(); ++i) gpus.push(gpu_node(i, status.gpus[i]));
  Node node = Node::mapping();
  node.set("observedGeneration", Node::of(status.observed_generation));
  node.set("bootID", Node::of(status.boot_id));
  node.set("registrationEpoch", Node::of(status.epoch));
  node.set("lastReportTime", Node::of(times.now));
  node.set("slices", counts_node(status));
  node.set("gpus", std::move(gpus));
  if (!status.labels.empty()) {
    Node labels = Node::mapping();
    for (const auto& [name, value] : status.labels) labels.set(name, Node::of(value));
    node.set("labels", std::move(labels));
  }
  return std::move(node.set("conditions", conditions_node(status, times)));
}

Node gpu_node_status_object(std::string_view name, std::string_view resource_version, Node status) {
  return Node::mapping()
      .set("apiVersion", Node::of(std::string(kGpuNodeApiVersion)))
      .set("kind", Node::of(std::string(kGpuNodeKind)))
      .set("metadata", Node::mapping()
                           .set("name", Node::of(std::string(name)))
                           .set("resourceVersion", Node::of(std::string(resource_version))))
      .set("status", std::move(status));
}

}  // namespace kerf::codec
