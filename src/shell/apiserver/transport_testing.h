// FakeTransport: a Transport without network and clock; the test is the server and lets time pass.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shell/apiserver/transport.h"

namespace kerf::apiserver {

class FakeTransport final : public Transport {
 public:
  /// What was asked for and is not over, oldest first.
  std::vector<Id> open() const {
    std::vector<Id> ids;
    for (const auto& [id, call] : calls_) ids.push_back(id);
    return ids;
  }
  bool idle() const { return calls_.empty(); }
  /// The only call that is open.
  const Call& only() const {
    EXPECT_EQ(calls_.size(), 1u);
    return calls_.rbegin()->second;
  }
  const Call& at(Id id) const { return calls_.at(id); }

  /// Answers the newest call.
  void answer(int status, std::string body = {}, std::int64_t retry_after_ms = -1) {
    ASSERT_FALSE(calls_.empty());
    const Id id = calls_.rbegin()->first;
    head(id, status);
    Exchange exchange;
    exchange.ending = Ending::Complete;
    exchange.status = status;
    exchange.body = std::move(body);
    exchange.retry_after_ms = retry_after_ms;
    done(id, std::move(exchange));
  }
  void fail(Ending ending, const std::string& words = "broken") {
    ASSERT_FALSE(calls_.empty());
    Exchange exchange;
    exchange.ending = ending;
    exchange.error = words;
    done(calls_.rbegin()->first, std::move(exchange));
  }
  /// Of the newest call, a stream: 200, some bytes, its end.
  void open_stream() { head(calls_.rbegin()->first, 200); }
  void send(const std::string& bytes) {
    const Id id = calls_.rbegin()->first;
    const auto data = calls_.at(id).data;
    ASSERT_TRUE(data);
    data(bytes);
    run_posted();
  }
  void end_stream() {
    Exchange exchange;
    exchange.ending = Ending::Complete;
    exchange.status = 200;
    done(calls_.rbegin()->first, std::move(exchange));
  }

  /// Time passes, timer by timer.
  void pass(std::int64_t ms) {
    const Instant until = now_ + ms;
    while (true) {
      auto next = timers_.end();
      for (auto at = timers_.begin(); at != timers_.end(); ++at) {
        if (at->second.first > until) continue;
        if (next == timers_.end() || at->second.first < next->second.first) next = at;
      }
      if (next == timers_.end()) break;
      const auto timer = timers_.extract(next);
      now_ = std::max(now_, timer.mapped().first);
      timer.mapped().second();
      run_posted();
    }
    now_ = until;
  }
  /// The ms until the first timer; -1 = there is none.
  std::int64_t next_timer() const {
    std::int64_t least = -1;
    for (const auto& [id, timer] : timers_) {
      const std::int64_t left = timer.first - now_;
      if (least < 0 || left < least) least = left;
    }
    return least;
  }
  std::size_t timers() const { return timers_.size(); }
  void run_posted() {
    while (!posted_.empty()) {
      const auto batch = std::exchange(posted_, {});
      for (const auto& work : batch) work();
    }
  }

  int renewed[2] = {0, 0};  ///< by lane
  std::vector<std::string> trusted;

  void stop() override {}
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }
  Instant now() const override { return now_; }
  Id after(std::int64_t ms, std::function<void()> work) override {
    timers_.emplace(++last_, std::pair(now_ + ms, std::move(work)));
    return last_;
  }
  Id start(Call call) override {
    calls_.emplace(++last_, std::move(call));
    return last_;
  }
  void drop(Id id) override {
    calls_.erase(id);
    timers_.erase(id);
  }
  void renew(Lane lane) override { ++renewed[static_cast<std::size_t>(lane)]; }
  void trust(std::string ca) override { trusted.push_back(std::move(ca)); }

 private:
  void head(Id id, int status) {
    const auto on_head = calls_.at(id).head;
    if (on_head) on_head(status);
    run_posted();
  }
  void done(Id id, Exchange exchange) {
    const auto call = calls_.extract(id);
    call.mapped().done(std::move(exchange));
    run_posted();
  }

  Instant now_ = 1'000'000;
  Id last_ = 0;
  std::map<Id, Call> calls_;
  std::map<Id, std::pair<Instant, std::function<void()>>> timers_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace kerf::apiserver
