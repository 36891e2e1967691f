// kerfd agent on a walk from layout to layout, with pods that come, hold slices and go: what is
// held stays that very slice, and each layout is reached.
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/agent/shape.h"
#include "rig.h"

namespace kerf::rig {
namespace {

constexpr int kWalks = 8;
constexpr int kSteps = 8;

/// A random legal layout of one H100 that has `kept` in it.
std::vector<Wanted> random_layout(Prng& prng, const std::vector<Wanted>& kept) {
  struct Place {
    const char* profile;
    int start;
  };
  static const std::vector<Place> kPlaces = {
      {"1g.10gb", 0}, {"1g.10gb", 1}, {"1g.10gb", 2}, {"1g.10gb", 3}, {"1g.10gb", 4},
      {"1g.10gb", 5}, {"1g.10gb", 6}, {"1g.20gb", 0}, {"1g.20gb", 2}, {"1g.20gb", 4},
      {"1g.20gb", 6}, {"2g.20gb", 0}, {"2g.20gb", 2}, {"2g.20gb", 4}, {"3g.40gb", 0},
      {"3g.40gb", 4}, {"4g.40gb", 0}, {"7g.80gb", 0}};
  const gpu::Model* model = codec::builtin_catalogue().find("H100-80");
  std::vector<Wanted> layout = kept;
  const auto legal = [&](const std::vector<Wanted>& slices) {
    control::WantedGpu gpu;
    for (const Wanted& slice : slices)
      gpu.slices.push_back({slice.profile, static_cast<std::uint8_t>(slice.start),
                            "nvidia.com/mig-" + slice.profile, slice.published});
    return agent::illegal(model, gpu).empty();
  };
  for (int i = 0; i < 12; ++i) {
    const Place& place = kPlaces[prng.below(kPlaces.size())];
    auto more = layout;
    more.push_back({0, place.profile, place.start, prng.below(2) == 0});
    if (legal(more)) layout = more;
  }
  std::sort(layout.begin(), layout.end(),
            [](const Wanted& a, const Wanted& b) { return a.start < b.start; });
  return layout;
}

void walk(std::uint64_t seed) {
  Prng prng(seed);
  Rig::Options options;
  options.latency_ms = 2;
  options.cordoned = true;  // so that published slices may go, too
  Rig rig(options);
  std::map<std::string, Wanted> pods;       // who holds what
  std::map<std::string, std::string> held;  // device id and MIG UUID
  rig.layout(random_layout(prng, {}));
  rig.start();
  for (int step = 0; step < kSteps; ++step) {
    ASSERT_TRUE(rig.wait_for([&] { return rig.difference().empty(); }))
        << "seed " << seed << ", step " << step << ": " << rig.difference();
    for (const auto& [pod, slice] : held)
      EXPECT_TRUE(rig.standing().contains(slice)) << pod << " has lost " << slice;
    for (auto it = pods.begin(); it != pods.end();)  // some pods end
      if (prng.below(2) == 0) {
        rig.kubelet().end(it->first);
        held.erase(it->first);
        it = pods.erase(it);
      } else {
        ++it;
      }
    std::vector<Wanted> kept;
    for (const auto& [pod, slice] : pods) kept.push_back(slice);
    for (const Wanted& slice : rig.wanted()) {  // and others come
      if (!slice.published || prng.below(3) != 0) continue;
      const std::string pod =
          "walk/pod-" + std::to_string(step) + "-" + std::to_string(slice.start);
      const auto outcome = rig.kubelet().admit(pod, "nvidia.com/mig-" + slice.profile, 1);
      if (!outcome.granted) continue;  // all of that profile are held
      ASSERT_EQ(outcome.devices.size(), 1U);
      EXPECT_FALSE(outcome.something_else);
      for (const Wanted& other : rig.wanted()) {
        if (id_of(other) != *outcome.devices.begin()) continue;
        pods[pod] = other;
        kept.push_back(other);
      }
      for (const std::string& one : rig.standing())
        if (one.starts_with(*outcome.devices.begin() + " ")) held[pod] = one;
    }
    rig.layout(random_layout(prng, kept));
  }
  EXPECT_FALSE(rig.kubelet().panicked());
  EXPECT_EQ(rig.terminate(), 0);
}

TEST(Walk, KeepsWhatIsHeldAndReachesEachLayout) {
  if (::geteuid() != 0) GTEST_SKIP() << "the simulated driver lets only root cut";
  std::vector<std::thread> walks;  // they mostly wait
  for (int seed = 1; seed <= kWalks; ++seed)
    walks.emplace_back([seed] { walk(static_cast<std::uint64_t>(seed)); });
  for (std::thread& one : walks) one.join();
}

}  // namespace
}  // namespace kerf::rig
