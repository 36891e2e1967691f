// Hands: for tests of what writes: a loop, a client, and an API server that is a function.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shell/apiserver/client.h"
#include "shell/apiserver/transport.h"
#include "shell/controller/mirror.h"
#include "shell/runtime/loop.h"

namespace kerf::shell {

/// A Transport whose calls wait for who answers them; timers never ring.
class WaitingCalls final : public apiserver::Transport {
 public:
  std::map<Id, apiserver::Call> calls;

  void run_posted() {
    while (!posted_.empty())
      for (const auto& work : std::exchange(posted_, {})) work();
  }
  void answer(Id id, apiserver::Exchange exchange) {
    calls.extract(id).mapped().done(std::move(exchange));
    run_posted();
  }

  void stop() override {}
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }
  apiserver::Instant now() const override { return 1'000'000; }
  Id after(std::int64_t, std::function<void()>) override { return ++last_; }
  Id start(apiserver::Call call) override {
    calls.emplace(++last_, std::move(call));
    return last_;
  }
  void drop(Id id) override { calls.erase(id); }
  void renew(apiserver::Lane) override {}
  void trust(std::string) override {}

 private:
  Id last_ = 0;
  std::vector<std::function<void()>> posted_;
};

/// Everything happens on the thread of the test, without network. One run() each.
class Hands {
 public:
  struct Asked {
    std::string method;
    std::string path;  ///< with query
    std::string content_type;
    std::string body;  ///< without blanks and line ends
  };
  struct Reply {
    int status = 200;
    std::string body = "{}";
    apiserver::Ending broken = apiserver::Ending::Complete;
  };
  /// nullopt: no answer comes.
  using Server = std::function<std::optional<Reply>(const Asked&)>;

  explicit Hands(std::size_t queue_max = 4096) : loop({queue_max}) {
    auto transport = std::make_unique<WaitingCalls>();
    transport_ = transport.get();
    apiserver::Client::Options options;
    options.credentials = {"http://127.0.0.1:1", "", ""};
    options.qps = 10'000;
    options.burst = 10'000;
    options.field_manager = "kerf-controller";
    auto started = apiserver::Client::start(std::move(options), std::move(transport));
    EXPECT_TRUE(started) << started.error().message();
    client = *std::move(started);
  }

  Mirror mirror() {
    return {[this](control::Kind kind, const control::Key& key) -> const Watches::Known* {
      const auto at = objects.find({kind, key});
      return at == objects.end() ? nullptr : &at->second;
    }};
  }

  /// `start` first, then whatever follows from it, until `over`.
  void run(std::function<void()> start, std::function<bool()> over) {
    ASSERT_TRUE(loop.post(std::move(start)));
    loop.set_after_batch([this, over = std::move(over)] {
      serve();
      if (over()) loop.quit();
    });
    const auto late = loop.after(60'000, [this] {
      ADD_FAILURE() << "it did not come to an end";
      loop.quit();
    });
    loop.run();
    loop.cancel(late);
  }

  /// Answers everything that is asked, in order.
  void serve() {
    transport_->run_posted();
    while (true) {
      const auto next = std::find_if(transport_->calls.begin(), transport_->calls.end(),
                                     [&](const auto& call) { return !held_.contains(call.first); });
      if (next == transport_->calls.end()) return;
      const auto& [id, call] = *next;
      asked.push_back({call.method, call.path, call.content_type, without_blanks(call.body)});
      if (const auto reply = server(asked.back())) answer(id, *reply);
      else held_.insert(id);
    }
  }
  /// Answers those that got none.
  void answer_held(const Reply& reply) {
    for (const auto id : std::exchange(held_, {})) answer(id, reply);
  }

  static std::string without_blanks(const std::string& text) {
    std::string out;
    for (const char c : text)
      if (c != ' ' && c != '\n') out += c;
    return out;
  }

  runtime::Loop loop;
  std::unique_ptr<apiserver::Client> client;
  std::map<std::pair<control::Kind, control::Key>, Watches::Known> objects;
  std::vector<Asked> asked;
  Server server = [](const Asked&) { return Reply{}; };

 private:
  void answer(apiserver::Transport::Id id, const Reply& reply) {
    apiserver::Exchange exchange;
    exchange.ending = reply.broken;
    exchange.status = reply.broken == apiserver::Ending::Complete ? reply.status : 0;
    exchange.body = reply.body;
    transport_->answer(id, std::move(exchange));
  }

  WaitingCalls* transport_ = nullptr;
  std::set<apiserver::Transport::Id> held_;
};

}  // namespace kerf::shell
