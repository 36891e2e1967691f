// Tests of the boards' tables, against the catalogue that the planner uses.
#include "simgpu/boards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "codec/catalogue.h"

namespace kerf::simgpu {
namespace {

TEST(Boards, AreTheCataloguesModelsWhosePlacementsWereSeen) {
  std::set<std::string> expected;
  for (const gpu::Model& model : codec::builtin_catalogue().models) expected.insert(model.key);
  for (const char* unseen : {"RTX-PRO-5000", "RTX-PRO-4500", "PG506-96"}) expected.erase(unseen);
  std::set<std::string> keys;
  for (const Board& board : boards()) keys.insert(std::string(board.key));
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(keys.size(), boards().size());
  EXPECT_EQ(find_board("PG506-96"), nullptr);
}

TEST(Boards, AgreeWithTheCatalogueRowByRow) {
  for (const Board& board : boards()) {
    SCOPED_TRACE(board.key);
    const gpu::Model& model = *codec::builtin_catalogue().find(board.key);
    EXPECT_EQ(board.memory_mib, model.memory_mib);
    EXPECT_EQ(board.units, model.slots);
    EXPECT_EQ(board.compute_slices, model.compute_slices);
    EXPECT_EQ(static_cast<int>(board.architecture), static_cast<int>(model.generation));
    ASSERT_EQ(board.profiles.size(), model.profiles.size());
    for (const BoardProfile& p : board.profiles) {
      const auto index = model.profile_named(p.name);
      ASSERT_TRUE(index) << p.name;
      const gpu::Profile& q = model.profiles[*index];
      SCOPED_TRACE(p.name);
      EXPECT_EQ(p.id, q.id);
      EXPECT_EQ(p.compute_slices, q.compute_slices);
      EXPECT_EQ(p.size, q.slots);
      EXPECT_EQ(p.max_instances, q.max_instances);
      EXPECT_EQ(p.memory_mib, q.memory_mib);
      EXPECT_EQ(p.multiprocessors, q.sm_count);
      EXPECT_EQ((std::vector<int>{p.engines.copy, p.engines.decoders, p.engines.encoders,
                                  p.engines.jpeg, p.engines.ofa}),
                (std::vector<int>{q.engines.copy, q.engines.decoders, q.engines.encoders,
                                  q.engines.jpeg, q.engines.ofa}));
      EXPECT_EQ(std::vector<std::uint8_t>(p.starts.begin(), p.starts.end()), q.starts);
    }
  }
}

TEST(Boards, HaveEnumsThatAreNotIds) {
  // nvml.h: 1_SLICE is 0, 1_SLICE_REV1 7, 1_SLICE_REV2 9, 1_SLICE_GFX 0xa; ids as nvidia-smi shows.
  const Board& a100 = *find_board("A100-40");
  EXPECT_EQ(a100.by_enum(0)->id, 19u);
  EXPECT_EQ(a100.by_enum(7)->name, "1g.5gb+me");
  EXPECT_EQ(a100.by_enum(9)->id, 15u);
  EXPECT_EQ(a100.by_enum(4)->id, 0u);
  EXPECT_EQ(a100.by_id(9)->profile, 2u);
  const Board& rtx = *find_board("RTX-PRO-6000");
  EXPECT_EQ(rtx.by_enum(0x0a)->name, "1g.24gb+gfx");
  EXPECT_EQ(rtx.by_enum(0x0f)->id, 65u);
  EXPECT_EQ(find_board("A30")->by_enum(8)->id, 6u);
  EXPECT_EQ(find_board("A30")->by_enum(2), nullptr);
}

TEST(Boards, HaveUniqueEnumsAndIdsAndPlacementsInside) {
  for (const Board& board : boards()) {
    SCOPED_TRACE(board.key);
    std::set<std::uint32_t> enums;
    std::set<std::uint32_t> ids;
    for (const BoardProfile& p : board.profiles) {
      EXPECT_LT(p.profile, kGpuInstanceProfileEnums);
      enums.insert(p.profile);
      ids.insert(p.id);
      ASSERT_FALSE(p.starts.empty());
      for (const std::uint8_t start : p.starts) EXPECT_LE(start + p.size, board.units);
    }
    EXPECT_EQ(enums.size(), board.profiles.size());
    EXPECT_EQ(ids.size(), board.profiles.size());
    if (board.mig()) {
      EXPECT_EQ(board.full().size, board.units);
    }
  }
}

}  // namespace
}  // namespace kerf::simgpu
