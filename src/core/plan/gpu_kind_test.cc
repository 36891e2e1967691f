// GpuKind against brute force: a set of units fits if some parting over legal layouts has it.
#include "core/plan/gpu_kind.h"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/gpu/geometry.h"

namespace kerf::plan {
namespace {

std::vector<gpu::Form> slices_of(const gpu::Model& model) {
  std::vector<gpu::Form> units;
  for (std::size_t p = 0; p < model.profiles.size(); ++p) {
    gpu::Form form;
    form.kind = gpu::FormKind::Slice;
    form.profile = static_cast<std::uint8_t>(p);
    units.push_back(form);
  }
  return units;
}

/// Every count vector that `gpus` GPUs can hold, straight from the legal states.
std::set<UnitCounts> brute_force(const gpu::Model& model, int gpus) {
  gpu::Geometry geometry(model);
  std::set<UnitCounts> single;
  for (std::size_t s = 0; s < geometry.states(); ++s) {
    UnitCounts counts;
    const gpu::Counts& from = geometry.counts(static_cast<gpu::Geometry::State>(s));
    std::copy(from.begin(), from.end(), counts.n.begin());
    single.insert(counts);
  }
  std::set<UnitCounts> reachable = {UnitCounts{}};
  for (int g = 0; g < gpus; ++g) {
    std::set<UnitCounts> next;
    for (const UnitCounts& a : reachable)
      for (const UnitCounts& b : single) next.insert(a.plus(b));
    reachable = std::move(next);
  }
  return reachable;
}

class GpuKindModels : public ::testing::TestWithParam<const char*> {};

TEST_P(GpuKindModels, CoversExactlyWhatLegalLayoutsHold) {
  const gpu::Model& model = *codec::builtin_catalogue().find(GetParam());
  GpuKind kind(model, GpuMode::Any, slices_of(model));
  for (int gpus : {1, 2}) {
    const std::set<UnitCounts> fits = brute_force(model, gpus);
    for (const UnitCounts& counts : fits) EXPECT_TRUE(kind.covers(counts, gpus));
    // One step outside of what fits must be refused, wherever that step leads outside.
    std::size_t outside = 0;
    for (const UnitCounts& counts : fits) {
      for (std::size_t u = 0; u < kind.units().size(); ++u) {
        UnitCounts more = counts;
        ++more.n[u];
        if (fits.count(more) != 0) continue;
        ++outside;
        EXPECT_FALSE(kind.covers(more, gpus));
      }
    }
    EXPECT_GT(outside, 0u);
  }
  EXPECT_TRUE(kind.exact());
}
INSTANTIATE_TEST_SUITE_P(Catalogue, GpuKindModels,
                         ::testing::Values("A30", "A100-40", "H100-80", "RTX-PRO-6000"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(GpuKind, PartsAnEightGpuNodeSoThatEveryPartIsUnderACorner) {
  const gpu::Model& model = *codec::builtin_catalogue().find("A100-40");
  GpuKind kind(model, GpuMode::Cut, slices_of(model));
  Prng prng(7);
  int parted = 0;
  for (int round = 0; round < 300; ++round) {
    UnitCounts counts;
    for (std::size_t u = 0; u < kind.units().size(); ++u)
      counts.n[u] = static_cast<std::uint8_t>(prng.below(6));
    auto parts = kind.part(counts, 8);
    EXPECT_EQ(parts.has_value(), kind.covers(counts, 8));
    if (!parts) continue;
    ++parted;
    UnitCounts sum;
    EXPECT_LE(parts->size(), 8u);
    for (const UnitCounts& part : *parts) {
      sum = sum.plus(part);
      EXPECT_TRUE(std::any_of(kind.corners().begin(), kind.corners().end(),
                              [&](const UnitCounts& corner) { return part.within(corner); }));
    }
    EXPECT_EQ(sum, counts);
  }
  EXPECT_GT(parted, 10);
  EXPECT_LT(parted, 300);
}

TEST(GpuKind, CountingWouldFitWhereGeometryDoesNot) {
  // 2 x 3g and 1 x 1g: 7 compute slices and 9 memory slots on paper; and 3g + 3g leave no start.
  const gpu::Model& model = *codec::builtin_catalogue().find("A100-40");
  GpuKind kind(model, GpuMode::Cut, slices_of(model));
  UnitCounts counts;
  counts.n[*model.profile_named("3g.20gb")] = 2;
  EXPECT_TRUE(kind.covers(counts, 1));
  counts.n[*model.profile_named("1g.5gb")] = 1;
  EXPECT_FALSE(kind.covers(counts, 1));
  EXPECT_TRUE(kind.covers(counts, 2));
}

}  // namespace
}  // namespace kerf::plan
