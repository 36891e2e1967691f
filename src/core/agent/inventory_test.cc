// Tests of the inventory's values: models by product name, the shipped table, the layout's text.
#include "core/agent/inventory.h"

#include <gtest/gtest.h>

#include "codec/catalogue.h"
#include "core/gpu/geometry.h"

namespace kerf::agent {
namespace {

TEST(Inventory, FindsTheModelOfAProductName) {
  const gpu::Catalogue& catalogue = codec::builtin_catalogue();
  const auto key = [&](const std::string& name) {
    const gpu::Model* model = model_of_product(catalogue, name);
    return model == nullptr ? "" : model->key;
  };
  EXPECT_EQ(key("NVIDIA A100-SXM4-40GB"), "A100-40");
  EXPECT_EQ(key("A100-SXM4-40GB"), "A100-40");
  EXPECT_EQ(key("NVIDIA H100 80GB HBM3"), "H100-80");
  EXPECT_EQ(key("NVIDIA RTX PRO 6000 Blackwell Server Edition"), "RTX-PRO-6000");
  EXPECT_EQ(key("Tesla T4"), "T4");
  EXPECT_EQ(key("NVIDIA H100"), "");
  EXPECT_EQ(key(""), "");
}

TEST(Inventory, HasTheShippedTableForEveryModelThatCanBeCut) {
  for (const gpu::Model& model : codec::builtin_catalogue().models) {
    const auto profiles = profiles_of(model);
    if (!model.cuttable()) continue;
    ASSERT_EQ(profiles.size(), model.profiles.size()) << model.key;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      EXPECT_EQ(profiles[i].id, model.profiles[i].id);
      EXPECT_EQ(profiles[i].placements_from, FactFrom::Table);
      EXPECT_EQ(profiles[i].placements.size(), model.profiles[i].starts.size());
    }
  }
}

TEST(Inventory, WritesALayoutAsItIsRead) {
  InventoryGpu gpu;
  gpu.model = "A100-40";
  EXPECT_EQ(layout_text(gpu), "A100-40 []");
  gpu.instances = {{1, 14, "2g.10gb", {0, 2}, {}, {}, {}, {}},
                   {2, 19, "1g.5gb", {2, 1}, {}, {}, {}, {}},
                   {3, 9, "3g.20gb", {4, 4}, {}, {}, {}, {}}};
  const std::string text = layout_text(gpu);
  EXPECT_EQ(text, "A100-40 [2g.10gb@0 1g.5gb@2 3g.20gb@4]");
  EXPECT_TRUE(gpu::parse_layout(codec::builtin_catalogue(), text));
  gpu.model = "";
  gpu.name = "NVIDIA New";
  gpu.instances[1].name = "";
  EXPECT_EQ(layout_text(gpu), "NVIDIA New [2g.10gb@0 profile-19@2 3g.20gb@4]");
}

TEST(Inventory, IsTroubleWhereAGpuIsLostOrFailsToAnswer) {
  Inventory inventory;
  inventory.gpus.resize(2);
  EXPECT_FALSE(has_trouble(inventory));
  for (const Code code : {Code::NoPermission, Code::NotSupported, Code::FunctionNotFound}) {
    inventory.gpus[1].unanswered = {{"processes", code}};
    EXPECT_FALSE(has_trouble(inventory)) << to_string(code);
  }
  inventory.gpus[1].unanswered = {{"processes", Code::Timeout}};
  EXPECT_TRUE(has_trouble(inventory));
  inventory.gpus[1].unanswered.clear();
  inventory.gpus[0].lost = true;
  EXPECT_TRUE(has_trouble(inventory));
}

}  // namespace
}  // namespace kerf::agent
