// Calls: kubelet's Allocate and GetPreferredAllocation between kubelet and the mind.
#include "shell/kubelet/calls.h"

#include <algorithm>
#include <utility>

namespace kerf::kubelet {

void Calls::asked(std::shared_ptr<Call> call) {
  if (open_.size() >= kWaitingMax)
    return call->refuse(Refusal::NotNow, "too many calls wait for Kerf's agent");
  const std::uint64_t id = call->id();
  const std::size_t count = std::max(call->allocate().size(), call->prefer().size());
  const auto it = open_.emplace(id, Waiting{std::move(call), {}, {}, {}}).first;
  it->second.answers.resize(count);
  // The mind may answer from within Deliver's thread at once, but that answer is posted: it comes
  // after this function.
  for (std::size_t i = 0; i < count; ++i)
    if (!pass_on(it->second, i))
      return refuse(it, Refusal::NotNow, "Kerf's agent is overloaded or about to end");
  it->second.deadline = hub_.after(hub_.options().answer_deadline, [this, id] {
    const auto late = open_.find(id);
    if (late != open_.end()) refuse(late, Refusal::TooLate, "Kerf's agent did not answer in time");
  });
}

bool Calls::pass_on(Waiting& waiting, std::size_t container) {
  const std::uint64_t number = next_++;
  const Call& call = *waiting.call;
  bool taken = false;
  if (!call.allocate().empty()) {
    taken = hub_.offer(agent::Allocate{number, call.resource(), call.allocate()[container]});
  } else {
    const PreferAsk& ask = call.prefer()[container];
    taken = hub_.offer(agent::PreferredAllocation{number, call.resource(), ask.available,
                                                  ask.must_include, ask.size});
  }
  if (!taken) return false;
  waiting.missing.emplace(number, container);
  owner_.emplace(number, call.id());
  return true;
}

void Calls::given_up(std::uint64_t call) {
  const auto it = open_.find(call);
  if (it != open_.end()) refuse(it, Refusal::Cancelled, "kubelet does not wait any more");
}

Calls::Open::iterator Calls::find(std::uint64_t number) {
  const auto owner = owner_.find(number);
  return owner == owner_.end() ? open_.end() : open_.find(owner->second);
}

void Calls::answer(const agent::Answer& answer) {
  const auto it = find(answer.call);
  if (it == open_.end() || it->second.call->allocate().empty()) return;  // it came too late
  if (!answer.granted) return refuse(it, Refusal::Refused, answer.why);
  const std::size_t container = it->second.missing.at(answer.call);
  answered(it, answer.call, it->second.call->allocate()[container]);
}

void Calls::prefer(const agent::Prefer& answer) {
  const auto it = find(answer.call);
  if (it == open_.end() || it->second.call->prefer().empty()) return;
  answered(it, answer.call, answer.devices);
}

void Calls::answered(Open::iterator it, std::uint64_t number, std::vector<std::string> devices) {
  Waiting& waiting = it->second;
  waiting.answers[waiting.missing.at(number)] = std::move(devices);
  waiting.missing.erase(number);
  owner_.erase(number);
  if (!waiting.missing.empty()) return;
  waiting.call->answer(waiting.answers);
  forget(it);
}

void Calls::refuse(Open::iterator it, Refusal refusal, const std::string& why) {
  it->second.call->refuse(refusal, why);
  forget(it);
}

void Calls::forget(Open::iterator it) {
  hub_.cancel(it->second.deadline);
  for (const auto& [number, container] : it->second.missing) owner_.erase(number);
  open_.erase(it);
}

}  // namespace kerf::kubelet
