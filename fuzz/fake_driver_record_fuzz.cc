// Records: refused, or a driver that can be asked and changed, and is written and read the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "fakedriver/identity.h"
#include "fakedriver/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  auto driver = fakedriver::read_record({reinterpret_cast<const char*>(data), size});
  if (!driver) {
    KERF_ASSERT(!driver.error().message().empty(), "an error says what is wrong");
    return 0;
  }
  KERF_ASSERT(fakedriver::driver_of(driver->config().driver_major) != nullptr, "a known driver");
  for (int gpu = 0; gpu < static_cast<int>(driver->state().gpus.size()); ++gpu) {
    const simgpu::Device device = driver->handle_of(gpu);
    driver->set_mig_mode(device, true);
    for (const std::uint32_t profile : {0U, 5U, 9U, 14U, 19U, 47U}) {
      const auto made = driver->create_gpu_instance(device, profile);
      if (made.ok()) driver->create_compute_instance(made.value, 0);
    }
    driver->running_processes(device);
    for (int index = 0; index < driver->max_mig_device_count(device).value; ++index)
      driver->mig_device_by_index(device, index);
  }
  std::string bytes;
  fakedriver::write_record(*driver, bytes);
  const auto again = fakedriver::read_record(bytes);
  KERF_ASSERT(again.has_value() && *again == *driver, "what is written reads back the same");
  driver->reboot();
  return 0;
}
