// Which device serves which request, as a table; pods that hold too few, too many or others'
// devices.
#include <gtest/gtest.h>

#include "core/check/fleet_testing.h"

namespace kerf::check {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;
using gpu::Form;
using gpu::FormKind;
using testing::Fleet;
using testing::portable;
using testing::World;

const gpu::Model& a100() {
  static const World world;
  return world.market.gpus.models[0];
}

Form cut(const std::string& name) {
  World world;
  return world.cut(world.node(World::kP4d), name);
}
Form of(FormKind kind, std::int32_t nominal_gb, std::uint8_t replicas = 1) {
  Form form;
  form.kind = kind;
  form.replicas = replicas;
  form.nominal_gb = nominal_gb;
  return form;
}

struct Case {
  const char* what;
  GpuRequest request;
  Form form;
  bool serves;
};

void expect_table(const std::vector<Case>& cases, const cluster::Policy& policy) {
  for (const Case& c : cases) {
    EXPECT_EQ(why_not_served(c.request, c.form, a100(), policy).empty(), c.serves) << c.what;
  }
}

TEST(CheckDevices, WholeAndSliceRequestsTakeWhatTheyName) {
  expect_table(
      {{"whole", testing::whole(), of(FormKind::Whole, 16), true},
       {"whole, large enough", testing::whole(1, 24), of(FormKind::Whole, 24), true},
       {"whole, too small", testing::whole(1, 24), of(FormKind::Whole, 16), false},
       {"no fraction for a whole", testing::whole(), of(FormKind::Fraction, 12), false},
       {"no turn for a whole", testing::whole(), of(FormKind::TimeSliced, 8, 2), false},
       {"no 7g slice for a whole", testing::whole(), cut("7g.40gb"), false},
       {"slice", testing::slice("2g.10gb"), cut("2g.10gb"), true},
       {"same memory, other profile", testing::slice("2g.10gb"), cut("1g.10gb"), false},
       {"with engines", testing::slice("1g.5gb"), cut("1g.5gb+me"), false},
       {"with engines asked for", testing::slice("1g.5gb+me"), cut("1g.5gb+me"), true},
       {"no whole for a slice", testing::slice("7g.40gb"), of(FormKind::Whole, 40), false}},
      {});
}

TEST(CheckDevices, PortableRequestsAreMetByNominalMemoryAndIsolation) {
  const auto isolated = portable(10, Isolation::Isolated);
  const auto enforced = portable(10);
  const auto shared = portable(10, Isolation::Shared);
  cluster::Policy mps;
  mps.sharing.offer_mps = true;
  expect_table(
      {{"slice", enforced, cut("1g.10gb"), true},
       {"larger slice", enforced, cut("3g.20gb"), true},
       {"smaller slice", enforced, cut("1g.5gb"), false},
       {"whole", enforced, of(FormKind::Whole, 16), true},
       {"fraction", isolated, of(FormKind::Fraction, 12), true},
       {"small fraction", isolated, of(FormKind::Fraction, 6), false},
       {"special profile", portable(5), cut("1g.5gb+me"), false},
       {"special profile, shared", portable(5, Isolation::Shared), cut("1g.5gb+me"), false},
       {"turns", shared, of(FormKind::TimeSliced, 10, 4), true},
       {"small turns", shared, of(FormKind::TimeSliced, 9, 4), false},
       {"turns are not enforced", enforced, of(FormKind::TimeSliced, 10, 4), false},
       {"MPS", enforced, of(FormKind::Mps, 10, 4), true},
       {"MPS is not isolated", isolated, of(FormKind::Mps, 10, 4), false},
       {"slice for shared", shared, cut("2g.10gb"), true}},
      mps);
}

TEST(CheckDevices, ThePolicysFloorMakesRequestsStricterAndNeverLaxer) {
  cluster::Policy enforced;
  enforced.isolation_floor = Isolation::Enforced;
  cluster::Policy isolated;
  isolated.isolation_floor = Isolation::Isolated;
  const auto turn = of(FormKind::TimeSliced, 10, 4);
  const auto mps = of(FormKind::Mps, 10, 4);
  const auto shared = portable(10, Isolation::Shared);
  expect_table({{"no turns", shared, turn, false},
                {"MPS", shared, mps, true},
                {"MPS, isolated stays", portable(10, Isolation::Isolated), mps, false}},
               enforced);
  expect_table({{"no MPS", shared, mps, false}, {"slice", shared, cut("1g.10gb"), true}}, isolated);
}

TEST(CheckDevices, SharesOfATraceRunOnSlicesOfTheRightSize) {
  const auto memory = [](int milli) {
    return testing::share(GpuRequestKind::ShareOfMemory, milli);
  };
  const auto compute = [](int milli) {
    return testing::share(GpuRequestKind::ShareOfCompute, milli);
  };
  expect_table({{"1/8 of memory", memory(125), cut("1g.5gb"), true},
                {"a little more", memory(126), cut("1g.5gb"), false},
                {"two slots", memory(126), cut("2g.10gb"), true},
                {"any profile of two slots", memory(250), cut("1g.10gb"), true},
                {"not more than needed", memory(250), cut("3g.20gb"), false},
                {"half", memory(500), cut("4g.20gb"), true},
                {"above half", memory(501), cut("7g.40gb"), true},
                {"never a whole GPU", memory(999), of(FormKind::Whole, 40), false},
                {"never a fraction", memory(100), of(FormKind::Fraction, 3), false},
                // Of seven: 1 is 142.86, 2 is 285.7, 3 is 428.6, 4 is 571.4, 7 is 1000 thousandths.
                {"nearest to 214 is 1", compute(214), cut("1g.5gb"), true},
                {"nearest to 215 is 2", compute(215), cut("2g.10gb"), true},
                {"nearest to 215 is not 1", compute(215), cut("1g.5gb"), false},
                {"half is 3: a tie with 4 goes to the smaller", compute(500), cut("3g.20gb"), true},
                {"half is not 4", compute(500), cut("4g.20gb"), false},
                {"nearest to 786 is 7", compute(786), cut("7g.40gb"), true},
                {"nearest to 785 is 4", compute(785), cut("4g.20gb"), true},
                {"compute: never a whole GPU", compute(999), of(FormKind::Whole, 40), false}},
               {});
}

TEST(CheckDevices, PairsSeveralRequestsWithDevicesWhateverTheOrder) {
  const Form ten = cut("1g.10gb");
  const Form five = cut("1g.5gb");
  const Form twenty = cut("3g.20gb");
  auto two_fives = portable(5);
  two_fives.count = 2;
  // The first device could serve either request; only one way serves both.
  EXPECT_TRUE(pair_off({two_fives, testing::slice("1g.10gb")}, {&ten, &twenty, &five}, a100(), {}));
  EXPECT_TRUE(pair_off({two_fives, testing::slice("1g.10gb")}, {&five, &five, &ten}, a100(), {}));
  EXPECT_FALSE(pair_off({two_fives, testing::slice("1g.10gb")}, {&five, &five, &five}, a100(), {}));
  EXPECT_FALSE(pair_off({two_fives}, {&five}, a100(), {}));
  EXPECT_FALSE(pair_off({two_fives}, {&five, &five, &five}, a100(), {}));
}

TEST(CheckDevices, ReportsPodsWithTheWrongDevices) {
  testing::expect_reported<Fleet>({
      {"too few", [](Fleet& f) { f.shape(f.any).gpu[0].count = 2; },
       "pod default/any-0 holds 1 devices and asks for 2"},
      {"too many", [](Fleet& f) { f.plan.nodes[0].gpus[1].slices[1].pod = f.video; },
       "pod default/video-0 holds 2 devices and asks for 1"},
      {"none", [](Fleet& f) { f.plan.nodes[3].gpus[0].slices[0].pod = plan::kNoPod; },
       "pod default/any-0 is placed and holds no device"},
      {"another kind", [](Fleet& f) { f.shape(f.small).gpu[0].profile = "1g.10gb"; },
       "pod default/small-0 asks for nvidia.com/mig-1g.10gb and holds 1g.5gb of A100-40, which is "
       "another profile"},
      {"too small", [](Fleet& f) { f.shape(f.ten).gpu[0].gib = 12; },
       "asks for kerf.dev/gpu-12gi and holds 2g.10gb of A100-40, which has 10 GB"},
      {"isolation", [](Fleet& f) { f.shape(f.turn0).gpu[0].isolation = Isolation::Enforced; },
       "which takes turns"},
      {"floor", [](Fleet& f) { f.policy.isolation_floor = Isolation::Enforced; },
       "asks for kerf.dev/gpu-4gi-shared and holds one of 4 turns of T4"},
      {"on another node", [](Fleet& f) { f.plan.nodes[0].gpus[1].slices[1].pod = f.any; },
       "pod default/any-0 is placed on node 3 (g4dn.xlarge) and holds a device of node 0"},
      {"held by an unplaced pod", [](Fleet& f) { f.plan.nodes[0].gpus[1].slices[1].pod = f.odd; },
       "pod default/odd-0 is not placed and holds a device"},
      {"form of the placement", [](Fleet& f) { f.plan.placements[0].form.nominal_gb = 1; },
       "pod default/trainer-0 holds no device of the form"},
  });
}

}  // namespace
}  // namespace kerf::check
