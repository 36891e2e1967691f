// Hub: the way to the mind.
#include "shell/kubelet/hub.h"

#include <variant>

namespace kerf::kubelet {
namespace {

constexpr std::chrono::milliseconds kRetry{50};

bool can_be_left_out(const agent::Event& event) {
  const auto* holders = std::get_if<agent::Holders>(&event);
  return holders != nullptr && holders->effect == 0;
}

}  // namespace

Hub::Hub(Options options, Deliver deliver, std::shared_ptr<runtime::Loop> loop)
    : options_(std::move(options)), deliver_(std::move(deliver)), loop_(std::move(loop)) {
  if (options_.checkpoint.empty())
    options_.checkpoint = options_.folder + "/kubelet_internal_checkpoint";
}

void Hub::tell(agent::Event event) {
  if (closed_ || (waiting_.empty() && deliver_(event))) return;
  if (can_be_left_out(event)) return;
  waiting_.push_back(std::move(event));
  if (waiting_.size() == 1) after(kRetry, [this] { retry(); });
}

bool Hub::offer(agent::Event event) {
  return !closed_ && waiting_.empty() && deliver_(std::move(event));
}

void Hub::retry() {
  if (closed_) return;
  while (!waiting_.empty() && deliver_(waiting_.front())) waiting_.pop_front();
  if (!waiting_.empty()) after(kRetry, [this] { retry(); });
}

}  // namespace kerf::kubelet
