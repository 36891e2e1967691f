// Poller on epoll and an eventfd.
#include "shell/apiserver/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

#include "base/assert.h"

namespace kerf::apiserver {
namespace {

std::uint64_t key_of(int fd, std::uint64_t generation) {
  return (generation << 32) | static_cast<std::uint32_t>(fd);
}

}  // namespace

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  KERF_ASSERT(epoll_ >= 0 && wake_ >= 0, "a process has descriptors left when it starts");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key_of(wake_, 0);
  KERF_ASSERT(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0, "an eventfd can be polled");
}

Poller::~Poller() {
  ::close(wake_);
  ::close(epoll_);
}

Instant Poller::now() const {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

void Poller::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return;  // the thread has been woken for the first one
  }
  ::eventfd_write(wake_, 1);
}

void Poller::stop() {
  stopping_ = true;
  ::eventfd_write(wake_, 1);
}

void Poller::at(Instant when, Id id, std::function<void()> work) {
  const std::pair key(when, ++order_);
  KERF_ASSERT(works_.emplace(id, std::pair(key, std::move(work))).second, "ids are used once");
  timers_.emplace(key, id);
}

void Poller::forget(Id id) {
  const auto found = works_.find(id);
  if (found == works_.end()) return;
  timers_.erase(found->second.first);
  works_.erase(found);
}

void Poller::watch(int fd, bool read, bool write, Ready ready) {
  const bool fresh = !watched_.contains(fd);
  Watched& entry = watched_[fd];
  if (fresh) entry.generation = ++generation_ & 0x7fffffff;
  entry.ready = std::move(ready);
  epoll_event event{};
  event.events = (read ? std::uint32_t{EPOLLIN} : 0U) | (write ? std::uint32_t{EPOLLOUT} : 0U);
  event.data.u64 = key_of(fd, entry.generation);
  // A descriptor that was closed and opened again is not in the set any more, and the other way
  // round.
  if (::epoll_ctl(epoll_, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) {
    if (errno == ENOENT) ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    if (errno == EEXIST) ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  }
}

void Poller::leave(int fd) {
  if (watched_.erase(fd) == 0) return;
  epoll_event event{};
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &event);  // fails if it was closed, which removed it
}

int Poller::wait_ms() const {
  if (timers_.empty()) return -1;
  const Instant left = timers_.begin()->first.first - now();
  return static_cast<int>(std::clamp<Instant>(left, 0, std::numeric_limits<int>::max()));
}

void Poller::run_timers() {
  // Those that are set by these wait for the next round, so that sockets have their turn.
  const std::uint64_t last = order_;
  const Instant until = now();
  while (!timers_.empty() && !stopping_) {
    const auto first = timers_.begin();
    if (first->first.first > until || first->first.second > last) return;
    const auto work = works_.extract(first->second);
    timers_.erase(first);
    work.mapped().second();
  }
}

void Poller::run_posted() {
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (const auto& work : batch) {
    if (stopping_) return;
    work();
  }
}

void Poller::run() {
  std::array<epoll_event, 32> events{};
  while (!stopping_) {
    int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
    if (count < 0) count = 0;  // EINTR
    for (int i = 0; i < count && !stopping_; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const int fd = static_cast<int>(event.data.u64 & 0xffffffff);
      if (fd == wake_) {
        eventfd_t ignored = 0;
        ::eventfd_read(wake_, &ignored);
        continue;
      }
      const auto found = watched_.find(fd);
      if (found == watched_.end() || key_of(fd, found->second.generation) != event.data.u64)
        continue;
      const Ready ready = found->second.ready;  // it may leave meanwhile
      const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
      ready(fd, failed || (event.events & EPOLLIN) != 0, failed || (event.events & EPOLLOUT) != 0);
    }
    if (!stopping_) run_timers();
    if (!stopping_) run_posted();
  }
}

}  // namespace kerf::apiserver
