// MIG configurations: any file is read or refused, and every layout made of one is legal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/mig_config.h"
#include "core/agent/shape.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = codec::read_mig_config(text, "fuzz.yaml");
  if (!config) {
    KERF_ASSERT(config.error().message().starts_with("fuzz.yaml:"), "an error names its file");
    return 0;
  }
  std::vector<agent::MigConfigGpu> gpus(2);
  gpus[0].seen.model = "A30";
  gpus[0].seen.mig_capable = gpus[0].seen.mode = true;
  gpus[0].pci_device = 0x20B710DE;
  gpus[1].seen.model = "T4";
  const gpu::Catalogue& catalogue = codec::builtin_catalogue();
  std::size_t tried = 0;
  for (const auto& [name, entries] : config->configs) {
    if (++tried > 4) break;
    const auto spec = agent::layout_of(*config, name, gpus, catalogue);
    if (!spec) continue;
    KERF_ASSERT(spec->gpus.size() == gpus.size(), "a layout is of the node");
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      const gpu::Model* model = catalogue.find(gpus[i].seen.model);
      KERF_ASSERT(agent::illegal(model, spec->gpus[i]).empty(), "a layout is legal");
    }
  }
  return 0;
}
