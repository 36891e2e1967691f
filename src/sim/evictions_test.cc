// Evictions: what budgets allow, and what the eviction API answers.
#include "sim/evictions.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/api_server_testing.h"

namespace kerf::sim {
namespace {

using control::Budget;
using control::Pod;
using testing::key;
using testing::pod;

struct World {
  explicit World(Evictions::Scale scale = {}) : evictions(api, 1, std::move(scale)) {}

  void run(std::int64_t ms = 300) { clock.run_until(clock.now() + ms); }
  void add_running(const std::string& name, const std::string& app = "web") {
    Pod p = pod(name);
    p.meta.labels["app"] = app;
    p.node = "n";
    p.phase = control::PodPhase::Running;
    p.owner = {"ReplicaSet", app, "uid-" + app};
    api.create(p);
  }
  BudgetSpec spec(const std::string& app = "web") {
    BudgetSpec result;
    result.name = app;
    result.selector.namespaces = {"default"};
    result.selector.labels = {{"app", cluster::Operator::In, {app}}};
    return result;
  }
  std::int64_t allowed(const std::string& name = "web") {
    return api.find<Budget>(key(name))->allowed;
  }

  Clock clock;
  ApiServer api{clock};
  Evictions evictions;
};

TEST(Evictions, CountsWhatABudgetAllows) {
  struct Case {
    std::optional<std::int64_t> min_available;
    std::optional<std::int64_t> max_unavailable;
    std::int64_t allowed;
  };
  const Case cases[] = {{2, {}, 1}, {0, {}, 3}, {5, {}, 0}, {{}, 1, 1}, {{}, 0, 0}, {{}, 9, 3}};
  for (const Case& c : cases) {
    World w;
    BudgetSpec spec = w.spec();
    spec.min_available = c.min_available;
    spec.max_unavailable = c.max_unavailable;
    w.evictions.put_budget(spec);
    for (const char* name : {"a", "b", "c"}) w.add_running(name);
    w.add_running("other", "db");
    w.run();
    EXPECT_EQ(w.allowed(), c.allowed);
  }
}

TEST(Evictions, HoldsAgainstWhatOwnersWantAndNotWhatIsThere) {
  World w([](const control::Owner& owner) -> std::optional<Wanted> {
    if (owner.uid != "uid-web") return std::nullopt;
    return Wanted{"web", 4};
  });
  BudgetSpec spec = w.spec();
  spec.max_unavailable = 2;
  w.evictions.put_budget(spec);
  for (const char* name : {"a", "b", "c"}) w.add_running(name);
  w.run();
  EXPECT_EQ(w.allowed(), 1) << "one of four is missing already";
  w.add_running("bare");
  w.api.mutate<Pod>(key("bare"), [](Pod& it) { it.owner = {}; });
  w.run();
  EXPECT_EQ(w.allowed(), 0) << "whose owner is not known";
}

TEST(Evictions, RefusesWhatTheBudgetDoesNotAllowAndCountsAtOnce) {
  World w;
  BudgetSpec spec = w.spec();
  spec.min_available = 2;
  w.evictions.put_budget(spec);
  for (const char* name : {"a", "b", "c"}) w.add_running(name);
  EXPECT_EQ(w.evictions.evict(key("a")).code, Code::TooMany) << "not worked out yet";
  w.run();
  EXPECT_EQ(w.evictions.evict(key("a")).code, Code::Ok);
  EXPECT_NE(w.api.find<Pod>(key("a"))->meta.deleted, 0);
  EXPECT_EQ(w.allowed(), 0);
  EXPECT_EQ(w.evictions.evict(key("b")).code, Code::TooMany);
  EXPECT_EQ(w.api.find<Pod>(key("b"))->meta.deleted, 0);
  w.run();
  EXPECT_EQ(w.allowed(), 0);
  w.add_running("d");
  w.run();
  EXPECT_EQ(w.evictions.evict(key("b")).code, Code::Ok);
}

TEST(Evictions, NeedNoBudgetForPodsThatDoNotRun) {
  World w;
  BudgetSpec spec = w.spec();
  spec.min_available = 9;
  w.evictions.put_budget(spec);
  for (const char* name : {"pending", "done", "ending"}) w.add_running(name);
  w.api.mutate<Pod>(key("pending"), [](Pod& it) { it.phase = control::PodPhase::Pending; });
  w.api.mutate<Pod>(key("done"), [](Pod& it) { it.phase = control::PodPhase::Failed; });
  w.api.erase(Kind::Pod, key("ending"));
  w.run();
  for (const char* name : {"pending", "done", "ending"})
    EXPECT_EQ(w.evictions.evict(key(name)).code, Code::Ok) << name;
  EXPECT_EQ(w.api.find<Pod>(key("done")), nullptr);
}

TEST(Evictions, RefusePodsOfTwoBudgets) {
  World w;
  for (const char* name : {"one", "two"}) {
    BudgetSpec spec = w.spec();
    spec.name = name;
    spec.min_available = 0;
    w.evictions.put_budget(spec);
  }
  w.add_running("a");
  w.run();
  EXPECT_EQ(w.evictions.evict(key("a")).code, Code::Invalid);
  w.evictions.remove_budget(key("two"));
  EXPECT_EQ(w.evictions.evict(key("a")).code, Code::Ok);
}

TEST(Evictions, ServeClientsOfTheApi) {
  World w;
  BudgetSpec spec = w.spec();
  spec.min_available = 1;
  w.evictions.put_budget(spec);
  w.add_running("a");
  w.run();
  Request request;
  request.client = "controller";
  request.verb = Verb::Evict;
  request.key = key("a");
  EXPECT_EQ(w.api.write(request).code, Code::TooMany);
  request.uid = "somebody else's";
  EXPECT_EQ(w.api.write(request).code, Code::Conflict);
  request.uid = "";
  request.key = key("nobody");
  EXPECT_EQ(w.api.write(request).code, Code::NotFound);
}

TEST(Evictions, DoNothingWhileNothingChanges) {
  World w;
  BudgetSpec spec = w.spec();
  spec.min_available = 1;
  w.evictions.put_budget(spec);
  w.add_running("a");
  w.run();
  const std::uint64_t steps = w.clock.steps();
  w.run(control::kHour);
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.judged = 7; });
  w.run(control::kHour);
  EXPECT_EQ(w.clock.steps(), steps);
}

}  // namespace
}  // namespace kerf::sim
