// Searches of a node against brute force that puts every pod into every place of every GPU.
#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"
#include "core/check/certificate_testing.h"
#include "core/gpu/geometry.h"

namespace kerf::check {
namespace {

using cluster::GpuRequest;
using plan::Certificate;
using testing::World;

/// Everything that one GPU holds: forms with their first slots.
using Held = std::vector<std::pair<gpu::Form, std::uint8_t>>;

/// Tries each pod left out and in each place, one device at a time. Shares with the checker only
/// which form serves a request.
class BruteForce {
 public:
  BruteForce(const World& world, std::uint32_t type, gpu::GpuMode mode,
             std::map<std::uint32_t, std::int64_t> values)
      : world_(world),
        type_(world.market.types[type]),
        model_(world.market.model_of(type_)),
        mode_(mode),
        values_(std::move(values)),
        gpus_(static_cast<std::size_t>(type_.gpu_count)),
        forms_(gpu::forms_of(model_, type_.gpu_fraction, world.policy.sharing)) {
    if (model_.cuttable()) geometry_.emplace(model_);
    left_ = market::allocatable(type_, world.demand.overhead);
  }

  std::int64_t best() { return from(0); }

 private:
  std::int64_t from(std::uint32_t pod) {
    if (pod == world_.demand.pods.size()) return 0;
    const std::string state = key(pod);
    if (const auto at = known_.find(state); at != known_.end()) return at->second;
    std::int64_t best = from(pod + 1);
    const std::uint32_t shape = world_.demand.pods[pod].shape;
    const cluster::PodShape& asks = world_.demand.shapes[shape];
    const auto value = values_.find(shape);
    if (value != values_.end() && asks.requests.fits(left_)) {
      left_ = left_ - asks.requests;
      std::int64_t more = -1;
      devices(pod, asks.gpu, 0, 0, more);
      left_ = left_ + asks.requests;
      if (more >= 0) best = std::max(best, more + value->second);
    }
    known_[state] = best;
    return best;
  }

  /// Places the devices of a pod from request `r`, the `n`th of it, on; then the pods after it.
  void devices(std::uint32_t pod, const std::vector<GpuRequest>& requests, std::size_t r,
               std::int64_t n, std::int64_t& best) {
    if (r == requests.size()) {
      best = std::max(best, from(pod + 1));
      return;
    }
    const bool last = n + 1 == requests[r].count;
    for (std::size_t g = 0; g < gpus_.size(); ++g) {
      // GPUs that hold nothing yet are alike.
      if (g > 0 && gpus_[g].empty() && gpus_[g - 1].empty()) break;
      for (const gpu::Form& form : forms_) {
        if (!gpu::allowed_in(mode_, form) ||
            !why_not_served(requests[r], form, model_, world_.policy).empty()) {
          continue;
        }
        for (const std::uint8_t start : starts(gpus_[g], form)) {
          gpus_[g].emplace_back(form, start);
          devices(pod, requests, last ? r + 1 : r, last ? 0 : n + 1, best);
          gpus_[g].pop_back();
        }
      }
    }
  }

  std::vector<std::uint8_t> starts(const Held& held, const gpu::Form& form) const {
    if (form.kind != gpu::FormKind::Slice) {
      const bool alike = held.empty() || held.front().first == form;
      return alike && held.size() < form.replicas ? std::vector<std::uint8_t>{0}
                                                  : std::vector<std::uint8_t>{};
    }
    gpu::Layout layout;
    for (const auto& [other, at] : held) {
      if (other.kind != gpu::FormKind::Slice) return {};
      layout.push_back({other.profile, at});
    }
    std::vector<std::uint8_t> free;
    for (const std::uint8_t start : model_.profiles[form.profile].starts) {
      layout.push_back({form.profile, start});
      if (geometry_->state(layout)) free.push_back(start);
      layout.pop_back();
    }
    return free;
  }

