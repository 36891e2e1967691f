// Watch streams: any bytes give the same events and the same end in one piece and in many.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/json.h"
#include "shell/apiserver/watch_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kLineBytesMax = 1 << 12;

struct Outcome {
  std::vector<std::string> events;
  std::string error;
  bool mid_event = false;
  bool operator==(const Outcome&) const = default;
};

/// Pieces of the lengths that `cuts` says, by turns; 0 = all that is left.
Outcome read(std::string_view bytes, std::string_view cuts) {
  kerf::apiserver::WatchStream stream(kLineBytesMax);
  Outcome outcome;
  std::size_t turn = 0;
  do {
    const auto cut = cuts.empty() ? 0 : static_cast<unsigned char>(cuts[turn++ % cuts.size()]);
    const std::string_view piece = bytes.substr(0, cut == 0 ? bytes.size() : cut);
    bytes.remove_prefix(piece.size());
    stream.feed(piece);
    while (true) {
      auto event = stream.next();
      if (!event) {
        outcome.error = event.error().message();
        KERF_ASSERT(!stream.next(), "an error stays");
        return outcome;
      }
      if (!*event) break;
      outcome.events.push_back((*event)->type_text + kerf::codec::write_json((*event)->object));
    }
  } while (!bytes.empty());
  outcome.mid_event = stream.mid_event();
  return outcome;
}

}  // namespace

/// The first byte says how many bytes of cuts follow; the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty() || size > (1 << 16)) return 0;
  const std::size_t count = static_cast<unsigned char>(input.front()) % 16;
  input.remove_prefix(1);
  const std::string_view cuts = input.substr(0, count);
  input.remove_prefix(cuts.size());
  const Outcome whole = read(input, {});
  const Outcome pieces = read(input, cuts);
  KERF_ASSERT(whole == pieces, "pieces do not matter");
  for (const std::string& event : pieces.events) {
    KERF_ASSERT(event.size() < 8 * kLineBytesMax, "an event is of one line");
  }
  return 0;
}
