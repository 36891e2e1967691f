// Geometries: one table for each model, a bound on how many, and problems that do not depend on it.
#include "core/plan/geometries.h"

#include <gtest/gtest.h>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

namespace made = plan::testing;

const gpu::Model& a30() { return *codec::builtin_catalogue().find("A30"); }

TEST(Geometries, MakeATableOnceForEachModel) {
  Geometries tables;
  const auto first = tables.of(a30());
  EXPECT_EQ(tables.of(a30()), first);
  EXPECT_EQ(first->model().key, "A30");
  EXPECT_EQ(first->states(), gpu::Geometry(a30()).states());
  const auto other = tables.of(*codec::builtin_catalogue().find("A100-40"));
  EXPECT_NE(other, first);
  EXPECT_EQ(other->model().key, "A100-40");
  EXPECT_EQ(tables.kept(), 2U);
}

TEST(Geometries, ForgetThemAllWhereOneMoreThanTheBoundIsAskedFor) {
  Geometries tables;
  gpu::Model model = a30();
  const auto held = tables.of(model);
  for (std::size_t n = 1; n < Geometries::kModelsMax; ++n) {
    model.key = "A30-" + std::to_string(n);
    tables.of(model);
  }
  EXPECT_EQ(tables.kept(), Geometries::kModelsMax);
  EXPECT_EQ(tables.of(a30()), held);
  model.key = "one more";
  EXPECT_EQ(tables.of(model)->model().key, "one more");
  EXPECT_EQ(tables.kept(), 1U);
  EXPECT_EQ(held->model().key, "A30") << "who holds a table keeps it";
}

TEST(Geometries, ChangeNothingInAProblem) {
  Geometries tables;
  std::size_t kinds = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    made::Compiled plain;
    plain.market = made::market(made::some_types());
    Prng prng(seed);
    made::add_random(prng, 1 + static_cast<int>(prng.below(6)), 4, plain.demand);
    plain.run();
    std::vector<std::uint32_t> pods(plain.demand.pods.size());
    std::iota(pods.begin(), pods.end(), 0);
    const Problem kept =
        compile(plain.demand, pods, plain.market, plain.policy, Coupled::AsPlanned, &tables);
    ASSERT_EQ(kept.machines.size(), plain.problem.machines.size());
    for (std::size_t m = 0; m < kept.machines.size(); ++m) {
      const Machine& a = kept.machines[m];
      const Machine& b = plain.problem.machines[m];
      ASSERT_EQ(a.candidates.size(), b.candidates.size()) << "seed " << seed;
      for (std::size_t c = 0; c < a.candidates.size(); ++c)
        ASSERT_EQ(a.candidates[c].units, b.candidates[c].units) << "seed " << seed;
    }
    ASSERT_EQ(kept.kinds.size(), plain.problem.kinds.size());
    for (std::size_t k = 0; k < kept.kinds.size(); ++k) {
      const GpuKind& a = *kept.kinds[k];
      const GpuKind& b = *plain.problem.kinds[k];
      ASSERT_EQ(a.units(), b.units()) << "seed " << seed;
      ASSERT_EQ(a.corners(), b.corners()) << "seed " << seed;
      EXPECT_EQ(&a.model(), &b.model()) << "a kind points into the market, not into the tables";
    }
    kinds += kept.kinds.size();
  }
  EXPECT_GT(kinds, 100U);
  EXPECT_GE(tables.kept(), 3U);
}

}  // namespace
}  // namespace kerf::plan
