// GpuNode.spec, and what of the object both sides share; the status is in gpu_node_status.cc.
#include "codec/gpu_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "base/quote.h"
#include "codec/extended_resource.h"
#include "codec/gpu_node_status.h"
#include "codec/json.h"
#include "codec/kube_meta.h"
#include "codec/lenient_fields.h"

namespace kerf::codec {
namespace {

using control::GpuNodeSpec;
using control::WantedGpu;
using control::WantedSlice;

constexpr std::size_t kGpusMax = 16;
constexpr std::size_t kSlicesMax = 64;
constexpr std::int64_t kReplicasMax = 16;
constexpr std::size_t kJsonBytesMax = 256u << 10;
constexpr std::string_view kReplica = "replica/";

bool take_digits(std::string_view& text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  text.remove_prefix(at);
  return at > 0 && at <= 4;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// How many take turns; nullopt: no such form.
std::optional<std::int64_t> replicas_of(std::string_view form) {
  if (!take_word(form, kReplica) || form.starts_with('0')) return std::nullopt;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(form.data(), form.data() + form.size(), count);
  if (error != std::errc() || end != form.data() + form.size()) return std::nullopt;
  return count >= 2 && count <= kReplicasMax ? std::optional(count) : std::nullopt;
}

Result<void> read_form(const Field& field, WantedSlice& slice) {
  KERF_TRY(slice.form, field.text(64));
  if (slice.form.starts_with("mps/")) {
    return field.wrong(Error(ErrorCode::Unsupported,
                             quoted(slice.form) +
                                 ": MPS is not served by this agent; use a MIG profile, whole or "
                                 "replica/<2 to 16>"));
  }
  if (slice.form == "whole" || is_mig_profile_name(slice.form) || replicas_of(slice.form))
    return {};
  return field.wrong(quoted(slice.form) +
                     "; expected a MIG profile such as 1g.10gb, or whole, or replica/<2 to 16>");
}

Result<void> read_resource(const Field& field, WantedSlice& slice) {
  KERF_TRY(slice.resource, field.text());
  if (is_extended_resource(slice.resource)) return {};
  return field.wrong(quoted(slice.resource) +
                     " is no extended resource; expected a name such as nvidia.com/mig-1g.10gb");
}

Result<WantedSlice> read_slice(const Field& field) {
  WantedSlice slice;
  KERF_CHECK_OK(
      field.object({{"profile", [&](const Field& f) { return read_form(f, slice); }, true},
                    {"start",
                     [&](const Field& f) -> Result<void> {
                       KERF_TRY(const std::int64_t start, f.integer(0, kSlicesMax - 1));
                       slice.start = static_cast<std::uint8_t>(start);
                       return {};
                     }},
                    {"resource", [&](const Field& f) { return read_resource(f, slice); }, true},
                    {"state", [&](const Field& f) -> Result<void> {
                       KERF_TRY(const std::size_t word, f.one_of({"Parked", "Published"}));
                       slice.published = word == 1;
                       return {};
                     }}}));
  const std::int64_t starts =
      slice.form == "whole" ? 1 : replicas_of(slice.form).value_or(kSlicesMax);
  if (slice.start >= starts) {
    return field.wrong(
        fmt::format("start {}; {} has starts 0 to {}", slice.start, slice.form, starts - 1));
  }
  return slice;
}

/// The entries of a list that may be empty.
Result<std::vector<Field>> entries_of(const Field& field, std::size_t most) {
  if (field.node().kind == Node::Kind::Sequence && field.node().items.empty())
    return std::vector<Field>();
  return field.items(most);
}

Result<WantedGpu> read_gpu(const Field& field) {
  WantedGpu gpu;
  std::set<std::pair<std::string, std::uint8_t>> seen;
  const auto read_slices = [&](const Field& slices) -> Result<void> {
    KERF_TRY(const std::vector<Field> entries, entries_of(slices, kSlicesMax));
    for (const Field& entry : entries) {
      KERF_TRY(WantedSlice slice, read_slice(entry));
      if (!seen.emplace(slice.form, slice.start).second) {
        return entry.wrong(
            fmt::format("{} at start {} is wanted twice on this GPU", slice.form, slice.start));
      }
      gpu.slices.push_back(std::move(slice));
    }
    return {};
  };
  KERF_CHECK_OK(field.object({{"slices", read_slices}}));
  std::ranges::sort(gpu.slices, [](const WantedSlice& a, const WantedSlice& b) {
    return std::tie(a.start, a.form) < std::tie(b.start, b.form);
  });
  return gpu;
}

Result<void> check_kind(const Field& object) {
  KERF_TRY(const std::string kind, given_text(object, "kind"));
  KERF_TRY(const std::string version, given_text(object, "apiVersion"));
  if ((kind.empty() || kind == kGpuNodeKind) && (version.empty() || version == kGpuNodeApiVersion))
    return {};
  return object.wrong(fmt::format("expected {} {}, got {} {}", kGpuNodeApiVersion, kGpuNodeKind,
                                  quoted(version), quoted(kind)));
}

}  // namespace

bool is_mig_profile_name(std::string_view text) {
  if (!take_digits(text) || !take_word(text, "g.") || !take_digits(text) || !take_word(text, "gb"))
    return false;
  if (text.empty()) return true;
  if (text.front() != '+' && text.front() != '-') return false;
  text.remove_prefix(1);
  return !text.empty() && text.size() <= 32 && text.front() != '.' && text.back() != '.' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '.'; });
}

