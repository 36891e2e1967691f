// Resource names: any text is a request or an error, and a request's name reads back as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/gpu_request.h"
#include "core/cluster/demand.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  const kerf::gpu::Catalogue& gpus = kerf::codec::builtin_catalogue();
  const auto request = kerf::codec::parse_gpu_resource(name, 1, gpus);
  if (!request) {
    KERF_ASSERT(!request.error().message().empty(), "an error says what is wrong");
    return 0;
  }
  KERF_ASSERT(kerf::codec::is_gpu_resource(name), "a request is about GPUs");
  KERF_ASSERT(kerf::cluster::resource_name(*request) == name, "a name reads back as the same");
  return 0;
}
