// One request for each effect, and its answer in the mind's words.
#include "shell/controller/requests.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "codec/policy_status.h"
#include "shell/controller/answers.h"
#include "shell/controller/feed.h"

namespace kerf::shell {
namespace {

using apiserver::Answer;
using apiserver::Verdict;
using control::Key;
using control::Kind;
using controller::Action;
using controller::Effect;
using controller::EffectId;
using controller::Outcome;
using controller::Result;

const apiserver::Resource kPods{"", "v1", "pods"};
const apiserver::Resource kNodes{"", "v1", "nodes"};
const apiserver::Resource kNodeClaims{"karpenter.sh", "v1", "nodeclaims"};
const apiserver::Resource kGpuNodes{"kerf.dev", "v1alpha1", "gpunodes"};
const apiserver::Resource kPolicies{"kerf.dev", "v1alpha1", "slicepolicies"};

std::string_view text_of(const codec::Node& object, std::string_view member) {
  const codec::Node* value = object.find(member);
  return value != nullptr && value->kind == codec::Node::Kind::String
             ? std::string_view(value->text)
             : std::string_view();
}

/// The object is gone with it, or changes later.
bool is_removal(const Action& action) {
  return std::holds_alternative<controller::DeleteClaim>(action) ||
         std::holds_alternative<controller::Evict>(action);
}

/// The eviction API says of a pod that two budgets select, that it does not serve it: as a Status
/// with code 500, which is not one of a server in trouble, or as the body of a 201.
std::optional<Outcome> refused_eviction(const Answer& answer) {
  if (answer.ok()) {
    if (text_of(answer.object, "kind") != "Status" || text_of(answer.object, "status") != "Failure")
      return std::nullopt;
    return Outcome{Result::Refused, 0, std::string(text_of(answer.object, "message"))};
  }
  const bool forbidden = answer.status == 429 && answer.cause == "DisruptionBudget";
  const bool two = answer.status == 500 &&
                   answer.message.find("more than one PodDisruptionBudget") != std::string::npos;
  if (forbidden || two) return Outcome{Result::Refused, 0, answer.message};
  return std::nullopt;
}

Kind kind_of(const Action& action) {
  struct Kinds {
    Kind operator()(const controller::PutLayout&) const { return Kind::GpuNode; }
    Kind operator()(const controller::CreateClaim&) const { return Kind::NodeClaim; }
    Kind operator()(const controller::DeleteClaim&) const { return Kind::NodeClaim; }
    Kind operator()(const controller::PutStatus&) const { return Kind::SlicePolicy; }
    Kind operator()(const controller::Nominate&) const { return Kind::Pod; }
    Kind operator()(const controller::Evict&) const { return Kind::Pod; }
    Kind operator()(const controller::Publish&) const { return Kind::Node; }
    Kind operator()(const controller::Withdraw&) const { return Kind::Node; }
    Kind operator()(const controller::PatchNode&) const { return Kind::Node; }
    Kind operator()(const controller::Note&) const { return no_request(); }
    Kind operator()(const controller::Solve&) const { return no_request(); }
    Kind operator()(const controller::WakeAt&) const { return no_request(); }
    static Kind no_request() {
      KERF_ASSERT(false, "not a request");
      return Kind::Pod;
    }
  };
  return std::visit(Kinds{}, action);
}

}  // namespace

Outcome outcome_of(const Action& action, const Answer& answer) {
  if (std::holds_alternative<controller::Evict>(action))
    if (auto refused = refused_eviction(answer)) return *std::move(refused);
  switch (answer.verdict) {
    case Verdict::Ok:
      return {Result::Applied, is_removal(action) ? 0 : version_of(answer.object), ""};
    case Verdict::Conflict:
    case Verdict::AlreadyExists:
    case Verdict::NotFound: return {Result::Conflict, 0, answer.message};
    case Verdict::Refused:
      return {answer.status == 403 ? Result::Forbidden : Result::Refused, 0, answer.message};
    case Verdict::Gone:
    case Verdict::Later: return {Result::Later, 0, answer.message};
    case Verdict::Unknown: break;
  }
  return {Result::Unknown, 0, answer.message};
}

class Requests::Impl {
 public:
  Impl(Options options, apiserver::Client& client, Mirror mirror, runtime::Loop& loop,
       const telemetry::Log& log, Events events, Words words)
      : options_(std::move(options)),
        client_(client),
        mirror_(std::move(mirror)),
        loop_(loop),
        log_(log),
        events_(std::move(events)),
        words_(std::move(words)),
        answers_(loop, [this](EffectId id, const Answer& answer) { answered(id, answer); }) {}
  ~Impl() { *alive_ = false; }

