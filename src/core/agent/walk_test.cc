// Random walks: layouts, pods, crashes, errors and restarts in any order; nothing may break on the
// way, and at the end the node reaches what is wanted.
#include <gtest/gtest.h>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/agent/scenarios_testing.h"
#include "core/gpu/geometry.h"

namespace kerf::agent {
namespace {

constexpr const char* kBoards[] = {"A100-40", "H100-80", "A30"};

const gpu::Geometry& geometry(const std::string& board) {
  static const std::map<std::string, gpu::Geometry> kAll = [] {
    std::map<std::string, gpu::Geometry> all;
    for (const char* name : kBoards)
      all.emplace(name, gpu::Geometry(*codec::builtin_catalogue().find(name)));
    return all;
  }();
  return kAll.at(board);
}

class Walk {
 public:
  Walk(std::uint64_t seed, bool mode)
      : prng_(seed), mode_(mode), boards_(boards()), world_(boards_, mode, seed) {
    world_.choose = [this](std::size_t n) { return prng_.below(n); };
    world_.start();
    world_.settle();  // it knows what was there before anything fell off
  }

  std::string run(int moves) {
    for (int i = 0; i < moves; ++i) {
      move();
      if (i % 10 == 9 && !world_.wrong().empty()) break;
    }
    const std::vector<std::string> wrong = world_.wrong();
    return wrong.empty() ? finish() : wrong.front();
  }

 private:
  std::vector<std::string> boards() {
    std::vector<std::string> boards;
    for (std::size_t i = 0; i <= prng_.below(2); ++i) boards.emplace_back(kBoards[prng_.below(3)]);
    return boards;
  }
  bool chance(std::uint64_t percent) { return prng_.below(100) < percent; }

  std::string random_cut(const std::string& board) {
    std::string text;
    const auto add = [&](const std::string& form, int start) {
      text += (text.empty() ? "" : " ") + std::string(chance(25) ? "!" : "") + form + "@" +
              std::to_string(start) +
              (chance(10) ? mode_ ? "=kerf.dev/gpu-5gi" : "=kerf.dev/gpu-6gi-shared" : "");
    };
    if (!mode_) {
      const std::uint64_t replicas = 2 * prng_.below(3);
      if (replicas == 0) add("whole", 0);
      for (int i = 0; i < static_cast<int>(replicas); ++i)
        add("replica/" + std::to_string(replicas), i);
      return text;
    }
    const gpu::Geometry& all = geometry(board);
    const auto state = static_cast<gpu::Geometry::State>(prng_.below(all.states()));
    for (const gpu::Placed placed : all.layout(state))
      add(all.model().profiles[placed.profile].name, placed.start);
    return text;
  }

  void want() {
    texts_.clear();
    for (const std::string& board : boards_) texts_.push_back(random_cut(board));
    std::vector<control::WantedGpu> gpus;
    for (const std::string& text : texts_) gpus.push_back(cut(text));
    world_.want(gpus);
  }

  void start_pod() {
    Pod pod;
    pod.name = "p" + std::to_string(++pods_);
    std::vector<std::string> resources = {"kerf.dev/gpu-5gi", "kerf.dev/gpu-5gi-shared",
                                          "kerf.dev/gpu-6gi-shared"};
    for (const std::string& text : texts_)
      for (const auto& slice : cut(text).slices) resources.push_back(slice.resource);
    pod.resource = resources[prng_.below(resources.size())];
    const std::uint64_t shown = prng_.below(8);
    pod.in_list = shown != 0 && shown != 1;
    pod.in_checkpoint = shown != 0 && shown != 2;
    const std::string name = pod.name;
    if (!world_.pick(pod)) return;
    for (std::uint64_t ticks = prng_.below(20); ticks > 0; --ticks) {
      const Pod* it = world_.pod(name);
      if (it == nullptr || it->call != 0) break;
      world_.tick();
    }
    if (Pod* it = world_.pod(name); it != nullptr && it->call == 0) world_.call(*it);
    // A pod that neither shows is known by its process alone; those need a slice.
    Pod* it = world_.pod(name);
    if (it == nullptr || it->in_list || it->in_checkpoint) return;
    it->in_checkpoint = !mode_;
    if (mode_) world_.driver.process_start(world_.uuid_of(it->device), 1000U + pods_);
  }

  void end_pod() {
    if (world_.pods.empty()) return;
    const Pod pod = world_.pods[prng_.below(world_.pods.size())];
    if (!pod.admitted) return;
    const std::string number = pod.name.substr(1);
    world_.driver.process_exit(1000U + static_cast<std::uint32_t>(std::stoul(number)));
    world_.end(pod.name);
  }

