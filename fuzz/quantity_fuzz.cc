// Quantities and prices: any text is refused, or a value whose roundings agree with each other.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/money.h"
#include "base/quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void check_quantity(std::string_view text) {
  const auto quantity = kerf::parse_quantity(text);
  if (!quantity) return;
  KERF_ASSERT(quantity->mantissa >= 0, "quantities are not negative");
  const auto milli = to_milli_ceil(*quantity);
  const auto up = to_mib_ceil(*quantity);
  const auto down = to_mib_floor(*quantity);
  const auto whole = to_integer(*quantity);
  KERF_ASSERT(!milli || *milli >= 0, "roundings are not negative");
  if (up && down) {
    KERF_ASSERT(*down >= 0 && *down <= *up && *up - *down <= 1, "the roundings are neighbours");
  }
  if (whole && milli) KERF_ASSERT(*milli == *whole * 1000, "a whole number has whole thousands");
  if (whole && down) KERF_ASSERT(*down == *whole >> 20, "a MiB is 2^20");
}

void check_price(std::string_view text) {
  const auto price = kerf::parse_usd_per_hour(text);
  if (!price) return;
  KERF_ASSERT(price->micro >= 0, "prices are not negative");
  const auto again = kerf::parse_usd_per_hour(kerf::format_exact(*price));
  KERF_ASSERT(again && *again == *price, "the exact form reads back the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_quantity(text);
  check_price(text);
  return 0;
}
