// The checker's own geometry: counts of legal states that others published, and each rule broken.
#include <gtest/gtest.h>

#include <array>

#include "codec/catalogue.h"
#include "core/check/fleet_testing.h"

namespace kerf::check {
namespace {

using gpu::FormKind;
using testing::Fleet;
using testing::World;

/// A node with one GPU of that model, which can be cut at will.
struct Bench {
  World world;

  explicit Bench(const gpu::Model& model) {
    world.market.gpus.models = {model};
    world.market.types = {
        testing::type("bench.large", "amd64", 4, 16384, model.key, 1, model.nominal_gb, 20)};
    world.node(static_cast<World::Type>(0));
  }

  bool legal() {
    Audit audit{world.plan, world.demand, world.market, world.policy, {}, {}};
    if (!indices_hold(audit)) return false;
    check_geometry(audit);
    return audit.complaints.empty();
  }

  std::vector<plan::SlicePlan>& slices() { return world.plan.nodes[0].gpus[0].slices; }

  void add(std::size_t profile, std::uint8_t start) {
    plan::SlicePlan slice;
    slice.form.kind = FormKind::Slice;
    slice.form.profile = static_cast<std::uint8_t>(profile);
    slice.form.nominal_gb = world.market.gpus.models[0].profiles[profile].nominal_gb;
    slice.start = start;
    slices().push_back(slice);
  }

