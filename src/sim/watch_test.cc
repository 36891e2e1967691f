// Clients: what streams tell when they are late, repeated, broken or paged, and what becomes of
// writes; whatever happens, they end up with the truth.
#include "sim/watch.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sim/api_server_testing.h"

namespace kerf::sim {
namespace {

using control::Node;
using control::Pod;
using testing::key;
using testing::node;
using testing::pod;

/// Believes what it is told as a mind does: the newest version of each uid.
struct Believer {
  Sink sink() {
    return {[this](const Value& value) { seen(value); },
            [this](Kind, const Key& key, const std::string& uid) { gone(key, uid); },
            [this](Kind, Version version) {
              ++synced;
              synced_at = version;
              log.push_back("synced");
            }};
  }
  void seen(const Value& value) {
    const control::Meta& meta = control::meta_of(*value);
    log.push_back(meta.name + "@" + std::to_string(meta.version));
    Value& known = objects[control::key_of(meta)];
    if (!known || control::meta_of(*known).version <= meta.version) known = value;
  }
  void gone(const Key& key, const std::string& uid) {
    log.push_back("gone " + key.name);
    const auto found = objects.find(key);
    if (found != objects.end() && control::meta_of(*found->second).uid == uid) objects.erase(found);
  }

  std::map<Key, Value> objects;
  std::vector<std::string> log;
  int synced = 0;
  Version synced_at = 0;  ///< what the last list showed
};

WatchFaults exact() {
  WatchFaults result;
  result.delay_least_ms = result.delay_most_ms = 10;
  return result;
}
WriteFaults exact_writes() {
  WriteFaults result;
  result.delay_least_ms = result.delay_most_ms = 10;
  return result;
}

struct World {
  explicit World(const WatchFaults& watch = exact(), const WriteFaults& write = exact_writes(),
                 std::uint64_t seed = 1)
      : client(api, "controller", seed, watch, write) {}
  void run(std::int64_t ms) { clock.run_until(clock.now() + ms); }
  void change(const std::string& name) {
    api.mutate<Pod>(key(name), [](Pod& it) { ++it.judged; });
  }

