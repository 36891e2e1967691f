// A layout file: a GpuNode manifest, or its spec alone.
#include "codec/layout_file.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "codec/gpu_node.h"
#include "codec/yaml.h"

namespace kerf::codec {
namespace {

constexpr Limits kLimits{
    .bytes = 1u << 20, .depth = 16, .nodes = 20'000, .documents = 16, .scalar_bytes = 64u << 10};

Result<void> ignore(const Field&) { return {}; }

Result<void> expect_word(const Field& field, std::string_view word) {
  KERF_TRY(const std::string text, field.text());
  if (text == word) return {};
  return field.wrong(fmt::format("{}; expected {}", quoted(text), word));
}

Result<control::GpuNodeSpec> read_manifest(const Field& manifest) {
  control::GpuNodeSpec spec;
  KERF_CHECK_OK(manifest.object(
      {{"apiVersion", [](const Field& f) { return expect_word(f, kGpuNodeApiVersion); }, true},
       {"kind", [](const Field& f) { return expect_word(f, kGpuNodeKind); }, true},
       {"metadata", ignore},
       {"spec", [&](const Field& f) { return store(read_gpu_node_spec(f), spec); }, true},
       {"status", ignore}}));
  return spec;
}

}  // namespace

Result<control::GpuNodeSpec> read_layout_file(std::string_view text, std::string_view file) {
  KERF_TRY(const std::vector<Document> documents, parse_yaml(text, file, kLimits));
  if (documents.size() != 1) {
    return invalid(fmt::format(
        "{}: {} documents; expected one, a GpuNode or the gpus of its spec (gpus: [...])", file,
        documents.size()));
  }
  const Field root(file, documents.front().root);
  if (root.node().kind != Node::Kind::Mapping)
    return root.expected("a GpuNode, or the gpus of its spec (gpus: [...])");
  const bool is_manifest = root.node().find("kind") != nullptr ||
                           root.node().find("apiVersion") != nullptr ||
                           root.node().find("spec") != nullptr;
  KERF_TRY(control::GpuNodeSpec spec, is_manifest ? read_manifest(root) : read_gpu_node_spec(root));
  if (spec.gpus.empty()) return root.wrong("no GPUs; expected an entry for each GPU of the node");
  return spec;
}

}  // namespace kerf::codec
