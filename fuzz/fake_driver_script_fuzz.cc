// Scripts: read or refused; what is read prints and reads the same, and happens without an assert.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "fakedriver/script.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto actions = fakedriver::read_script(text, "script");
  if (!actions) {
    KERF_ASSERT(!actions.error().message().empty(), "an error says what is wrong");
    return 0;
  }
  simgpu::Config config;
  config.gpus = {{"H100-80", "GPU-a", -1}, {"T4", "", -1}};
  simgpu::Driver driver(config);
  std::string lines;
  for (const fakedriver::Step& step : *actions) {
    lines += fakedriver::to_line(step.action) + "\n";
    (void)fakedriver::apply(step.action, driver);
  }
  const auto again = fakedriver::read_script(lines, "script");
  KERF_ASSERT(again.has_value() && again->size() == actions->size(), "what is printed can be read");
  for (std::size_t i = 0; i < again->size(); ++i)
    KERF_ASSERT((*again)[i].action == (*actions)[i].action, "what is printed reads back the same");
  KERF_ASSERT(simgpu::Driver::restore(driver.config(), driver.state()).has_value(),
              "whatever happened, the driver can be");
  return 0;
}