  void carry_out(const Effect& effect) {
    const bool fresh = in_flight_.emplace(effect.id, Flying{effect, runtime::Loop::now()}).second;
    KERF_ASSERT(fresh, "an effect is carried out once");
    std::visit([&](const auto& action) { ask(effect.id, action); }, effect.action);
  }
  std::size_t in_flight() const { return in_flight_.size(); }

 private:
  struct Flying {
    Effect effect;
    runtime::Instant asked = 0;
  };
  void ask(EffectId id, const controller::PutLayout& put);
  void ask(EffectId id, const controller::CreateClaim& buy);
  void ask(EffectId id, const controller::DeleteClaim& gone);
  void ask(EffectId id, const controller::Nominate& nominate);
  void ask(EffectId id, const controller::Publish& publish);
  void ask(EffectId id, const controller::Withdraw& withdraw);
  void ask(EffectId id, const controller::Evict& evict);
  void ask(EffectId id, const controller::PatchNode& patch);
  void ask(EffectId id, const controller::PutStatus& put);
  template <class Other>
  void ask(EffectId, const Other&) {
    KERF_ASSERT(false, "not a request");
  }

  /// The object of that version; nullptr: it is another, and the effect was answered with Conflict.
  const Watches::Known* known(EffectId id, Kind kind, const Key& key, control::Version version);
  /// The same, of that uid.
  const Watches::Known* known(EffectId id, Kind kind, const Key& key, const std::string& uid);
  void conflict(EffectId id, std::string why);

  apiserver::Client::Done done(EffectId id) { return answers_.expect(id); }
  void answered(EffectId id, const Answer& answer);
  void finish(EffectId id, Outcome outcome);