  void fail_once() {
    constexpr Code kCodes[] = {Code::Unknown, Code::InUse,        Code::InsufficientResources,
                               Code::Timeout, Code::NoPermission, Code::NotFound};
    const Code code = kCodes[prng_.below(6)];
    const bool done = chance(50);
    auto left = std::make_shared<std::uint64_t>(prng_.below(20));
    world_.fault = [=](const Action&) -> std::optional<std::pair<Code, bool>> {
      if ((*left)-- != 0) return std::nullopt;
      return std::pair(code, done);
    };
  }

  void crash_soon() {
    auto left = std::make_shared<std::uint64_t>(prng_.below(40));
    world_.crash = [=](bool) { return (*left)-- == 0; };
  }

  void reboot() {
    for (const Pod& pod : std::vector(world_.pods))
      if (!pod.in_list && !pod.in_checkpoint && pod.admitted) world_.end(pod.name);
    world_.reboot();
  }

  void xid() {
    const std::uint64_t gpu = prng_.below(boards_.size());
    const auto& instances = world_.driver.state().gpus[gpu].instances;
    const std::uint32_t gi =
        instances.empty() ? kNoInstance : instances[prng_.below(instances.size())].id;
    if (gi == kNoInstance && !mode_) return;
    world_.tell(Xid{world_.gpu_uuid(static_cast<std::uint32_t>(gpu)), gi, chance(50) ? 94U : 13U});
  }

  /// Off the bus or back, with the agent alive or starting anew.
  void fall() {
    const auto gpu = static_cast<std::uint32_t>(prng_.below(boards_.size()));
    if (world_.has_fallen(gpu)) world_.come_back(gpu);
    else world_.fall(gpu);
    if (chance(50)) world_.start();
    else if (chance(50)) world_.tell(Doubt{});
  }

  void move() {
    switch (prng_.below(20)) {
      case 0:
      case 1: want(); break;
      case 2:
      case 3:
      case 4:
      case 5: start_pod(); break;
      case 6:
      case 7: end_pod(); break;
      case 8: world_.say_pods(); break;
      case 9: fail_once(); break;
      case 10: crash_soon(); break;
      case 11: world_.restart_kubelet(); break;
      case 12:
        if (chance(30)) reboot();
        break;
      case 13: xid(); break;
      case 14: world_.list_lag = static_cast<int>(prng_.below(4)); break;
      case 15: world_.tell(Lease{chance(80), chance(40) ? world_.now : 7}); break;
      case 16:
        if (chance(10)) world_.driver.lose_gpu(0, true);
        break;
      case 17: fall(); break;
      default: break;
    }
    if (chance(50)) world_.run_for(static_cast<std::int64_t>(prng_.below(20'000)));
    else
      for (std::uint64_t ticks = prng_.below(30); ticks > 0; --ticks) world_.tick();
  }

  std::string finish() {
    world_.crash = nullptr;
    world_.fault = nullptr;
    world_.list_lag = 0;
    for (std::uint32_t i = 0; i < boards_.size(); ++i) world_.come_back(i);
    bool lost = false;
    for (const auto& gpu : world_.driver.state().gpus) lost = lost || gpu.lost;
    if (lost) reboot();
    while (!world_.pods.empty()) {
      if (Pod& pod = world_.pods.front(); pod.call == 0) {
        world_.call(pod);
      } else {
        world_.driver.process_exit(1000U +
                                   static_cast<std::uint32_t>(std::stoul(pod.name.substr(1))));
        world_.end(pod.name);
      }
    }
    world_.say_pods();
    world_.tell(Lease{true, world_.now});
    std::vector<control::WantedGpu> published;  // what is lent is taken back by the spec only
    for (const std::string& text : texts_) {
      published.push_back(cut(text));
      for (control::WantedSlice& slice : published.back().slices) slice.published = true;
    }
    world_.want(published);
    world_.run_for(2 * control::kMinute);
    want();
    world_.run_for(6 * control::kMinute);
    Scenario scenario{"", boards_, mode_, {}, {}, {}, {}};
    std::vector<std::string> bare;
    for (const std::string& text : texts_) {
      scenario.wanted.push_back(text.c_str());
      std::string layout;
      for (const control::WantedSlice& slice : cut(text).slices)
        layout += (layout.empty() ? "" : " ") + slice.form + "@" + std::to_string(slice.start);
      bare.push_back(mode_ ? layout : "");
    }
    for (const std::string& layout : bare) scenario.after.push_back(layout.c_str());
    return joined(not_reached(world_, scenario));
  }

  Prng prng_;
  bool mode_;
  std::vector<std::string> boards_;
  World world_;
  std::vector<std::string> texts_;
  std::uint32_t pods_ = 0;
};

TEST(Walk, OverCutGpusBreaksNoRuleAndReachesTheLastLayout) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    ASSERT_EQ(Walk(seed, true).run(120), "") << "seed " << seed;
}

TEST(Walk, OverWholeAndSharedGpusBreaksNoRuleAndReachesTheLastLayout) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    ASSERT_EQ(Walk(seed, false).run(120), "") << "seed " << seed;
}

}  // namespace
}  // namespace kerf::agent
