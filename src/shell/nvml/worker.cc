// Worker: the loop of the NVML thread.
#include "shell/nvml/worker.h"

#include <utility>
#include <variant>

#include "base/assert.h"

namespace kerf::nvml {
namespace {

bool is_for_nvml(const agent::Action& action) {
  if (const auto* ask = std::get_if<agent::AskHolders>(&action))
    return ask->source == agent::Source::Processes;
  return std::holds_alternative<agent::Look>(action) ||
         std::holds_alternative<agent::CreateInstance>(action) ||
         std::holds_alternative<agent::CreateCompute>(action) ||
         std::holds_alternative<agent::DestroyCompute>(action) ||
         std::holds_alternative<agent::DestroyInstance>(action);
}

}  // namespace

Worker::Worker(Options options, const gpu::Catalogue& catalogue, Deliver deliver)
    : options_(std::move(options)),
      catalogue_(catalogue),
      deliver_(std::move(deliver)),
      thread_([this] { run(); }) {}

Worker::~Worker() { stop(); }

Worker::Task Worker::task_of(agent::Effect effect) {
  return [this, effect = std::move(effect)](Driver& driver) {
    const auto answer = [&]<class Op>(const Op& op) {
      if constexpr (std::is_same_v<Op, agent::Look>) {
        looked_ = true;
        agent::Looked looked = driver.look();
        looked.effect = effect.id;
        tell_reload(driver);
        deliver_(std::move(looked));
      } else if constexpr (std::is_same_v<Op, agent::AskHolders>) {
        agent::Holders holders = driver.processes();
        holders.effect = effect.id;
        tell_reload(driver);
        deliver_(std::move(holders));
      } else if constexpr (requires { driver.perform(op); }) {
        const agent::Done done{effect.id, driver.perform(op)};
        tell_reload(driver);
        deliver_(done);
      }
    };
    std::visit(answer, effect.action);
  };
}

bool Worker::submit(agent::Effect effect) {
  KERF_ASSERT(is_for_nvml(effect.action), "an operation of the driver");
  const agent::EffectId id = effect.id;
  return enqueue({id, task_of(std::move(effect))});
}

bool Worker::submit(Task task) { return enqueue({std::nullopt, std::move(task)}); }

bool Worker::enqueue(Waiting waiting) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.queue_max) return false;
    queue_.push_back(std::move(waiting));
  }
  wake_.notify_one();
  return true;
}

bool Worker::withdraw(agent::EffectId effect) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(queue_, [&](const Waiting& one) { return one.effect == effect; }) != 0;
}

std::optional<std::chrono::milliseconds> Worker::busy_for() const {
  const std::lock_guard lock(mutex_);
  if (!begun_) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - *begun_);
}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Worker::stop(std::chrono::milliseconds deadline) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    queue_.clear();
    wake_.notify_all();
    if (!wake_.wait_for(lock, deadline, [this] { return ended_; })) return false;
  }
  stop();
  return true;
}

bool Worker::next(Task& task) {
  task = nullptr;  // what it holds may be destroyed slowly, so not under the lock
  std::unique_lock lock(mutex_);
  begun_.reset();
  wake_.wait_for(lock, options_.listen_every, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_) return false;
  if (!queue_.empty()) {
    task = std::move(queue_.front().task);
    queue_.pop_front();
  }
  begun_ = Clock::now();
  return true;
}

void Worker::tell_reload(const Driver& driver) {
  // After a try that failed there is nothing to read yet, and reading would only try again.
  if (!driver.started() || std::exchange(known_, driver.generation()) == driver.generation())
    return;
  if (options_.reloaded) options_.reloaded();
}

void Worker::listen(Driver& driver) {
  {
    const std::lock_guard lock(mutex_);
    begun_ = Clock::now();
  }
  for (const agent::Xid& xid : driver.news().xids) deliver_(xid);
}

void Worker::run() {
  {
    Driver driver(options_.driver, catalogue_);
    static_cast<void>(driver.start());  // a Look tries again, and tells
    Generation generation = driver.generation();
    known_ = generation;
    Task task;
    while (next(task)) {
      looked_ = false;
      const bool was_started = driver.started();
      if (task) task(driver);
      tell_reload(driver);
      listen(driver);
      tell_reload(driver);
      const bool changed = std::exchange(generation, driver.generation()) != driver.generation();
      // A driver that was not there and is not there now gives nothing to doubt, and whoever asked
      // it because of a Doubt would ask for ever.
      if (changed && !looked_ && (was_started || driver.started())) deliver_(agent::Doubt{});
    }
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_.notify_all();
}

}  // namespace kerf::nvml
