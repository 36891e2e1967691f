// Reads metadata and conditions, and writes conditions.
#include "codec/kube_meta.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/quote.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kLabelsMax = 10'000;
constexpr std::size_t kAnnotationBytesMax = 1u << 20;
constexpr std::size_t kConditionsMax = 1'000;
constexpr std::size_t kReadMessageBytesMax = 1u << 20;
constexpr std::size_t kMessageBytesMax = 32'768;  // what metav1.Condition may hold

/// lastTransitionTime of the condition of that type if its status is `status` already; else `now`.
std::string transition_time(const ConditionTimes& times, std::string_view type,
                            std::string_view status) {
  const auto is = [](const Node& condition, std::string_view key, std::string_view value) {
    const Node* node = condition.find(key);
    return node != nullptr && node->kind == Node::Kind::String && node->text == value;
  };
  const Node* conditions = times.previous == nullptr ? nullptr : times.previous->find("conditions");
  if (conditions == nullptr) return times.now;
  for (const Node& condition : conditions->items) {
    if (!is(condition, "type", type) || !is(condition, "status", status)) continue;
    const Node* since = condition.find("lastTransitionTime");
    if (since != nullptr && since->kind == Node::Kind::String && !since->text.empty())
      return since->text;
  }
  return times.now;
}

}  // namespace

Result<control::Instant> given_time(const std::optional<Field>& mapping, std::string_view key) {
  KERF_TRY(const std::string text, given_text(mapping, key));
  Result<std::int64_t> at = parse_timestamp(text);
  if (at) return at;
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  if (!field) return 0;
  return field->wrong(at.error());
}

Result<control::Meta> read_metadata(const std::optional<Field>& metadata) {
  control::Meta meta;
  if (!metadata) return meta;
  KERF_TRY(meta.ns, given_text(metadata, "namespace"));
  KERF_TRY(meta.name, given_text(metadata, "name"));
  KERF_TRY(meta.uid, given_text(metadata, "uid"));
  KERF_TRY(const std::string version, given_text(metadata, "resourceVersion"));
  if (!version.empty()) {
    const char* const end = version.data() + version.size();
    const auto read = std::from_chars(version.data(), end, meta.version);
    if (read.ec != std::errc() || read.ptr != end || meta.version < 0) {
      return metadata->wrong("resourceVersion " + quoted(version) + "; expected a number");
    }
  }
  KERF_TRY(const auto generation, given_integer(metadata, "generation", 0, INT64_MAX));
  meta.generation = generation.value_or(meta.generation);
  KERF_TRY(meta.created, given_time(metadata, "creationTimestamp"));
  KERF_TRY(meta.deleted, given_time(metadata, "deletionTimestamp"));
  KERF_TRY(meta.labels, given_labels(metadata, "labels", kLabelsMax, 253));
  KERF_TRY(meta.annotations,
           given_labels(metadata, "annotations", kLabelsMax, kAnnotationBytesMax));
  return meta;
}

Result<std::vector<ReadCondition>> read_conditions(const std::optional<Field>& status) {
  std::vector<ReadCondition> read;
  KERF_TRY(const std::vector<Field> entries, given_list(status, "conditions", kConditionsMax));
  for (const Field& entry : entries) {
    ReadCondition& condition = read.emplace_back();
    KERF_TRY(condition.type, given_text(entry, "type", 316));
    KERF_TRY(condition.status, given_text(entry, "status"));
    KERF_TRY(condition.reason, given_text(entry, "reason", 1024));
    KERF_TRY(condition.message, given_text(entry, "message", kReadMessageBytesMax));
    KERF_TRY(condition.transition, given_time(entry, "lastTransitionTime"));
    KERF_TRY(condition.probe, given_time(entry, "lastProbeTime"));
  }
  return read;
}

const ReadCondition* find_condition(const std::vector<ReadCondition>& conditions,
                                    std::string_view type) {
  const auto at = std::ranges::find(conditions, type, &ReadCondition::type);
  return at == conditions.end() ? nullptr : &*at;
}

bool is_true(const std::vector<ReadCondition>& conditions, std::string_view type) {
  const ReadCondition* condition = find_condition(conditions, type);
  return condition != nullptr && condition->status == "True";
}

std::string cut_text(const std::string& text, std::size_t bytes_max) {
  constexpr std::string_view kDots = "...";
  if (text.size() <= bytes_max) return text;
  if (bytes_max < kDots.size()) return "";
  std::size_t end = bytes_max - kDots.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + std::string(kDots);
}

Node condition_node(const ConditionTimes& times, std::string_view type, bool holds,
                    std::string_view reason, const std::string& message) {
  const std::string_view word = holds ? "True" : "False";
  return Node::mapping()
      .set("type", Node::of(std::string(type)))
      .set("status", Node::of(std::string(word)))
      .set("observedGeneration", Node::of(times.observed_generation))
      .set("lastTransitionTime", Node::of(transition_time(times, type, word)))
      .set("reason", Node::of(std::string(reason)))
      .set("message", Node::of(cut_text(message, kMessageBytesMax)));
}

}  // namespace kerf::codec