  /// Legal sets of slices that contain what is there, each once: additions in ascending order.
  /// A subset of a legal set is legal, so nothing is missed by stopping where one is not.
  int count_from(std::size_t profile, std::uint8_t start) {
    const gpu::Model& model = world.market.gpus.models[0];
    int states = 1;
    for (; profile < model.profiles.size(); ++profile, start = 0) {
      for (; start < model.slots; ++start) {
        add(profile, start);
        if (legal()) states += count_from(profile, static_cast<std::uint8_t>(start + 1));
        slices().pop_back();
      }
    }
    return states;
  }
};

TEST(CheckGeometry, CountsTheLegalStatesThatOthersCounted) {
  // shared/data/mig/enumeration.txt, all profiles of each model.
  const std::pair<const char*, int> kStates[] = {
      {"A100-40", 2319}, {"A30", 76}, {"RTX-PRO-6000", 717}};
  for (const auto& [key, states] : kStates) {
    const auto& models = codec::builtin_catalogue().models;
    const auto model =
        std::find_if(models.begin(), models.end(),
                     [name = std::string(key)](const gpu::Model& m) { return m.key == name; });
    ASSERT_NE(model, models.end()) << key;
    EXPECT_EQ(Bench(*model).count_from(0, 0), states) << key;
  }
}

TEST(CheckGeometry, ReportsSlicesThatAreNotLegalTogether) {
  testing::expect_reported<Fleet>({
      {"overlap", [](Fleet& f) { f.give(1, 1, f.cut(1, "1g.5gb"), 3); },
       "node 1 (p4d.12xlarge), GPU 1: slices overlap at slot 3"},
      {"start", [](Fleet& f) { f.plan.nodes[1].gpus[1].slices[1].start = 3; },
       "2g.10gb cannot start at slot 3"},
      {"instances", [](Fleet& f) { f.give(0, 1, f.cut(0, "1g.10gb+me"), 2); },
       "GPU 1: more than 1 slices of 1g.10gb+me"},
      {"engines", [](Fleet& f) { f.market.gpus.models[0].profiles[6].engines.decoders = 3; },
       "GPU 0: its slices need 4 decoders and the GPU has 3"},
      {"profile", [](Fleet& f) { f.plan.nodes[1].gpus[1].slices[0].form.profile = 40; },
       "A100-40 has no profile 40"},
      {"unverified",
       [](Fleet& f) { f.market.gpus.models[0].profiles[0].status = gpu::Status::Unverified; },
       "A100-40 is cut, and its placements are not known"},
  });
}

TEST(CheckGeometry, DoesNotHoldUnknownEnginesAgainstALayout) {
  Fleet fleet;
  for (gpu::Profile& profile : fleet.market.gpus.models[0].profiles) profile.engines = {};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
}

TEST(CheckGeometry, ReportsFormsThatOneGpuCannotHave) {
  testing::expect_reported<Fleet>({
      {"two kinds", [](Fleet& f) { f.give(0, 0, f.cut(0, "1g.10gb"), 0); },
       "node 0 (p5.8xlarge), GPU 0: forms of two kinds"},
      {"two wholes", [](Fleet& f) { f.give(3, 0, f.all(3), 0); }, "2 holders where there is room"},
      {"too many turns",
       [](Fleet& f) {
         for (std::uint8_t turn = 2; turn <= 4; ++turn) {
           f.give(2, 0, f.other(2, FormKind::TimeSliced, 4), turn);
         }
       },
       "5 holders where there is room for 4"},
      {"replicas of two sizes",
       [](Fleet& f) { f.give(2, 0, f.other(2, FormKind::TimeSliced, 2), 2); },
       "replicas of two sizes"},
      {"one turn twice", [](Fleet& f) { f.plan.nodes[2].gpus[0].slices[1].start = 0; },
       "holder number 0 is out of range or there twice"},
      {"replicas not offered", [](Fleet& f) { f.policy.sharing.time_slicing_replicas = {2}; },
       "time slicing among 4 is not offered"},
      {"MPS not offered",
       [](Fleet& f) {
         for (plan::SlicePlan& s : f.plan.nodes[2].gpus[0].slices) s.form.kind = FormKind::Mps;
       },
       "MPS among 4 is not offered"},
      {"whole of a fraction",
       [](Fleet& f) { f.plan.nodes[4].gpus[0].slices[0].form.kind = FormKind::Whole; },
       "a whole L4 cannot be had of g6f.large"},
      {"fraction of a whole",
       [](Fleet& f) { f.plan.nodes[3].gpus[0].slices[0].form.kind = FormKind::Fraction; },
       "1/1 of T4 cannot be had of g4dn.xlarge"},
      {"other fraction", [](Fleet& f) { f.plan.nodes[4].gpus[0].slices[0].form.fraction = 2; },
       "says 1/2 of a GPU where the type has 1/8"},
      {"nominal", [](Fleet& f) { f.plan.nodes[1].gpus[1].slices[1].form.nominal_gb = 20; },
       "2g.10gb of A100-40 is given as 20 GB and has 10 GB"},
      {"kept free and held", [](Fleet& f) { f.plan.nodes[3].gpus[0].slices[0].headroom = true; },
       "a slice is kept free and held by pod default/any-0"},
      {"GPU count", [](Fleet& f) { f.plan.nodes[3].gpus.emplace_back(); },
       "node 3 (g4dn.xlarge) is planned with 2 GPUs and has 1"},
  });
}

TEST(CheckGeometry, WantsOneMigModeForAllGpusOfAnAmpereNode) {
  testing::expect_reported<Fleet>({
      {"whole beside cut",
       [](Fleet& f) {
         f.plan.nodes[1].gpus[1].slices.clear();
         f.give(1, 1, f.all(1), 0);
       },
       "node 1 (p4d.12xlarge), GPU 1: MIG is on for some GPUs and off for others"},
      {"turns beside cut",
       [](Fleet& f) {
         f.plan.nodes[1].gpus[1].slices.clear();
         f.give(1, 1, f.other(1, FormKind::TimeSliced, 2), 0);
       },
       "MIG is on for some GPUs"},
  });
}

TEST(CheckGeometry, LetsAnIdleAmpereGpuGoWithEitherMode) {
  World world;
  const auto a = world.pod("a", {testing::slice("3g.20gb")});
  const auto b = world.pod("b", {testing::whole(1, 40)});
  const auto cut = world.node(World::kP4d);
  world.give(cut, 1, world.cut(cut, "3g.20gb"), 4, a);
  const auto uncut = world.node(World::kP4d);
  world.give(uncut, 0, world.all(uncut), 0, b);
  EXPECT_EQ(testing::listed(world.finish().complaints()), "no complaint");
}

}  // namespace
}  // namespace kerf::check
