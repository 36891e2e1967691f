// Tests of the inventory's table and JSON: what is flagged, and that no name can harm a terminal.
#include "report/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "codec/json.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using testing::HasSubstr;
using testing::Not;

agent::Inventory one_gpu() {
  agent::Inventory inventory;
  inventory.driver_version = "570.133.20";
  agent::InventoryGpu& gpu = inventory.gpus.emplace_back();
  gpu.uuid = "GPU-1";
  gpu.name = "NVIDIA A100-SXM4-40GB";
  gpu.model = "A100-40";
  gpu.mig_capable = gpu.mode = gpu.mode_pending = gpu.instances_known = true;
  gpu.instances = {{7, 19, "1g.5gb", {2, 1}, 4864, 512, {{0, 1, "MIG-1", 14}}, {{100, 0, 512}}},
                   {1, 9, "3g.20gb", {4, 4}, {}, {}, {}, {}}};
  return inventory;
}

TEST(InventoryTable, DrawsSlicesUnderTheLayout) {
  const std::string text = inventory_table(one_gpu(), false);
  EXPECT_THAT(text, HasSubstr("driver 570.133.20, NVML ?, CUDA ?; 1 GPU\n"));
  EXPECT_THAT(text, HasSubstr("GPU 0: A100-40, GPU-1\n"));
  EXPECT_THAT(text, HasSubstr("  layout      A100-40 [1g.5gb@2 3g.20gb@4]\n"));
  EXPECT_THAT(text, HasSubstr("    1g.5gb@2          GI 7   CI 0        4,864 MiB  MIG-1\n"));
  EXPECT_THAT(text, HasSubstr("pid 100, 512 MiB\n"));
  EXPECT_THAT(text, HasSubstr("GI 1   no compute instance: no pod can use it\n"));
}

TEST(InventoryTable, SaysWhichModeIsPending) {
  agent::Inventory inventory = one_gpu();
  inventory.gpus[0].mode_pending = false;
  EXPECT_THAT(inventory_table(inventory, false), HasSubstr("on, and off after the next reset"));
  inventory.gpus[0].mode = false;
  EXPECT_THAT(inventory_table(inventory, false), HasSubstr("  MIG         off\n"));
  inventory.gpus[0].mig_capable = false;
  EXPECT_THAT(inventory_table(inventory, false), HasSubstr("this GPU has none"));
  inventory.gpus[0].mig_capable = std::nullopt;
  EXPECT_THAT(inventory_table(inventory, false), Not(HasSubstr("  MIG  ")));
}

TEST(InventoryTable, DoesNotCallALayoutEmptyThatItDoesNotKnow) {
  agent::Inventory inventory = one_gpu();
  inventory.gpus[0].instances.clear();
  inventory.gpus[0].instances_known = false;
  inventory.gpus[0].unanswered = {{"GPU instances", agent::Code::NoPermission}};
  const std::string text = inventory_table(inventory, false);
  EXPECT_THAT(text, Not(HasSubstr("[]")));
  EXPECT_THAT(text, HasSubstr("GPU instances: NO_PERMISSION (root may ask)"));
  EXPECT_THAT(codec::write_json(inventory_json(inventory)), HasSubstr("\"layout\": null"));
}

TEST(InventoryTable, DoesNotCallAnInstanceUselessThatItDoesNotKnow) {
  agent::Inventory inventory = one_gpu();
  inventory.gpus[0].instances[1].computes_known = false;
  const std::string text = inventory_table(inventory, false);
  EXPECT_THAT(text, HasSubstr("GI 1   compute instances not known\n"));
  EXPECT_THAT(text, Not(HasSubstr("no pod can use it")));
  EXPECT_THAT(codec::write_json(inventory_json(inventory)),
              HasSubstr("\"compute_instances\": null"));
}

TEST(InventoryTable, SaysWhereAProcessRuns) {
  agent::Inventory inventory = one_gpu();
  inventory.gpus[0].processes = {{7, agent::kNoInstance, {}, agent::kNoInstance}, {8, 0, {}, 5}};
  const std::string text = inventory_table(inventory, false);
  EXPECT_THAT(text, HasSubstr("on GI 5, of which the driver told nothing else\n"
                              "              pid 8\n"));
  EXPECT_THAT(text, HasSubstr("on the GPU itself, which keeps slices from being made\n"
                              "              pid 7\n"));
  EXPECT_THAT(codec::write_json(inventory_json(inventory)), HasSubstr("\"gpu_instance\": 5"));
}

TEST(InventoryTable, KnowsALostGpuFromAModelThatIsNew) {
  agent::Inventory inventory = one_gpu();
  inventory.gpus[0].model = "";
  EXPECT_THAT(inventory_table(inventory, false), HasSubstr("a model that Kerf does not know"));
  inventory.gpus[0].name = "";
  EXPECT_THAT(inventory_table(inventory, false), HasSubstr("GPU 0: model not known"));
}

TEST(InventoryTable, IsSafeAndNarrowWhateverTheDriverSays) {
  agent::Inventory inventory = one_gpu();
  const std::string nasty = std::string(90, 'x') + "\x1b[31m\n\xff" + std::string(90, 'y');
  inventory.driver_version = inventory.nvml_version = inventory.cuda_version = nasty;
  agent::InventoryGpu& gpu = inventory.gpus[0];
  gpu.uuid = gpu.name = gpu.pci_bus_id = nasty;
  gpu.model = "";
  gpu.instances[0].name = gpu.instances[0].computes[0].uuid = nasty;
  const std::string text = inventory_table(inventory, false);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), kColumnsMax) << line;
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
  EXPECT_TRUE(codec::parse_json(codec::write_json(inventory_json(inventory)), "json"));
}

TEST(InventoryJson, HasNullForWhatIsNotKnown) {
  agent::Inventory inventory;
  inventory.gpus.emplace_back().lost = true;
  const std::string text = codec::write_json(inventory_json(inventory));
  for (const char* part : {"\"version\": null", "\"uuid\": null", "\"model\": null",
                           "\"minor\": null", "\"memory_mib\": null", "\"mig_capable\": null",
                           "\"mig\": null", "\"lost\": true", "\"processes\": []"})
    EXPECT_THAT(text, HasSubstr(part));
}

}  // namespace
}  // namespace kerf::report
