// ClusterReading <-> the snapshot file.
#include "codec/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/quote.h"
#include "codec/lenient_fields.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

constexpr std::string_view kKind = "Snapshot";
constexpr std::string_view kAnyVersion = "kerf.dev/snapshot/";
constexpr std::size_t kKindsMax = 10'000;
constexpr std::size_t kItemsMax = 2'000'000;
constexpr std::size_t kPagesMax = 1'000;
constexpr std::size_t kLinesMax = 1'000'000;
constexpr std::size_t kLineBytesMax = 64u << 10;
constexpr std::size_t kWordsBytesMax = 16u << 10;
constexpr std::array kStates = {KindState::Read, KindState::Absent, KindState::Forbidden,
                                KindState::Failed};

/// Series of Karpenter's metrics by the end of their names, as codec/price_page.cc reads them.
constexpr std::string_view kSeries[] = {"_instance_type_offering_available",
                                        "_instance_type_offering_price_estimate",
                                        "karpenter_build_info"};

Node lines_of(std::string_view text) {
  Node lines = Node::sequence();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push(Node::of(std::string(text.substr(0, end))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void set_text(Node& node, const char* key, const std::string& text) {
  if (!text.empty()) node.set(key, Node::of(text));
}

/// `items` are moved from where they may be.
template <class Reading>
Node as_node(Reading&& reading) {
  Node root = Node::mapping();
  root.set("apiVersion", Node::of(std::string(kSnapshotApiVersion)));
  root.set("kind", Node::of(std::string(kKind)));
  const std::int64_t taken = std::clamp<std::int64_t>(reading.taken_ms, 0, kTimestampMax);
  if (taken != 0)
    root.set("taken",
             Node::of(taken % 1000 == 0 ? timestamp_text(taken) : timestamp_text_ms(taken)));
  set_text(root, "context", reading.context);
  set_text(root, "serverVersion", reading.server_version);
  set_text(root, "onlyNamespace", reading.only_namespace);
  Node kinds = Node::sequence();
  for (auto& kind : reading.kinds) {
    Node node = Node::mapping();
    node.set("kind", Node::of(std::string(kind.kind->kind)));
    node.set("apiVersion", Node::of(std::string(kind.kind->api_version)));
    node.set("state", Node::of(std::string(to_string(kind.state))));
    set_text(node, "why", kind.why);
    Node items = Node::sequence();
    if constexpr (std::is_const_v<std::remove_reference_t<Reading>>) items.items = kind.items;
    else items.items = std::move(kind.items);
    if (kind.state == KindState::Read) node.set("items", std::move(items));
    kinds.push(std::move(node));
  }
  root.set("kinds", std::move(kinds));
  Node pages = Node::sequence();
  for (const PricePage& page : reading.pages) {
    Node node = Node::mapping();
    node.set("pod", Node::of(page.pod));
    set_text(node, "why", page.why);
    if (page.why.empty()) node.set("lines", lines_of(page.text));
    pages.push(std::move(node));
  }
  root.set("pages", std::move(pages));
  return root;
}

Result<KindState> read_state(const Field& entry) {
  KERF_TRY(const std::optional<Field> field, given(entry, "state"));
  if (!field) return entry.wrong("state is missing");
  KERF_TRY(const std::size_t at, field->one_of({to_string(kStates[0]), to_string(kStates[1]),
                                                to_string(kStates[2]), to_string(kStates[3])}));
  return kStates[at];
}

Result<void> read_kind(const Field& entry, ClusterReading& reading) {
  KERF_TRY(const std::string kind, given_text(entry, "kind"));
  KERF_TRY(const std::string version, given_text(entry, "apiVersion"));
  if (kind.empty() || version.empty()) return entry.wrong("expected kind and apiVersion");
  const ClusterKind* const known = cluster_kind(version, kind);
  if (known == nullptr) return {};
  KindReading& into = reading.kinds[static_cast<std::size_t>(known - cluster_kinds().data())];
  KERF_TRY(into.state, read_state(entry));
  KERF_TRY(into.why, given_text(entry, "why", kWordsBytesMax));
  if (into.state != KindState::Read) return {};
  KERF_TRY(const std::vector<Field> items, given_list(entry, "items", kItemsMax));
  into.items.reserve(items.size());
  for (const Field& item : items) {
    if (item.node().kind != Node::Kind::Mapping) return item.expected("an object");
    into.items.push_back(stripped(*known, item.node()));
  }
  arrange(into.items);
  return {};
}

Result<PricePage> read_page(const Field& entry) {
  PricePage page;
  KERF_TRY(page.pod, given_text(entry, "pod", 512));
  KERF_TRY(page.why, given_text(entry, "why", kWordsBytesMax));
  KERF_TRY(const std::vector<std::string> lines,
           given_texts(entry, "lines", kLinesMax, kLineBytesMax));
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  if (page.why.empty()) page.text = kept_series(text);
  return page;
}

/// The name that a line of a page is about: of its sample, or of its HELP or TYPE.
std::string_view name_of(std::string_view line) {
  for (const std::string_view comment : {"# HELP ", "# TYPE "}) {
    if (!line.starts_with(comment)) continue;
    line.remove_prefix(comment.size());
    return line.substr(0, line.find_first_of(" \t"));
  }
  return line.substr(0, line.find_first_of("{ \t"));
}

}  // namespace

Node snapshot_node(const ClusterReading& reading) { return as_node(reading); }
Node snapshot_node(ClusterReading&& reading) { return as_node(std::move(reading)); }

bool is_snapshot(const Document& document) {
  const Node* const kind = document.root.find("kind");
  const Node* const version = document.root.find("apiVersion");
  return kind != nullptr && version != nullptr && kind->text == kKind &&
         version->text.starts_with(kAnyVersion);
}

Result<ClusterReading> read_snapshot(const Document& document) {
  const Field root(document.file, document.root);
  KERF_TRY(const std::string version, given_text(root, "apiVersion"));
  if (version != kSnapshotApiVersion) {
    return root.wrong(Error(ErrorCode::Unsupported,
                            fmt::format("a snapshot of the version {}; this Kerf reads {}. Take "
                                        "it again with this one, or read it with the newer one",
                                        quoted(version), kSnapshotApiVersion)));
  }
  ClusterReading reading;
  reading.kinds = unread_kinds("not in the snapshot");
  KERF_TRY(const std::optional<Field> taken, given(root, "taken"));
  if (taken) {
    KERF_TRY(const std::string text, given_text(root, "taken"));
    const Result<std::int64_t> ms = parse_timestamp(text);
    if (!ms) return taken->wrong(ms.error());
    reading.taken_ms = *ms;
  }
  KERF_TRY(reading.context, given_text(root, "context", 1024));
  KERF_TRY(reading.server_version, given_text(root, "serverVersion"));
  KERF_TRY(reading.only_namespace, given_text(root, "onlyNamespace"));
  KERF_TRY(const std::vector<Field> kinds, given_list(root, "kinds", kKindsMax));
  for (const Field& kind : kinds) KERF_CHECK_OK(read_kind(kind, reading));
  KERF_TRY(const std::vector<Field> pages, given_list(root, "pages", kPagesMax));
  for (const Field& entry : pages) {
    KERF_TRY(PricePage page, read_page(entry));
    reading.pages.push_back(std::move(page));
  }
  return reading;
}

std::string kept_series(std::string_view page) {
  std::string kept;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    std::string_view line = page.substr(0, end);
    page.remove_prefix(std::min(end + 1, page.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view name = name_of(line);
    const bool keeps = std::any_of(std::begin(kSeries), std::end(kSeries),
                                   [&](std::string_view one) { return name.ends_with(one); });
    if (!keeps || line.size() > kLineBytesMax) continue;
    kept += line;
    kept += '\n';
  }
  return kept;
}

}  // namespace kerf::codec
