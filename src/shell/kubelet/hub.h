// Hub: what the parts of shell/kubelet share: options, the loop, and the way to the mind.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "core/agent/words.h"
#include "shell/kubelet/kubelet.h"
#include "shell/runtime/loop.h"

namespace kerf::kubelet {

/// The loop's thread only.
class Hub {
 public:
  Hub(Options options, Deliver deliver, std::shared_ptr<runtime::Loop> loop);

  const Options& options() const { return options_; }
  const std::shared_ptr<runtime::Loop>& loop() const { return loop_; }

  /// Delivers in order, later if the mind does not take it now. Before the mind took that, unasked
  /// Holders are left out: newer ones follow.
  void tell(agent::Event event);
  void done(agent::EffectId effect, agent::Code code) { tell(agent::Done{effect, code}); }
  /// Now or never: false if the mind does not take it, or has not taken what came before it.
  bool offer(agent::Event event);
  /// From here on nothing is delivered.
  void close() { closed_ = true; }

  /// The time out of a thing asked for.
  runtime::TimerId after(std::chrono::milliseconds delay, runtime::Loop::Function function) {
    return loop_->after(delay.count(), std::move(function));
  }
  void cancel(runtime::TimerId timer) { loop_->cancel(timer); }

 private:
  void retry();

  Options options_;
  Deliver deliver_;
  std::shared_ptr<runtime::Loop> loop_;
  bool closed_ = false;
  std::deque<agent::Event> waiting_;  // the first one was refused
};

}  // namespace kerf::kubelet
