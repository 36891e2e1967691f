// Pods to endpoints, pages to a market.
#include "shell/controller/price_pages.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "base/quote.h"
#include "codec/prometheus.h"
#include "shell/controller/page_fetch.h"

namespace kerf::shell {
namespace {

using codec::Node;

constexpr std::string_view kPortName = "http-metrics";
constexpr std::size_t kTroublesMax = 3;
constexpr std::size_t kTroubleBytesMax = 240;
constexpr const char* kNobodyPriced =
    "Karpenter's leader has prices only for NodeClasses that some NodePool uses; a NodePool with "
    "limits of 0 for each of the policy's two NodeClasses will do";

std::string text_at(const Node& object, std::string_view outer, std::string_view inner) {
  const Node* const part = object.find(outer);
  const Node* const value = part == nullptr ? nullptr : part->find(inner);
  return value != nullptr && value->kind == Node::Kind::String ? value->text : std::string();
}

/// The address as a URL has it; "" if it is none.
std::string host_of(const std::string& ip) {
  std::array<unsigned char, 16> ignored{};
  if (::inet_pton(AF_INET, ip.c_str(), ignored.data()) == 1) return ip;
  if (::inet_pton(AF_INET6, ip.c_str(), ignored.data()) == 1) return "[" + ip + "]";
  return {};
}

std::int64_t port_of(const Node& pod, std::int64_t otherwise) {
  const Node* const spec = pod.find("spec");
  const Node* const containers = spec == nullptr ? nullptr : spec->find("containers");
  if (containers == nullptr) return otherwise;
  for (const Node& container : containers->items) {
    const Node* const ports = container.find("ports");
    if (ports == nullptr) continue;
    for (const Node& port : ports->items) {
      const Node* const name = port.find("name");
      const Node* const number = port.find("containerPort");
      if (name == nullptr || number == nullptr || name->text != kPortName) continue;
      if (number->integer > 0 && number->integer < 65'536) return number->integer;
    }
  }
  return otherwise;
}

std::string shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  std::size_t end = 0;
  while (end < bytes) {
    const std::size_t next = end + std::max<std::size_t>(utf8_length(text, end), 1);
    if (next > bytes) break;
    end = next;
  }
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace

Result<Endpoint> endpoint_of_url(const std::string& url) {
  const Result<void> fine = check_page_url(url);
  if (!fine) return invalid(fmt::format("{}: {}", quoted(url), fine.error().message()));
  const std::string_view rest = std::string_view(url).substr(std::string_view("http://").size());
  return Endpoint{url, std::string(rest.substr(0, rest.find_first_of("/?#")))};
}

Result<std::vector<Endpoint>> endpoints_of_pods(const Node& list, std::uint16_t port) {
  std::vector<Endpoint> endpoints;
  std::set<std::string> namespaces;
  const Node* const pods = list.find("items");
  if (pods != nullptr) {
    for (const Node& pod : pods->items) {
      const std::string host = host_of(text_at(pod, "status", "podIP"));
      if (host.empty() || text_at(pod, "status", "phase") != "Running") continue;
      namespaces.insert(text_at(pod, "metadata", "namespace"));
      if (endpoints.size() == kEndpointsMax) continue;
      const std::string name = fmt::format("{}:{}", host, port_of(pod, port));
      endpoints.push_back({fmt::format("http://{}/metrics", name), name});
    }
  }
  if (endpoints.empty()) return fail(ErrorCode::NotFound, "no pod of Karpenter is running");
  if (namespaces.size() > 1) {
    auto one = namespaces.begin();
    const std::string first = *one++;
    return fail(ErrorCode::Conflict,
                fmt::format("pods with Karpenter's label run in {} namespaces ({}, {} ...); say "
                            "whose prices are meant with --karpenter-namespace",
                            namespaces.size(), first, *one));
  }
  return endpoints;
}

void PageChoice::add(const Endpoint& endpoint, Result<std::string> page) {
  Result<void> done = page ? read(endpoint, *std::move(page))
                           : Result<void>(tl::unexpected(std::move(page).error()));
  if (done) return;
  // What load_prices says begins with the file.
  std::string why = done.error().message();
  if (!why.starts_with(endpoint.name)) why = fmt::format("{}: {}", endpoint.name, why);
  unpriced_ = unpriced_ || done.error().code() == ErrorCode::NotFound;
  troubles_.push_back(shortened(why, kTroubleBytesMax));
}

Result<void> PageChoice::read(const Endpoint& endpoint, std::string page) {
  if (page.empty()) return invalid("the page is empty");
  if (!codec::PrometheusReader::recognizes(page))
    return invalid("the answer is no page of metrics");
  if (page.back() != '\n') return invalid("the page ends in the middle of a line");
  auto market = std::make_shared<market::Market>(types_);
  KERF_TRY(const codec::PriceNote note,
           codec::load_prices(std::move(page), endpoint.name, "", *market));
  const std::size_t listed = note.offerings + note.unavailable;
  if (listed == 0)
    return fail(ErrorCode::NotFound, "the page has no price of an instance type with NVIDIA GPUs");
  if (listed <= listed_) return {};
  listed_ = listed;
  market->price_source = fmt::format("Karpenter's metrics at {}", endpoint.name);
  best_ = {std::move(market), endpoint.name, note, ""};
  return {};
}

Reading PageChoice::finish() {
  if (best_.market != nullptr) return std::move(best_);
  for (std::size_t i = 0; i < troubles_.size() && i < kTroublesMax; ++i)
    best_.trouble += (i == 0 ? "" : "; ") + troubles_[i];
  if (troubles_.size() > kTroublesMax)
    best_.trouble += fmt::format("; and {} more", troubles_.size() - kTroublesMax);
  if (unpriced_) best_.trouble += fmt::format(". {}", kNobodyPriced);
  return std::move(best_);
}

}  // namespace kerf::shell
