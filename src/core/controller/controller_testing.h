// A bench for the controller's mind: objects are told by hand, effects are looked at and answered.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/control/names.h"
#include "core/controller/controller.h"
#include "core/plan/plan_testing.h"

namespace kerf::controller::testing {

using control::kMinute;
using control::kSecond;

inline std::shared_ptr<const market::Market> market_of(const std::vector<std::string>& types) {
  return std::make_shared<market::Market>(plan::testing::market(types));
}

inline control::SlicePolicy act() {
  control::SlicePolicy policy;
  policy.meta.name = "gpu";
  policy.mode = control::Mode::Act;
  policy.node_class_cut = "cut";
  policy.node_class_whole = "whole";
  return policy;
}

inline control::Pod pending_pod(const std::string& name, const std::string& profile = "1g.10gb") {
  control::Pod pod;
  pod.meta.ns = "default";
  pod.meta.name = name;
  pod.shape = plan::testing::shape(plan::testing::slice(profile), 1000, 4096);
  pod.owner = {"ReplicaSet", "web", "owner"};
  pod.unschedulable = true;
  pod.message = "0/0 nodes are available";
  return pod;
}

struct Bench {
  Controller mind;
  Instant now = kMinute;
  Version version = 0;
  std::vector<Event> events;
  std::vector<Effect> effects;  ///< all that were asked for and not taken yet
  Instant wake = 0;

  std::shared_ptr<online::SliceTables> tables = kept();

  explicit Bench(Options options = {}) : mind(options, kept()) {}
  /// One for all tests.
  static std::shared_ptr<online::SliceTables> kept() {
    static const auto tables = std::make_shared<online::SliceTables>();
    return tables;
  }

  /// As the API server would: with a uid and the next version.
  template <class T>
  T tell(T object) {
    if (object.meta.uid.empty()) object.meta.uid = "uid-" + control::key_of(object.meta).text();
    object.meta.version = ++version;
    if (object.meta.created == 0) object.meta.created = now;
    tell_event(Seen{object});
    return object;
  }
  /// The write was done: the object is seen as it is now.
  template <class T>
  T applied(EffectId effect, T object) {
    object = tell(std::move(object));
    tell_event(Done{effect, {Result::Applied, object.meta.version, ""}});
    return object;
  }
  /// Leading: all that is there is told anew, as the host does.
  /// Not inlined: g++ 12 then sees members of other events that are never read.
  [[gnu::noinline]] void tell_event(Event event);
  void synced();
  /// The NodeClasses that act() names.
  void tell_classes();
  void start(const std::vector<std::string>& types = {"p5.4xlarge"});
  void step();
  /// Lets time pass, with a step for each WakeAt; searches and status writes are answered at once.
  void pass(std::int64_t ms);
  void settle();
  void add(control::SlicePolicy policy) { policies.push_back(tell(std::move(policy))); }

  /// Effects of that kind that were asked for and not taken; takes them.
  template <class A>
  std::vector<std::pair<EffectId, A>> take() {
    std::vector<std::pair<EffectId, A>> taken;
    std::erase_if(effects, [&](const Effect& effect) {
      const A* action = std::get_if<A>(&effect.action);
      if (action != nullptr) taken.emplace_back(effect.id, *action);
      return action != nullptr;
    });
    return taken;
  }
  std::vector<Record> records() {
    std::vector<Record> records;
    for (const auto& [id, note] : take<Note>()) records.push_back(note.record);
    return records;
  }

  std::vector<control::SlicePolicy> policies;
  std::map<std::pair<Kind, control::Key>, control::Object> known;  ///< what is there
};

/// A slice that stands: "1g.10gb" at 0; whom it is held by, "" = nobody.
struct Slice {
  std::string form;
  std::uint8_t start = 0;
  std::string pod;
};

/// One node as it is told: its claim, its Node and its GpuNode.
struct Told {
  control::NodeClaim claim;
  control::Node node;
  control::GpuNode gpus;
};

/// A p5.4xlarge (one H100-80) in service, of policy "gpu"; free slices are parked.
Told standing(Bench& bench, const std::string& name, const std::vector<Slice>& slices);

control::Pod running_pod(const std::string& name, const std::string& profile,
                         const std::string& node);

}  // namespace kerf::controller::testing