  std::string key(std::uint32_t pod) const {
    std::vector<std::string> gpus;
    for (const Held& held : gpus_) {
      std::vector<std::string> parts;
      for (const auto& [form, at] : held) {
        parts.push_back(fmt::format("{}.{}.{}@{}", static_cast<int>(form.kind), form.profile,
                                    form.replicas, at));
      }
      std::sort(parts.begin(), parts.end());
      gpus.push_back(fmt::format("{}", fmt::join(parts, " ")));
    }
    std::sort(gpus.begin(), gpus.end());
    return fmt::format("{}|{}|{},{},{},{}", pod, fmt::join(gpus, "|"), left_.cpu_milli,
                       left_.memory_mib, left_.disk_mib, left_.pods);
  }

  const World& world_;
  const market::InstanceType& type_;
  const gpu::Model& model_;
  gpu::GpuMode mode_;
  std::map<std::uint32_t, std::int64_t> values_;
  std::vector<Held> gpus_;
  std::vector<gpu::Form> forms_;
  std::optional<gpu::Geometry> geometry_;
  Resources left_;
  std::map<std::string, std::int64_t> known_;
};

GpuRequest some_request(Prng& chance) {
  const std::vector<std::string> profiles = {"1g.5gb",  "1g.10gb",    "2g.10gb", "3g.20gb",
                                             "4g.20gb", "1g.10gb+me", "3g.40gb", "7g.80gb"};
  switch (chance.below(4)) {
    case 0: return testing::whole();
    case 1: return testing::slice(profiles[chance.below(profiles.size())]);
    case 2: return testing::portable(static_cast<std::int32_t>(2 + chance.below(12)));
    default:
      return testing::portable(static_cast<std::int32_t>(2 + chance.below(8)),
                               cluster::Isolation::Shared);
  }
}

/// Few pods of few kinds; CPU and memory are large enough to run out on some nodes.
World some_world(Prng& chance) {
  World world;
  const std::uint64_t kinds = 2 + chance.below(2);
  for (std::uint64_t k = 0; k < kinds; ++k) {
    std::vector<GpuRequest> requests = {some_request(chance)};
    if (chance.below(6) == 0) requests.front().count = 2;
    const std::uint32_t pod = world.pod("app" + std::to_string(k), requests);
    world.shape(pod).requests = {static_cast<std::int64_t>(500 + 500 * chance.below(20)),
                                 static_cast<std::int64_t>(1024 * (1 + chance.below(40))),
                                 chance.below(4) == 0 ? 60'000 : 1000, 1};
    const std::uint64_t more = chance.below(2);
    for (std::uint64_t i = 0; i < more; ++i) world.like(world.demand.pods[pod].shape);
  }
  return world;
}

Certificate::Multipliers some_multipliers(Prng& chance, const NodeKind& node) {
  Certificate::Multipliers m;
  if (chance.below(4) == 0) return m;
  m.cpu_milli = static_cast<std::int64_t>(chance.below(20));
  m.memory_mib = static_cast<std::int64_t>(chance.below(10));
  m.disk_mib = static_cast<std::int64_t>(chance.below(3));
  m.pods = static_cast<std::int64_t>(chance.below(1000));
  for (const gpu::Form& form : node.forms) {
    m.forms.emplace_back(form, static_cast<std::int64_t>(chance.below(100'000)));
  }
  return m;
}

using testing::best_worth;

TEST(CertificateSearch, FindsWhatBruteForceFindsAndNoMore) {
  std::int64_t held = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Prng chance(seed);
    const World world = some_world(chance);
    Certificate certificate;
    certificate.groups = testing::groups_by_shape(world.demand);
    certificate.pools = testing::pools_of(world.market);
    certificate.method = Certificate::Method::Exact;
    Verdict verdict;
    const VerifyOptions options;
    Proof proof(certificate, world.demand, world.market, world.policy, options, verdict);
    ASSERT_TRUE(shape_holds(proof));
    read_groups(proof);
    read_pools(proof);
    ASSERT_TRUE(proof.sound()) << testing::listed(verdict.complaints);
    std::vector<std::int64_t> values;
    std::map<std::uint32_t, std::int64_t> by_shape;
    for (const auto& group : certificate.groups) {
      values.push_back(static_cast<std::int64_t>(1000 + chance.below(200'000)));
      by_shape[world.demand.pods[group.pods.front()].shape] = values.back();
    }
    for (std::uint32_t p = 0; p < certificate.pools.size(); ++p) {
      const Certificate::Offered& offered = certificate.pools[p].offerings.front();
      // T4G is arm64, and these pods do not ask for it.
      const bool admitted = world.market.types[offered.type].arch == "amd64";
      const std::int64_t best =
          admitted ? BruteForce(world, offered.type, offered.mode, by_shape).best() : 0;
      const NodeKind& node = proof.nodes[p].front();
      const std::vector<Item> items = items_of(proof, node, values);
      const auto multipliers = some_multipliers(chance, node);
      EXPECT_EQ(best_worth(node, items, multipliers), best)
          << "seed " << seed << ", " << proof.pool_name(p);
      EXPECT_GE(bound_by_multipliers(node, items, multipliers), best)
          << "seed " << seed << ", " << proof.pool_name(p);
      held += best > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(held, 40);
}

TEST(CertificateSearch, SaysWhenItIsTooLargeAndNeverThatItHolds) {
  Prng chance(7);
  World world;
  for (int k = 0; k < 12; ++k) {
    const std::uint32_t pod = world.pod("app" + std::to_string(k), {testing::slice("1g.5gb")});
    world.shape(pod).requests = {1000 + 37 * k, 2000 + 411 * k, 1000, 1};
    for (int i = 0; i < 3; ++i) world.like(world.demand.pods[pod].shape);
  }
  Certificate certificate;
  certificate.groups = testing::groups_by_shape(world.demand);
  certificate.pools = testing::pools_of(world.market);
  certificate.method = Certificate::Method::Exact;
  Verdict verdict;
  const VerifyOptions options;
  Proof proof(certificate, world.demand, world.market, world.policy, options, verdict);
  ASSERT_TRUE(shape_holds(proof));
  read_groups(proof);
  read_pools(proof);
  std::vector<std::int64_t> values;
  for (int k = 0; k < 12; ++k) values.push_back(1000 + static_cast<std::int64_t>(chance.below(9)));
  const auto cut = std::find_if(proof.nodes.begin(), proof.nodes.end(),
                                [](const auto& kinds) { return !kinds.front().parts.empty(); });
  ASSERT_NE(cut, proof.nodes.end());
  const std::vector<Item> items = items_of(proof, cut->front(), values);
  std::int64_t enough = 100'000'000;
  const std::int64_t best = best_worth(cut->front(), items);
  ASSERT_EQ(search_node(cut->front(), items, best, {}, enough).outcome, Searched::Outcome::Holds);
  const std::int64_t used = 100'000'000 - enough;
  std::int64_t steps = used / 2;
  EXPECT_EQ(search_node(cut->front(), items, best, {}, steps).outcome, Searched::Outcome::TooLarge);
}

TEST(CertificateSearch, KnowsWhatGpusHoldTogether) {
  const World world;
  const auto& type = world.market.types[World::kP4d];
  const gpu::Model& model = world.market.model_of(type);
  const GpuContents contents(type, model, gpu::GpuMode::Cut, world.policy);
  const gpu::Geometry geometry(model);
  ASSERT_EQ(contents.forms().size(), model.profiles.size());
  // Every legal layout is below a corner, and every corner is a legal layout.
  for (gpu::Geometry::State state = 0; state < geometry.states(); ++state) {
    GpuRoom room(contents.corners(), 1);
    GpuRoom::Units units{};
    const auto& counts = geometry.counts(state);
    std::copy(counts.begin(), counts.end(), units.begin());
    EXPECT_TRUE(room.fits(units)) << state;
  }
  for (const FormCounts& corner : contents.corners()) {
    EXPECT_FALSE(geometry.exactly({corner.begin(), corner.end()}).empty());
  }
}

}  // namespace
}  // namespace kerf::check
