// Layouts: any text is refused, or a layout that prints as a text that reads back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "core/gpu/geometry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf::gpu;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Catalogue& catalogue = kerf::codec::builtin_catalogue();
  const auto parsed = parse_layout(catalogue, text);
  if (!parsed) return 0;
  const std::string printed = format_layout(*parsed->model, parsed->layout);
  const auto again = parse_layout(catalogue, printed);
  KERF_ASSERT(again, "what is printed can be read");
  KERF_ASSERT(again->model == parsed->model && again->layout == parsed->layout,
              "it reads back the same");
  KERF_ASSERT(format_layout(*again->model, again->layout) == printed, "it prints the same");
  return 0;
}
