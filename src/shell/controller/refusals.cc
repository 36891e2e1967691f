// Writes the policy's status as it is back with another condition.
#include "shell/controller/refusals.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/policy_status.h"
#include "report/decision.h"

namespace kerf::shell {

namespace {

constexpr std::int64_t kConflictMs = 200;
constexpr std::int64_t kAgainMs = 10'000;
const apiserver::Resource kPolicies{"kerf.dev", "v1alpha1", "slicepolicies"};

/// The status with Accepted False; conditions of the time when it could be read would be wrong now.
codec::Node refused_status(const Watches::Unread& policy, std::int64_t now) {
  const codec::Node* before = policy.status.is_null() ? nullptr : &policy.status;
  control::PolicyStatus status;
  if (before != nullptr) {
    std::vector<std::string> troubles;
    status = codec::read_policy_status(codec::Field("SlicePolicy", *before, "status"), troubles);
  }
  status.observed_generation = policy.generation;
  status.conditions = {{control::Condition::Type::Accepted, false, "Invalid", {policy.why}}};
  const auto words = report::words_of(status, control::Mode::Observe);
  return codec::policy_status_node(status, words, before, now);
}

/// Does the status that is there say the same about the spec?
bool says_so(const codec::Node& before, const codec::Node& status) {
  if (before.is_null()) return false;
  const codec::Node* there = before.find("conditions");
  const codec::Node* wanted = status.find("conditions");
  if (there == nullptr || there->items.size() != wanted->items.size()) return false;
  const auto same = [](const codec::Node& one, const codec::Node& other) {
    constexpr std::array<std::string_view, 5> kSaid = {"type", "status", "reason", "message",
                                                       "observedGeneration"};
    return std::all_of(kSaid.begin(), kSaid.end(), [&](std::string_view member) {
      const codec::Node* a = one.find(member);
      const codec::Node* b = other.find(member);
      return a != nullptr && b != nullptr && a->text == b->text && a->integer == b->integer;
    });
  };
  return std::equal(there->items.begin(), there->items.end(), wanted->items.begin(), same);
}

}  // namespace

Refusals::Refusals(apiserver::Client& client, runtime::Loop& loop, telemetry::Log log,
                   std::function<std::int64_t()> wall_ms, std::function<bool()> leads, Find find)
    : client_(client),
      loop_(loop),
      log_(std::move(log)),
      wall_ms_(std::move(wall_ms)),
      leads_(std::move(leads)),
      find_(std::move(find)),
      answers_(loop, [this](std::uint64_t id, const apiserver::Answer& answer) {
        answered(id, answer);
      }) {}

Refusals::~Refusals() {
  for (const auto& [policy, refused] : refused_) loop_.cancel(refused.again);
}

void Refusals::look_at(const std::string& policy) {
  if (find_(policy) != nullptr) {
    refused_.try_emplace(policy);
    write(policy);
  } else if (const auto at = refused_.extract(policy); !at.empty()) {
    loop_.cancel(at.mapped().again);
  }
}

void Refusals::lead() {
  for (auto& [policy, refused] : refused_) {
    refused.written = {};  // another may have led meanwhile, and written otherwise
    write(policy);
  }
}

void Refusals::again(const std::string& policy, std::int64_t delay_ms) {
  Refused& refused = refused_.at(policy);
  loop_.cancel(refused.again);
  refused.again = loop_.after(delay_ms, [this, policy] { write(policy); });
}

void Refusals::write(const std::string& policy) {
  const auto at = refused_.find(policy);
  const Watches::Unread* unread = find_(policy);
  if (!leads_() || at == refused_.end() || unread == nullptr || at->second.asked != 0) return;
  const std::pair said(unread->why, unread->generation);
  if (at->second.written == said) return;
  codec::Node status = refused_status(*unread, wall_ms_());
  if (says_so(unread->status, status)) {
    at->second.written = said;
    return;
  }
  at->second.asked = ++asked_;
  at->second.asking = said;
  client_.replace({kPolicies, "", policy, "status"},
                  codec::policy_status_object(policy, unread->version, std::move(status)),
                  answers_.expect(asked_));
}

void Refusals::answered(std::uint64_t id, const apiserver::Answer& answer) {
  const auto at = std::find_if(refused_.begin(), refused_.end(),
                               [&](const auto& entry) { return entry.second.asked == id; });
  if (at == refused_.end()) return;
  const std::string policy = at->first;
  at->second.asked = 0;
  if (answer.ok()) {
    at->second.written = at->second.asking;
    write(policy);  // it may be another by now
  } else if (answer.verdict == apiserver::Verdict::Conflict) {
    again(policy, kConflictMs);
  } else {
    log_.warning("the status of a policy that cannot be read is not written",
                 {{"policy", policy}, {"why", answer.message}});
    again(policy, kAgainMs);
  }
}

}  // namespace kerf::shell
