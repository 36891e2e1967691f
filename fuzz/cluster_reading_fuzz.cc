// Clusters: any JSON is one or is refused; what is kept stays the same when it is stripped, written
// and read again, and holds nothing that the table of kept fields does not name.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/cluster_reading.h"
#include "codec/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace kerf;

void check_item(const codec::ClusterKind& kind, const codec::Node& item) {
  KERF_ASSERT(codec::write_json(codec::stripped(kind, item)) == codec::write_json(item),
              "what is stripped stays as it is");
  for (const char* field : {"data", "stringData", "binaryData"})
    KERF_ASSERT(item.find(field) == nullptr, "no data of Secrets and ConfigMaps");
  const codec::Node* const metadata = item.find("metadata");
  if (metadata == nullptr) return;
  KERF_ASSERT(metadata->find("managedFields") == nullptr, "no managedFields");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 1, .scalar_bytes = 1u << 20};
  auto document = codec::parse_json(text, "fuzz.json", limits);
  if (!document) return 0;
  for (const codec::ClusterKind& kind : codec::cluster_kinds())
    check_item(kind, codec::stripped(kind, document->root));
  const std::vector<codec::Document> documents = {*std::move(document)};
  (void)codec::describes_cluster(documents);
  const auto reading = codec::read_cluster_documents(documents, "fuzz");
  if (!reading) {
    KERF_ASSERT(!reading.error().message().empty(), "an error says something");
    return 0;
  }
  for (const codec::KindReading& kind : reading->kinds)
    for (const codec::Node& item : kind.items) check_item(*kind.kind, item);
  const std::string written = codec::write_json(codec::snapshot_node(*reading));
  auto again = codec::parse_json(written, "again.json");
  KERF_ASSERT(again.has_value(), "a snapshot is JSON");
  const auto read = codec::read_cluster_documents({*std::move(again)}, "again");
  KERF_ASSERT(read.has_value(), "a snapshot reads back");
  KERF_ASSERT(codec::write_json(codec::snapshot_node(*read)) == written,
              "a snapshot reads back as the same");
  return 0;
}
