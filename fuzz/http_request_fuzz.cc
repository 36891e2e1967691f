// HTTP requests: any bytes are read or refused, and however they are split the outcome is the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "shell/web/request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kHeaderMax = 512;

// What came of each request, until one was refused or the bytes ended.
std::string outcome(std::string_view text, std::size_t step) {
  kerf::web::RequestReader reader(kHeaderMax);
  std::string bytes;
  std::string said;
  using State = kerf::web::RequestReader::State;
  while (!text.empty()) {
    bytes += text.substr(0, step);
    text.remove_prefix(step < text.size() ? step : text.size());
    for (State state = reader.take(bytes); state != State::More; state = reader.take(bytes)) {
      if (state == State::Bad) return said + "refused";
      said += reader.request().method + " " + reader.request().target + "\n";
    }
    KERF_ASSERT(bytes.size() < kHeaderMax, "what waits is bounded");
  }
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string by_one = outcome(text, 1);
  KERF_ASSERT(outcome(text, 7) == by_one, "splitting makes no difference");
  return 0;
}
