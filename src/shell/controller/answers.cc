// A box that the client's thread fills and the loop's empties.
#include "shell/controller/answers.h"

#include <mutex>
#include <utility>
#include <vector>

namespace kerf::shell {

namespace {

constexpr std::int64_t kFetchMs = 250;

}  // namespace

/// The client's thread touches `mutex_`, `box_` and `loop_` only; it may be the last one that holds
/// this object.
class Answers::Impl : public std::enable_shared_from_this<Answers::Impl> {
 public:
  Impl(runtime::Loop& loop, Take take) : loop_(loop), take_(std::move(take)) {}

  apiserver::Client::Done expect(std::uint64_t id) {
    ++expected_;
    wait();
    return [self = shared_from_this(), id](apiserver::Answer answer) {
      {
        const std::lock_guard lock(self->mutex_);
        self->box_.emplace_back(id, std::move(answer));
      }
      // Without room in the queue the timer fetches it.
      static_cast<void>(self->loop_.post([self] { self->fetch(); }));
    };
  }
  std::size_t expected() const { return expected_; }
  void end() {
    take_ = nullptr;
    loop_.cancel(timer_);
  }

 private:
  void wait() {
    if (waits_ || expected_ == 0) return;
    waits_ = true;
    timer_ = loop_.after(kFetchMs, [self = shared_from_this()] {
      self->waits_ = false;
      self->fetch();
    });
  }

  void fetch() {
    std::vector<std::pair<std::uint64_t, apiserver::Answer>> box;
    {
      const std::lock_guard lock(mutex_);
      box.swap(box_);
    }
    for (auto& [id, answer] : box) {
      if (!take_) return;
      --expected_;
      const Take take = take_;  // may end this object
      take(id, std::move(answer));
    }
    if (take_) wait();
  }

  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, apiserver::Answer>> box_;
  runtime::Loop& loop_;
  Take take_;
  std::size_t expected_ = 0;
  runtime::TimerId timer_;
  bool waits_ = false;
};

Answers::Answers(runtime::Loop& loop, Take take)
    : impl_(std::make_shared<Impl>(loop, std::move(take))) {}

Answers::~Answers() { impl_->end(); }

apiserver::Client::Done Answers::expect(std::uint64_t id) { return impl_->expect(id); }

std::size_t Answers::expected() const { return impl_->expected(); }

}  // namespace kerf::shell