Result<GpuNodeSpec> read_gpu_node_spec(const Field& spec) {
  GpuNodeSpec read;
  const auto read_gpus = [&](const Field& gpus) -> Result<void> {
    KERF_TRY(const std::vector<Field> entries, entries_of(gpus, kGpusMax));
    for (const Field& entry : entries) {
      KERF_TRY(WantedGpu gpu, read_gpu(entry));
      read.gpus.push_back(std::move(gpu));
    }
    return {};
  };
  KERF_CHECK_OK(spec.object({{"gpus", read_gpus, true}}));
  return read;
}

Result<GpuNodeSpec> gpu_node_spec_from_json(std::string_view text, std::string_view source) {
  const Limits limits{.bytes = kJsonBytesMax,
                      .depth = 16,
                      .nodes = 20'000,
                      .documents = 1,
                      .scalar_bytes = kJsonBytesMax};
  KERF_TRY(const Document document, parse_json(text, source, limits));
  return read_gpu_node_spec(Field(source, document.root));
}

Result<control::GpuNode> read_gpu_node(const Field& object) {
  control::GpuNode node;
  KERF_CHECK_OK(check_kind(object));
  KERF_TRY(const std::optional<Field> metadata, given_mapping(object, "metadata"));
  KERF_TRY(node.meta, read_metadata(metadata));
  KERF_TRY(const std::optional<Field> spec, given_mapping(object, "spec"));
  if (spec) {
    KERF_TRY(node.spec, read_gpu_node_spec(*spec));
  }
  KERF_TRY(const std::optional<Field> status, given_mapping(object, "status"));
  KERF_TRY(node.status, read_gpu_node_status(status));
  return node;
}

Node gpu_node_spec_node(const GpuNodeSpec& spec) {
  Node gpus = Node::sequence();
  for (const WantedGpu& gpu : spec.gpus) {
    Node slices = Node::sequence();
    for (const WantedSlice& slice : gpu.slices) {
      slices.push(Node::mapping()
                      .set("profile", Node::of(slice.form))
                      .set("start", Node::of(std::int64_t{slice.start}))
                      .set("resource", Node::of(slice.resource))
                      .set("state", Node::of(slice.published ? "Published" : "Parked")));
    }
    gpus.push(Node::mapping().set("slices", std::move(slices)));
  }
  return Node::mapping().set("gpus", std::move(gpus));
}

std::string gpu_node_spec_json(const GpuNodeSpec& spec) {
  return write_json_line(gpu_node_spec_node(spec));
}

}  // namespace kerf::codec
