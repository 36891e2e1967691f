// Price files, tables and metrics pages alike: offerings that a market can hold, or no change to
// it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/prices.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using kerf::market::Market;
using kerf::market::Offering;

const Market& shipped() {
  static const Market market = *kerf::codec::builtin_market("us-east-1");
  return market;
}

void check(const Market& market, const kerf::codec::PriceNote& note) {
  KERF_ASSERT(note.offerings == market.offerings.size(), "the note counts the offerings");
  KERF_ASSERT(market.types.size() == shipped().types.size(), "types stay");
  const auto key = [](const Offering& o) { return std::tie(o.type, o.zone, o.capacity_type); };
  for (const Offering& offering : market.offerings) {
    KERF_ASSERT(offering.type < market.types.size(), "an offering's type exists");
    KERF_ASSERT(offering.price.micro >= 0, "prices are not negative");
  }
  const auto not_before = [&](const Offering& a, const Offering& b) { return key(a) >= key(b); };
  KERF_ASSERT(std::adjacent_find(market.offerings.begin(), market.offerings.end(), not_before) ==
                  market.offerings.end(),
              "offerings are sorted and distinct");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  for (const char* region : {"", "us-east-1"}) {
    Market market = shipped();
    const auto note = kerf::codec::load_prices(text, "fuzz.prices", region, market);
    if (note) {
      check(market, *note);
    } else {
      KERF_ASSERT(market.offerings == shipped().offerings && market.region == shipped().region,
                  "refused prices change nothing");
    }
  }
  return 0;
}
