// Objects of the tests, and events as lines.
#include "shell/controller/watches_testing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codec/catalogue.h"

namespace kerf::shell {

namespace {

const market::Market& shipped() {
  static const market::Market market = *codec::builtin_market("us-east-1");
  return market;
}

}  // namespace

WatchesWorld::WatchesWorld() : client_(world.client()) {}

WatchesWorld::~WatchesWorld() {
  end();
  on_loop([this] { client_.reset(); });
}

void WatchesWorld::end() {
  on_loop([this] { watches_.reset(); });
}

Watches::Options WatchesWorld::quick() {
  Watches::Options options;
  options.look_again_ms = 5;
  options.relist_every_ms = 1;
  return options;
}

void WatchesWorld::begin(Watches::Options options, telemetry::Log log) {
  Watches::Events to;
  to.tell = [this](const controller::Event& event) { hear(event); };
  to.overhead = [this](const market::NodeOverhead& overhead) {
    lines_.push_back(fmt::format("overhead {}m", overhead.daemonsets.cpu_milli));
  };
  to.policy_refused = [this](const std::string& policy) {
    const Watches::Unread* unread = watches_->unread_policy(policy);
    lines_.push_back(fmt::format("refused {}: {}", policy, unread == nullptr ? "" : unread->why));
  };
  on_loop([&] {
    watches_ = std::make_unique<Watches>(std::move(options), codec::builtin_catalogue(), shipped(),
                                         *client_, world.loop, std::move(log), std::move(to));
    watches_->start_over();
  });
}

void WatchesWorld::hear(const controller::Event& event) {
  events.push_back(event);
  if (const auto* seen = std::get_if<controller::Seen>(&event)) {
    const control::Meta& meta = control::meta_of(seen->object);
    lines_.push_back(fmt::format("+{} {}@{}", control::to_string(control::kind_of(seen->object)),
                                 control::key_of(meta).text(), meta.version));
  } else if (const auto* gone = std::get_if<controller::Gone>(&event)) {
    lines_.push_back(
        fmt::format("-{} {}/{}", control::to_string(gone->kind), gone->key.text(), gone->uid));
  } else if (const auto* synced = std::get_if<controller::Synced>(&event)) {
    lines_.push_back(fmt::format("={} {}", control::to_string(synced->kind), synced->version));
  }
}

void WatchesWorld::put(const std::string& collection, const std::string& json) {
  on_loop([&] { world.api.put(collection, json); });
}

void WatchesWorld::remove(const std::string& collection, const std::string& ns,
                          const std::string& name) {
  on_loop([&] { world.api.remove(collection, ns, name); });
}

void WatchesWorld::put_gpu_pod(const std::string& name, const std::string& spec) {
  put("v1/pods", fmt::format(R"({{"metadata":{{"namespace":"ml","name":"{}"}},"spec":{{
    "containers":[{{"name":"c","resources":{{"limits":{{"nvidia.com/mig-1g.5gb":"1"}}}}}}]{}}},
    "status":{{"phase":"Pending"}}}})",
                             name, spec));
}

void WatchesWorld::put_cpu_pod(const std::string& name, const std::string& node) {
  put("v1/pods", fmt::format(R"({{"metadata":{{"namespace":"web","name":"{}",
    "labels":{{"app":"web"}}}},"spec":{{{}"containers":[{{"name":"c","env":[{{"name":"A","value":"b"}}],
    "resources":{{"requests":{{"cpu":"250m"}}}}}}]}},"status":{{"phase":"Running"}}}})",
                             name, node.empty() ? "" : fmt::format(R"("nodeName":"{}",)", node)));
}

void WatchesWorld::put_node(const std::string& name, const std::string& labels,
                            const std::string& capacity) {
  put("v1/nodes", fmt::format(R"({{"metadata":{{"name":"{}","labels":{{{}}}}},"spec":{{}},
    "status":{{"capacity":{{"cpu":"8"{}}},"allocatable":{{"cpu":"8"{}}}}}}})",
                              name, labels, capacity, capacity));
}

std::vector<std::string> WatchesWorld::told() {
  world.settle();
  std::vector<std::string> lines;
  on_loop([&] { lines = std::exchange(lines_, {}); });
  return lines;
}

bool WatchesWorld::wait_for(const std::string& line) {
  return world.until([&] { return std::count(lines_.begin(), lines_.end(), line) > 0; });
}

bool WatchesWorld::has(const std::string& line) {
  world.settle();
  bool is = false;
  on_loop([&] { is = std::count(lines_.begin(), lines_.end(), line) > 0; });
  return is;
}

}  // namespace kerf::shell
