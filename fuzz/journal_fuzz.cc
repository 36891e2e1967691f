// Journals: what an agent finds on its disk is read or refused, and what is read prints the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "core/agent/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto journal = agent::journal_from_text(text);
  if (!journal) {
    KERF_ASSERT(!journal.error().message().empty(), "an error says what is wrong");
    return 0;
  }
  const auto again = agent::journal_from_text(agent::to_text(*journal));
  KERF_ASSERT(again.has_value() && *again == *journal, "what is printed reads back the same");
  return 0;
}
