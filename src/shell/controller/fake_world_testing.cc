// Steps of the loop, of the fake API server and of its time, in turn.
#include "shell/controller/fake_world_testing.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <utility>

namespace kerf::shell {

telemetry::Log quiet_log() {
  static const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  telemetry::Log::Options options;
  options.fd = nowhere;
  return telemetry::Log(options);
}

FakeWorld::FakeWorld() : thread_([this] { loop.run(); }) {}

FakeWorld::~FakeWorld() {
  loop.quit();
  thread_.join();
}

void FakeWorld::on_loop(const std::function<void()>& work) {
  std::promise<void> done;
  const bool posted = loop.post([&] {
    work();
    done.set_value();
  });
  ASSERT_TRUE(posted);
  done.get_future().wait();
}

std::unique_ptr<apiserver::Client> FakeWorld::client() {
  apiserver::Client::Options options;
  options.credentials = {"http://127.0.0.1:1", "", ""};
  options.qps = 100'000;
  options.burst = 100'000;
  options.backoff = {.least_ms = 100, .most_ms = 1000, .healthy_ms = 10'000};
  std::unique_ptr<apiserver::Client> made;
  on_loop([&] {
    auto client = apiserver::Client::start(options, api.connect());
    ASSERT_TRUE(client) << client.error().message();
    made = *std::move(client);
  });
  return made;
}

void FakeWorld::settle() {
  // What is handed over comes in the batch after; three quiet ones are enough for any chain of two.
  for (int quiet = 0; quiet < 3;) {
    bool any = false;
    on_loop([&] { any = api.pump(); });
    quiet = any ? 0 : quiet + 1;
  }
}

void FakeWorld::pass(std::int64_t ms) {
  settle();
  std::int64_t until = 0;
  on_loop([&] { until = api.now + ms; });
  for (bool any = true; any;) {
    on_loop([&] { any = api.run_timer(until); });
    settle();
  }
}

bool FakeWorld::until(const std::function<bool()>& so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    bool is = false;
    on_loop([&] {
      api.pump();
      is = so();
    });
    if (is) return true;
  }
  return false;
}

}  // namespace kerf::shell
