// Pods that call themselves Karpenter, and their pages: endpoints that can be asked, words that are
// short.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "shell/controller/page_fetch.h"
#include "shell/controller/price_pages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using kerf::shell::Endpoint;

void read_pods(const std::string& text) {
  const auto document = kerf::codec::parse_json(text, "pods");
  if (!document) return;
  const auto endpoints = kerf::shell::endpoints_of_pods(document->root, 8080);
  if (!endpoints) {
    KERF_ASSERT(endpoints.error().message().size() < 100'000, "words are bounded by names");
    return;
  }
  KERF_ASSERT(!endpoints->empty() && endpoints->size() <= kerf::shell::kEndpointsMax,
              "some, and not too many");
  for (const Endpoint& endpoint : *endpoints) {
    KERF_ASSERT(kerf::shell::check_page_url(endpoint.url).has_value(), "what a pod gives is a URL");
    const auto same = kerf::shell::endpoint_of_url(endpoint.url);
    KERF_ASSERT(same && *same == endpoint, "and is named by its host and port");
  }
}

void read_page(const std::string& text) {
  static const kerf::market::Market types = *kerf::codec::builtin_market("us-east-1");
  kerf::shell::PageChoice choice(types);
  choice.add({"", "first"}, text);
  choice.add({"", "second"}, text);
  const kerf::shell::Reading reading = choice.finish();
  KERF_ASSERT((reading.market == nullptr) == !reading.trouble.empty(), "prices, or why not");
  KERF_ASSERT(reading.market == nullptr || reading.endpoint == "first", "the first of two equals");
  KERF_ASSERT(reading.trouble.size() < 1'100, "words are short");
}

}  // namespace

/// The input is each of the two, and a URL.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > (1 << 16)) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_pods(text);
  read_page(text);
  const auto endpoint = kerf::shell::endpoint_of_url(text);
  if (endpoint) KERF_ASSERT(!endpoint->name.empty(), "a URL names a host");
  return 0;
}
