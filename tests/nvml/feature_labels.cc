// Prints the labels that Kerf writes for what stands on a machine, as if all of it were Kerf's: for
// tools/compare_nvml_clients, which compares them with GPU Feature Discovery's.
//
//   feature_labels LIBRARY SYS [REPLICAS RESOURCE]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "codec/catalogue.h"
#include "shell/nvml/driver.h"
#include "shell/nvml/standing_testing.h"

int main(int argc, char** argv) {
  if (argc != 3 && argc != 5) {
    std::fputs("usage: feature_labels LIBRARY SYS [REPLICAS RESOURCE]\n", stderr);
    return 2;
  }
  const kerf::gpu::Catalogue& catalogue = kerf::codec::builtin_catalogue();
  kerf::nvml::Driver driver({argv[1]}, catalogue);
  const auto facts = driver.facts(argv[2]);
  if (!facts) {
    std::fprintf(stderr, "feature_labels: %s\n", facts.error().message().c_str());
    return 1;
  }
  const auto status = kerf::nvml::standing(
      driver.look(), catalogue, argc == 5 ? std::atoi(argv[3]) : 1, argc == 5 ? argv[4] : "");
  std::fputs(kerf::nvml::label_lines(kerf::agent::feature_labels(*facts, status)).c_str(), stdout);
  return 0;
}
