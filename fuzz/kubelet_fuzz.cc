// Messages of kubelet: any bytes are refused, or read within the bounds. The first byte says which.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "shell/kubelet/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace kerf::kubelet;

void check(const std::vector<std::string>& ids) {
  for (const std::string& id : ids)
    KERF_ASSERT(!id.empty() && id.size() <= kIdBytesMax, "an id has its bounds");
}

void allocate(std::string_view bytes) {
  const auto containers = read_allocate(bytes);
  if (!containers) return;
  KERF_ASSERT(!containers->empty() && containers->size() <= kContainersMax, "containers in bounds");
  std::size_t devices = 0;
  std::set<std::string> all;
  for (const auto& ids : *containers) {
    check(ids);
    KERF_ASSERT(!ids.empty(), "a container asks for something");
    devices += ids.size();
    all.insert(ids.begin(), ids.end());
  }
  KERF_ASSERT(devices <= kDevicesMax && devices == all.size(), "devices in bounds, none twice");
}

void prefer(std::string_view bytes) {
  const auto asks = read_prefer(bytes);
  if (!asks) return;
  for (const PreferAsk& ask : *asks) {
    check(ask.available);
    check(ask.must_include);
    KERF_ASSERT(ask.must_include.size() <= ask.size && ask.size <= ask.available.size(),
                "as many as can be chosen");
  }
}

void holders(std::string_view bytes) {
  const auto list = read_holders(bytes);
  if (!list) return;
  for (std::size_t i = 1; i < list->size(); ++i)
    KERF_ASSERT((*list)[i - 1] < (*list)[i], "sorted, each once");
}

void allocatable(std::string_view bytes) {
  const auto healthy = read_allocatable(bytes);
  if (!healthy) return;
  for (const std::string& name : foreign_in(*healthy))
    KERF_ASSERT(healthy->contains(name), "a name that is there");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: allocate(bytes); break;
    case 1: prefer(bytes); break;
    case 2: holders(bytes); break;
    default: allocatable(bytes); break;
  }
  return 0;
}