  Clock clock;
  ApiServer api{clock};
  Client client;
  Believer pods;
  Believer nodes;
};

TEST(Client, ListsThenSyncsThenFollows) {
  World w;
  w.api.create(pod("a"));
  w.api.create(pod("b"));
  w.client.watch(Kind::Pod, w.pods.sink());
  EXPECT_TRUE(w.pods.log.empty());
  w.api.create(pod("c"));  // before the list was taken: it is in the list, and no event of its own
  w.run(100);
  EXPECT_EQ(w.pods.log, (std::vector<std::string>{"a@1", "b@2", "c@3", "synced"}));
  w.change("b");
  w.api.remove(Kind::Pod, key("a"));
  EXPECT_EQ(w.pods.log.size(), 4U) << "not at once";
  w.run(100);
  EXPECT_EQ(w.pods.log.size(), 6U);
  EXPECT_EQ(w.pods.log[4], "b@4");
  EXPECT_EQ(w.pods.log[5], "gone a");
}

TEST(Client, WatchesOneObjectIfAsked) {
  World w;
  w.api.create(node("n"));
  w.api.create(node("m"));
  w.client.watch(Kind::Node, w.nodes.sink(), "n");
  w.run(100);
  w.api.mutate<Node>({"", "m"}, [](Node& it) { it.cordoned = true; });
  w.api.mutate<Node>({"", "n"}, [](Node& it) { it.cordoned = true; });
  w.run(100);
  EXPECT_EQ(w.nodes.log, (std::vector<std::string>{"n@1", "synced", "n@4"}));
}

TEST(Client, KeepsTheOrderWithinAKindHoweverLateSomeAre) {
  WatchFaults faults;
  faults.late_milli = 500;
  World w(faults);
  w.api.create(pod("a"));
  w.client.watch(Kind::Pod, w.pods.sink());
  w.run(1000);
  for (int i = 0; i < 200; ++i) {
    w.change("a");
    w.run(7);
  }
  w.run(20000);
  Version last = 0;
  for (const std::string& line : w.pods.log) {
    if (line == "synced") continue;
    const Version version = std::stoll(line.substr(line.find('@') + 1));
    EXPECT_GT(version, last);
    last = version;
  }
  EXPECT_EQ(last, w.api.version());
}

TEST(Client, TellsKindsInDifferentOrders) {
  WatchFaults faults;
  bool pod_first = false;
  bool node_first = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World w(faults, {}, seed);
    std::string order;
    for (const Kind kind : {Kind::Pod, Kind::Node})
      w.client.watch(kind,
                     {[&order, kind](const Value&) { order += kind == Kind::Pod ? 'p' : 'n'; },
                      [](Kind, const Key&, const std::string&) {}, [](Kind, Version) {}});
    w.run(1000);
    w.api.create(pod("a"));
    w.api.create(node("n"));
    w.run(1000);
    pod_first |= order == "pn";
    node_first |= order == "np";
  }
  EXPECT_TRUE(pod_first && node_first);
}

TEST(Client, MayTellAnEventTwice) {
  WatchFaults faults = exact();
  faults.repeat_milli = 1000;
  World w(faults);
  w.client.watch(Kind::Pod, w.pods.sink());
  w.run(100);
  w.api.create(pod("a"));
  w.run(100);
  w.api.remove(Kind::Pod, key("a"));
  w.run(100);
  EXPECT_EQ(w.pods.log, (std::vector<std::string>{"synced", "a@1", "a@1", "gone a", "gone a"}));
}

TEST(Client, SaysGoneForWhatItMissedWhenTheStreamWasBroken) {
  World w;
  w.api.create(pod("a"));
  w.api.create(pod("b"));
  w.client.watch(Kind::Pod, w.pods.sink());
  w.run(100);
  w.client.break_stream(Kind::Pod);
  const std::string old_uid = w.api.find<Pod>(key("a"))->meta.uid;
  w.api.remove(Kind::Pod, key("a"));
  w.api.remove(Kind::Pod, key("b"));
  w.api.create(pod("b"));
  w.api.create(pod("c"));
  w.pods.log.clear();
  w.run(40);
  EXPECT_TRUE(w.pods.log.empty()) << "it does not know yet that it missed anything";
  w.run(10000);
  EXPECT_EQ(w.pods.log, (std::vector<std::string>{"gone b", "b@5", "c@6", "gone a", "synced"}));
  EXPECT_EQ(w.pods.objects, w.api.of(Kind::Pod));
}

TEST(Client, ListsInPagesThatShowOneMoment) {
  WatchFaults faults = exact();
  faults.page_objects = 2;
  faults.page_ms = 50;
  World w(faults);
  for (const char* name : {"a", "b", "c", "d", "e"}) w.api.create(pod(name));
  w.client.watch(Kind::Pod, w.pods.sink());
  w.run(21);
  ASSERT_EQ(w.pods.log, (std::vector<std::string>{"a@1", "b@2"}));
  EXPECT_EQ(w.pods.synced_at, 0);
  w.change("e");
  w.api.remove(Kind::Pod, key("d"));
  w.run(500);
  EXPECT_EQ(w.pods.synced_at, 5) << "of that moment, not of when it was complete";
  EXPECT_EQ(w.pods.log, (std::vector<std::string>{"a@1", "b@2", "c@3", "d@4", "e@5", "synced",
                                                  "e@6", "gone d"}));
}

TEST(Client, StartsTheListAnewIfAPageExpired) {
  WatchFaults faults = exact();
  faults.page_objects = 1;
  faults.page_expired_milli = 1000;
  World w(faults);
  w.api.create(pod("a"));
  w.api.create(pod("b"));
  w.client.watch(Kind::Pod, w.pods.sink());
  w.run(1000);
  EXPECT_EQ(w.pods.synced, 0);
  EXPECT_GT(w.pods.log.size(), 2U);
  w.client.set_faults({}, {});
  w.run(1000);
  EXPECT_EQ(w.pods.synced, 1);
  EXPECT_EQ(w.pods.objects, w.api.of(Kind::Pod));
}

TEST(Client, SyncsOnceMoreForAListWantedWhileOneWasComing) {
  WatchFaults faults = exact();
  faults.page_objects = 1;
  World w(faults);
  for (const char* name : {"a", "b", "c"}) w.api.create(pod(name));
  w.client.watch(Kind::Pod, w.pods.sink());
  w.client.relist(Kind::Pod);  // none was taken yet: that one will do
  w.run(1000);
  EXPECT_EQ(w.pods.synced, 1);
  w.client.relist(Kind::Pod);
  w.run(15);
  w.client.relist(Kind::Pod);  // one is coming
  w.client.relist(Kind::Pod);
  w.run(1000);
  EXPECT_EQ(w.pods.synced, 3);
}

TEST(Client, HearsNothingOnceClosed) {
  World w;
  w.client.watch(Kind::Pod, w.pods.sink());
  w.run(100);
  w.api.create(pod("a"));
  w.client.close();
  w.run(1000);
  EXPECT_EQ(w.pods.log, (std::vector<std::string>{"synced"}));
}

TEST(Client, MayCloseWhileItIsTold) {
  World w;
  w.api.create(pod("a"));
  w.api.create(pod("b"));
  int told = 0;
  w.client.watch(Kind::Pod, {[&](const Value&) {
                               ++told;
                               w.client.close();
                             },
                             [](Kind, const Key&, const std::string&) {}, [](Kind, Version) {}});
  w.run(1000);
  EXPECT_EQ(told, 1);
}

// --- Writes --------------------------------------------------------------------------------------

Request cordon(const std::string& name, Version version = 0) {
  Request request;
  request.kind = Kind::Node;
  request.key = {"", name};
  request.version = version;
  request.change = [](Object& object) { std::get<Node>(object).cordoned = true; };
  return request;
}

struct Sent {
  Instant done_at = -1;
  Instant answered_at = -1;
  Code code = Code::Ok;
};

/// Sends one write to a node and follows it for a minute.
Sent follow(World& w) {
  w.api.create(node("n"));
  w.client.watch(Kind::Node, w.nodes.sink());
  w.run(1000);
  Sent sent;
  const Instant start = w.clock.now();
  w.api.listen(Kind::Node, [&](const Change& change) {
    if (change.after && change.is<Node>()->cordoned && sent.done_at < 0)
      sent.done_at = w.clock.now() - start;
  });
  w.client.write(cordon("n", w.api.version()), [&](const Answer& answer) {
    sent.answered_at = w.clock.now() - start;
    sent.code = answer.code;
  });
  EXPECT_EQ(w.client.in_flight(), 1U);
  w.run(control::kMinute);
  EXPECT_EQ(w.client.in_flight(), 0U);
  return sent;
}

TEST(Client, AnswersAWriteAfterItIsDone) {
  World w;
  const Sent sent = follow(w);
  EXPECT_EQ(sent.done_at, 10);
  EXPECT_EQ(sent.answered_at, 20);
  EXPECT_EQ(sent.code, Code::Ok);
  EXPECT_EQ(w.nodes.synced, 1);
}

TEST(Client, SaysUnknownForAWriteThatWasLostAndListsAnew) {
  WriteFaults faults = exact_writes();
  faults.lost_milli = 1000;
  World w(exact(), faults);
  const Sent sent = follow(w);
  EXPECT_EQ(sent.done_at, -1);
  EXPECT_EQ(sent.answered_at, faults.unknown_after_ms);
  EXPECT_EQ(sent.code, Code::Unknown);
  EXPECT_EQ(w.nodes.synced, 2);
}

TEST(Client, SaysUnknownForAWriteWhoseAnswerWasLost) {
  WriteFaults faults = exact_writes();
  faults.answer_lost_milli = 1000;
  World w(exact(), faults);
  const Sent sent = follow(w);
  EXPECT_EQ(sent.done_at, 10);
  EXPECT_EQ(sent.code, Code::Unknown);
  EXPECT_EQ(w.nodes.synced, 2);
}

TEST(Client, MayDoAWriteAfterItSaidUnknown) {
  WriteFaults faults = exact_writes();
  faults.late_milli = 1000;
  World w(exact(), faults);
  const Sent sent = follow(w);
  EXPECT_EQ(sent.answered_at, faults.unknown_after_ms);
  EXPECT_GT(sent.done_at, faults.unknown_after_ms);
  EXPECT_EQ(sent.code, Code::Unknown);
}

TEST(Client, MayAnswerConflictForNoVisibleReason) {
  WriteFaults faults = exact_writes();
  faults.conflict_milli = 1000;
  World w(exact(), faults);
  const Sent sent = follow(w);
  EXPECT_EQ(sent.done_at, -1);
  EXPECT_EQ(sent.code, Code::Conflict);
}

TEST(Client, WaitsBeforeItSendsWhenThrottled) {
  WriteFaults faults = exact_writes();
  faults.throttle_milli = 1000;
  World w(exact(), faults);
  const Sent sent = follow(w);
  EXPECT_GT(sent.done_at, 10);
  EXPECT_EQ(sent.answered_at, sent.done_at + 10);
  EXPECT_EQ(sent.code, Code::Ok);
}

TEST(Client, JudgesAVersionWhenTheWriteArrives) {
  World w;
  w.api.create(node("n"));
  Code code = Code::Ok;
  w.client.write(cordon("n", w.api.version()), [&](const Answer& answer) { code = answer.code; });
  w.run(5);
  w.api.mutate<Node>({"", "n"}, [](Node& it) { it.ready = false; });
  w.run(100);
  EXPECT_EQ(code, Code::Conflict);
}

TEST(Client, WritesUnderItsOwnName) {
  World w;
  w.api.create(node("n"));
  std::string who;
  w.api.deny([&](const Request& request) {
    who = request.client;
    return std::string();
  });
  Request request = cordon("n");
  request.client = "somebody else";
  w.client.write(std::move(request), [](const Answer&) {});
  w.run(100);
  EXPECT_EQ(who, "controller");
}

TEST(Client, MayHaveItsWritesDoneAfterItDied) {
  World w;
  w.api.create(node("n"));
  bool answered = false;
  w.client.write(cordon("n"), [&](const Answer&) { answered = true; });
  w.client.close();
  w.run(100);
  EXPECT_TRUE(w.api.find<Node>("n")->cordoned);
  EXPECT_FALSE(answered);
}

// --- Properties ----------------------------------------------------------------------------------

WatchFaults all_watch_faults() {
  WatchFaults faults;
  faults.late_milli = 50;
  faults.repeat_milli = 100;
  faults.break_milli = 30;
  faults.page_objects = 3;
  faults.page_expired_milli = 100;
  return faults;
}
WriteFaults all_write_faults() {
  WriteFaults faults;
  faults.lost_milli = 100;
  faults.answer_lost_milli = 100;
  faults.late_milli = 100;
  faults.conflict_milli = 100;
  faults.throttle_milli = 100;
  return faults;
}

/// Objects come, change and go, writes go wrong, streams break.
void storm(World& w, Dice& dice, int steps) {
  for (int step = 0; step < steps; ++step) {
    w.run(dice.between(0, 200));
    const std::string name(1, static_cast<char>('a' + dice.between(0, 12)));
    switch (dice.between(0, 5)) {
      case 0: w.api.create(pod(name)); break;
      case 1: w.api.create(node(name)); break;
      case 2: w.change(name); break;
      case 3: w.api.remove(Kind::Pod, key(name)); break;
      case 4: w.api.remove(Kind::Node, {"", name}); break;
      case 5: w.client.write(cordon(name), [](const Answer&) {}); break;
    }
  }
}

TEST(Client, ConvergesToTheTruthOnceFaultsStop) {
  int broken = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    World w(all_watch_faults(), all_write_faults(), seed);
    Dice dice(seed, "test");
    storm(w, dice, 50);
    w.client.watch(Kind::Pod, w.pods.sink());
    w.client.watch(Kind::Node, w.nodes.sink());
    storm(w, dice, 400);
    broken += w.pods.synced;
    w.client.set_faults({}, {});
    w.run(control::kMinute);
    EXPECT_EQ(w.pods.objects, w.api.of(Kind::Pod)) << "seed " << seed;
    EXPECT_EQ(w.nodes.objects, w.api.of(Kind::Node)) << "seed " << seed;
    EXPECT_EQ(w.client.in_flight(), 0U);
  }
  EXPECT_GT(broken, 120) << "streams did break";
}

TEST(Client, AnswersEachWriteOnceWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World w(all_watch_faults(), all_write_faults(), seed);
    w.api.create(node("n"));
    int answers = 0;
    for (int i = 0; i < 100; ++i) {
      w.client.write(cordon("n"), [&](const Answer&) { ++answers; });
      w.run(50);
    }
    w.run(2 * control::kMinute);
    EXPECT_EQ(answers, 100);
  }
}

TEST(Client, DoesTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    World w(all_watch_faults(), all_write_faults(), seed);
    Dice dice(7, "test");
    w.client.watch(Kind::Pod, w.pods.sink());
    storm(w, dice, 300);
    Hasher hasher;
    for (const std::string& line : w.pods.log) hasher.add(line);
    w.client.add_to(hasher);
    w.api.add_to(hasher);
    return hasher.value();
  };
  EXPECT_EQ(run(3), run(3));
  EXPECT_NE(run(3), run(4));
}

}  // namespace
}  // namespace kerf::sim
