// Log lines: any bytes as message, names and values make one line of valid JSON within its bound.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/json.h"
#include "shell/telemetry/log_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf::telemetry;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view a = text.substr(0, size / 3);
  const std::string_view b = text.substr(size / 3, size / 3);
  const std::string_view c = text.substr(size / 3 * 2);
  const std::string line = finished_line(
      0, line_body(Level::Info, a, text, {{a, b}, {b, c}, {"n", size}, {c, a}, {a, text}}), size);
  KERF_ASSERT(line.size() <= kLineBytesMax, "a line is bounded");
  KERF_ASSERT(line.find('\n') == line.size() - 1, "it is one line");
  KERF_ASSERT(kerf::codec::parse_json(line, "line"), "it is JSON, without equal keys");
  return 0;
}
