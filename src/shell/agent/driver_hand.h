// DriverHand: driver operations with a deadline, as an NVML call may never return.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/result.h"
#include "core/agent/words.h"
#include "shell/nvml/worker.h"
#include "shell/runtime/loop.h"

namespace kerf::shell {

/// Lives on the loop's thread, which must outlive it.
class DriverHand {
 public:
  using Deliver = std::function<void(agent::Event)>;
  struct Options {
    nvml::Worker::Options worker;
    /// Of an operation, from when it is asked for. Listing instances took 10 s under load, and
    /// destroying one a second (facts of NVIDIA's DRA driver); none is known to take longer.
    std::int64_t deadline_ms = 60'000;
  };
  /// `reloaded`: Worker::Options::reloaded, on the loop.
  DriverHand(
      Options options, const gpu::Catalogue& catalogue, runtime::Loop& loop, Deliver deliver,
      std::function<void()> reloaded = [] {});
  ~DriverHand();
  DriverHand(const DriverHand&) = delete;
  DriverHand& operator=(const DriverHand&) = delete;

  /// As Worker::submit(). At the deadline it is done with Timeout: it was not done if it had not
  /// begun; else it may be, and when the call comes back after that, Doubt is told.
  void act(const agent::Effect& effect);
  /// Runs `read` with the driver on its thread, then `use`, once, on the loop with a Result of what
  /// it returned: Unavailable if the driver has not answered by the deadline, or too much waits for
  /// it.
  template <class Read, class Use>
  void ask(Read read, Use use) {
    using Value = decltype(read(std::declval<nvml::Driver&>()));
    // Whichever comes first answers: the driver or the deadline. Used on the loop's thread only.
    auto once = std::make_shared<std::function<void(Result<Value>)>>(std::move(use));
    const auto answer = [alive = alive_, once](Result<Value> value) {
      if (*alive && *once) std::exchange(*once, nullptr)(std::move(value));
    };
    const bool taken = worker_->submit([loop = &loop_, answer, read](nvml::Driver& driver) {
      auto value = std::make_shared<Value>(read(driver));
      static_cast<void>(loop->post([answer, value] { answer(Result<Value>(std::move(*value))); }));
    });
    const char* why = taken ? "the driver does not answer" : "too much waits for the driver";
    loop_.after(taken ? options_.deadline_ms : 0,
                [answer, why] { answer(tl::unexpected(Error(ErrorCode::Unavailable, why))); });
  }
  /// As Worker::stop().
  bool stop(std::chrono::milliseconds deadline);
  /// How long the oldest operation that is past its deadline has been running; 0 = none is.
  std::int64_t stuck_ms() const;

 private:
  struct Pending {
    agent::Event on_deadline;
    runtime::TimerId timer;
    runtime::Instant begun = 0;
  };
  void told(agent::Event event);
  void late(agent::EffectId effect);

  Options options_;
  runtime::Loop& loop_;
  Deliver deliver_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<agent::EffectId, Pending> pending_;
  std::map<agent::EffectId, runtime::Instant> overdue_;  ///< since when
  std::unique_ptr<nvml::Worker> worker_;
};

}  // namespace kerf::shell