  Options options_;
  apiserver::Client& client_;
  Mirror mirror_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  Events events_;
  Words words_;
  std::map<EffectId, Flying> in_flight_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Answers answers_;
};

// --- Asking --------------------------------------------------------------------------------------

const Watches::Known* Requests::Impl::known(EffectId id, Kind kind, const Key& key,
                                            control::Version version) {
  const Watches::Known* object = mirror_.find(kind, key);
  if (object != nullptr && object->version == std::to_string(version)) return object;
  conflict(id, object == nullptr ? "the object is not there" : "the object has changed");
  return nullptr;
}

const Watches::Known* Requests::Impl::known(EffectId id, Kind kind, const Key& key,
                                            const std::string& uid) {
  const Watches::Known* object = mirror_.find(kind, key);
  if (object != nullptr && object->uid == uid) return object;
  conflict(id, object == nullptr ? "the object is not there" : "another has its name by now");
  return nullptr;
}

void Requests::Impl::conflict(EffectId id, std::string why) {
  log_.debug("not asked for", {{"effect", id}, {"why", why}});
  loop_.after(0, [this, alive = alive_, id, why = std::move(why)]() mutable {
    if (*alive) finish(id, {Result::Conflict, 0, std::move(why)});
  });
}

void Requests::Impl::ask(EffectId id, const controller::PutLayout& put) {
  const Key key{"", put.node};
  if (put.version != 0) {
    const Watches::Known* object = known(id, Kind::GpuNode, key, put.version);
    if (object == nullptr) return;
    client_.merge_patch({kGpuNodes, "", put.node, ""}, codec::gpu_node_patch(put.spec, put.price),
                        done(id), object->version);
    return;
  }
  const Watches::Known* node = mirror_.find(Kind::Node, key);
  if (node == nullptr || node->uid.empty()) {
    conflict(id, "its Node is not there");
    return;
  }
  client_.create({kGpuNodes, "", "", ""},
                 codec::gpu_node_object(put.node, node->uid, put.spec, put.price), done(id));
}

void Requests::Impl::ask(EffectId id, const controller::CreateClaim& buy) {
  client_.create({kNodeClaims, "", "", ""},
                 codec::node_claim_object(buy.claim, options_.node_class), done(id));
}

void Requests::Impl::ask(EffectId id, const controller::DeleteClaim& gone) {
  if (known(id, Kind::NodeClaim, {"", gone.name}, gone.uid) == nullptr) return;
  client_.remove({kNodeClaims, "", gone.name, ""}, {gone.uid, ""}, done(id));
}

void Requests::Impl::ask(EffectId id, const controller::Nominate& nominate) {
  const Watches::Known* pod = known(id, Kind::Pod, nominate.pod, nominate.version);
  if (pod == nullptr) return;
  client_.merge_patch({kPods, nominate.pod.ns, nominate.pod.name, "status"},
                      codec::nominate_patch(nominate.uid, nominate.node), done(id), pod->version);
}

void Requests::Impl::ask(EffectId id, const controller::Publish& publish) {
  const Watches::Known* node = known(id, Kind::Node, {"", publish.node}, publish.version);
  if (node == nullptr) return;
  client_.merge_patch({kNodes, "", publish.node, "status"},
                      codec::publish_patch(publish.amounts, node->capacity), done(id),
                      node->version);
}

void Requests::Impl::ask(EffectId id, const controller::Withdraw& withdraw) {
  const Watches::Known* node = known(id, Kind::Node, {"", withdraw.node}, withdraw.version);
  if (node == nullptr) return;
  client_.merge_patch({kNodes, "", withdraw.node, "status"},
                      codec::withdraw_patch(withdraw.amounts), done(id), node->version);
}

void Requests::Impl::ask(EffectId id, const controller::Evict& evict) {
  if (known(id, Kind::Pod, evict.pod, evict.uid) == nullptr) return;
  client_.evict(evict.pod.ns, evict.pod.name, {evict.uid, ""}, -1, done(id));
}

void Requests::Impl::ask(EffectId id, const controller::PatchNode& patch) {
  const Watches::Known* node = known(id, Kind::Node, {"", patch.node}, patch.version);
  if (node == nullptr) return;
  client_.merge_patch(
      {kNodes, "", patch.node, ""},
      codec::node_patch(patch.labels, patch.remove_labels, patch.remove_uncut, node->extra),
      done(id), node->version);
}

void Requests::Impl::ask(EffectId id, const controller::PutStatus& put) {
  const Watches::Known* policy = known(id, Kind::SlicePolicy, {"", put.policy}, put.version);
  if (policy == nullptr) return;
  const codec::Node* previous = policy->extra.is_null() ? nullptr : &policy->extra;
  client_.replace({kPolicies, "", put.policy, "status"},
                  codec::policy_status_object(put.policy, policy->version, words_(put, previous)),
                  done(id));
}

// --- Answers -------------------------------------------------------------------------------------

void Requests::Impl::answered(EffectId id, const Answer& answer) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return;
  Outcome outcome = outcome_of(at->second.effect.action, answer);
  if (events_.answered)
    events_.answered(at->second.effect, answer, runtime::Loop::now() - at->second.asked);
  finish(id, std::move(outcome));
}

void Requests::Impl::finish(EffectId id, Outcome outcome) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return;
  const Kind kind = kind_of(at->second.effect.action);
  const bool unknown = outcome.result == Result::Unknown;
  in_flight_.erase(at);
  const auto alive = alive_;
  events_.done({id, std::move(outcome)});
  if (*alive && unknown) events_.relist(kind);
}

Requests::Requests(Options options, apiserver::Client& client, Mirror mirror, runtime::Loop& loop,
                   const telemetry::Log& log, Events events, Words words)
    : impl_(std::make_unique<Impl>(std::move(options), client, std::move(mirror), loop, log,
                                   std::move(events), std::move(words))) {}

Requests::~Requests() = default;

void Requests::carry_out(const Effect& effect) { impl_->carry_out(effect); }

std::size_t Requests::in_flight() const { return impl_->in_flight(); }

}  // namespace kerf::shell
