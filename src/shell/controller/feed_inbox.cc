// The queue, and the descriptor that wakes the loop for it.
#include "shell/controller/feed_inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace kerf::shell {

struct FeedInbox::Core {
  Core() : bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    KERF_ASSERT(bell >= 0, "the process may open one descriptor more");
  }
  ~Core() { ::close(bell); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void ring() const { static_cast<void>(::eventfd_write(bell, 1)); }

  const int bell;
  std::mutex mutex;
  std::deque<FeedMessage> waiting;  // under mutex
  bool closed = false;              // under mutex
};

FeedInbox::FeedInbox(runtime::Loop& loop, Events events, std::size_t batch_max)
    : loop_(loop),
      events_(std::move(events)),
      batch_max_(batch_max),
      core_(std::make_shared<Core>()) {
  loop_.on_readable(core_->bell, [this] { take_batch(); });
}

FeedInbox::~FeedInbox() {
  loop_.forget_readable(core_->bell);
  const std::lock_guard lock(core_->mutex);
  core_->closed = true;
  core_->waiting.clear();
}

FeedInbox::Send FeedInbox::sender() const {
  return [core = core_](FeedMessage message) {
    const std::lock_guard lock(core->mutex);
    if (core->closed) return;
    core->waiting.push_back(std::move(message));
    if (core->waiting.size() == 1) core->ring();
  };
}

void FeedInbox::take_batch() {
  std::vector<FeedMessage> batch;
  {
    const std::lock_guard lock(core_->mutex);
    eventfd_t rung = 0;
    static_cast<void>(::eventfd_read(core_->bell, &rung));
    while (!core_->waiting.empty() && batch.size() < batch_max_) {
      batch.push_back(std::move(core_->waiting.front()));
      core_->waiting.pop_front();
    }
    if (!core_->waiting.empty()) core_->ring();
  }
  for (FeedMessage& message : batch) events_.take(std::move(message));
  if (!batch.empty()) events_.batch_done();
}

}  // namespace kerf::shell
