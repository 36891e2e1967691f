// Karpenter's pods by their label, and the proxy path of each one's metrics.
#include "shell/kubectl/price_calls.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "codec/price_file.h"
#include "codec/snapshot.h"
#include "codec/strict_fields.h"
#include "shell/kubectl/call.h"

namespace kerf::kubectl {
namespace {

using codec::Node;

constexpr std::int64_t kPort = 8080;

std::string_view text_at(const Node* node, std::string_view key) {
  const Node* const value = node == nullptr ? nullptr : node->find(key);
  return value != nullptr && value->kind == Node::Kind::String ? value->text : std::string_view();
}

std::int64_t metrics_port(const Node& pod) {
  const Node* const spec = pod.find("spec");
  const Node* const containers = spec == nullptr ? nullptr : spec->find("containers");
  if (containers == nullptr) return kPort;
  for (const Node& container : containers->items) {
    const Node* const ports = container.find("ports");
    if (ports == nullptr) continue;
    for (const Node& port : ports->items) {
      const Node* const number = port.find("containerPort");
      if (text_at(&port, "name") != "http-metrics" || number == nullptr) continue;
      if (number->integer > 0 && number->integer < 65'536) return number->integer;
    }
  }
  return kPort;
}

}  // namespace

std::vector<PriceCall> price_calls(const std::vector<Node>& pods) {
  std::vector<PriceCall> calls;
  for (const Node& pod : pods) {
    const Node* const metadata = pod.find("metadata");
    const Node* const labels = metadata == nullptr ? nullptr : metadata->find("labels");
    if (text_at(labels, "app.kubernetes.io/name") != "karpenter") continue;
    if (text_at(pod.find("status"), "phase") != "Running") continue;
    const std::string_view ns = text_at(metadata, "namespace");
    const std::string_view name = text_at(metadata, "name");
    if (!codec::is_object_name(ns) || !codec::is_object_name(name)) continue;
    if (calls.size() == kPagesMax) break;
    calls.push_back({fmt::format("{}/{}", ns, name),
                     fmt::format("/api/v1/namespaces/{}/pods/{}:{}/proxy/metrics", ns, name,
                                 metrics_port(pod))});
  }
  return calls;
}

Result<codec::PricePage> read_page(const KubectlOptions& options, const PriceCall& call) {
  KERF_TRY(TextAnswer answer,
           text_of(options, {"get", "--raw=" + call.path}, codec::kPriceFileBytesMax));
  codec::PricePage page;
  page.pod = call.pod;
  page.why = std::move(answer.judged.words);
  page.text = codec::kept_series(answer.text);
  return page;
}

}  // namespace kerf::kubectl
