// DriverHand: driver operations with a deadline, as an NVML call may never return.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

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
  DriverHand(Options options, const gpu::Catalogue& catalogue, runtime::Loop& loop,
             Deliver deliver);
  ~DriverHand();
  DriverHand(const DriverHand&) = delete;
  DriverHand& operator=(const DriverHand&) = delete;

  /// As Worker::submit(). At the deadline it is done with Timeout; when the call comes back after
  /// that, Doubt is told: it may have been done.
  void act(const agent::Effect& effect);
  /// Runs `read` with the driver, then `use` on the loop with what it returned. Not at all if the
  /// driver does not answer.
  template <class Read, class Use>
  void ask(Read read, Use use) {
    static_cast<void>(
        worker_->submit([loop = &loop_, alive = alive_, read, use](nvml::Driver& driver) {
          auto answer = std::make_shared<decltype(read(driver))>(read(driver));
          static_cast<void>(loop->post([alive, use, answer] {
            if (*alive) use(*answer);
          }));
        }));
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
