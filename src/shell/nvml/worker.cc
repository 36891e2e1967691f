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
        deliver_(std::move(looked));
      } else if constexpr (std::is_same_v<Op, agent::AskHolders>) {
        agent::Holders holders = driver.processes();
        holders.effect = effect.id;
        deliver_(std::move(holders));
      } else if constexpr (requires { driver.perform(op); }) {
        deliver_(agent::Done{effect.id, driver.perform(op)});
      }
    };
    std::visit(answer, effect.action);
  };
}

bool Worker::submit(agent::Effect effect) {
  KERF_ASSERT(is_for_nvml(effect.action), "an operation of the driver");
  return submit(task_of(std::move(effect)));
}

bool Worker::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.queue_max) return false;
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
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
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, options_.listen_every, [this] { return stopping_ || !queue_.empty(); });
  task = nullptr;
  if (stopping_) return false;
  if (!queue_.empty()) {
    task = std::move(queue_.front());
    queue_.pop_front();
  }
  return true;
}

void Worker::listen(Driver& driver) {
  for (const agent::Xid& xid : driver.news().xids) deliver_(xid);
}

void Worker::run() {
  {
    Driver driver(options_.driver, catalogue_);
    static_cast<void>(driver.start());  // a Look tries again, and tells
    Generation generation = driver.generation();
    Task task;
    while (next(task)) {
      looked_ = false;
      if (task) task(driver);
      listen(driver);
      if (std::exchange(generation, driver.generation()) != driver.generation() && !looked_)
        deliver_(agent::Doubt{});
    }
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_.notify_all();
}

}  // namespace kerf::nvml
