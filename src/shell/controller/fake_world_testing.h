// FakeWorld: a loop on a thread of its own, and a FakeApi on that thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "shell/apiserver/client.h"
#include "shell/controller/fake_api_testing.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// One that writes nowhere.
telemetry::Log quiet_log();

/// A loop that runs on a thread of its own, and a FakeApi on that thread.
class FakeWorld {
 public:
  FakeWorld();
  /// Ends the loop; what lives on its thread must be gone by then: see on_loop().
  ~FakeWorld();

  /// Runs it on the loop's thread, and waits for it.
  void on_loop(const std::function<void()>& work);
  std::unique_ptr<apiserver::Client> client();
  /// Until nobody has anything to say.
  void settle();
  /// settle(), then time passes, timer by timer, and after each again.
  void pass(std::int64_t ms);
  /// Goes on until it is so; false: it never was.
  bool until(const std::function<bool()>& so);

  runtime::Loop loop;
  FakeApi api;

 private:
  std::thread thread_;
};

}  // namespace kerf::shell
