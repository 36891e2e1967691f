// How the scheduler queues pods, decides, binds, fails and tries again.
#include "sim/scheduler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/scheduler_fit.h"
#include "sim/scheduler_preempt.h"

namespace kerf::sim {
namespace {

using control::Node;
using control::Pod;

constexpr const char* kName = "default-scheduler";
constexpr std::size_t kFailuresKept = 16;

bool is_mine(const Pod& pod) {
  return pod.scheduler == kName && !pod.gated && !pod.mirror && pod.node.empty() && !pod.done() &&
         pod.meta.deleted == 0;
}

/// Could a pod that did not fit before fit now because of this change of a node?
bool helps(const Node* was, const Node& is) {
  if (!was) return true;
  const auto rises = [&](const auto& entry) {
    const auto before = was->allocatable_of.find(entry.first);
    return entry.second > (before == was->allocatable_of.end() ? 0 : before->second);
  };
  return !is.allocatable.fits(was->allocatable) || was->taints != is.taints ||
         was->cordoned != is.cordoned || was->ready != is.ready ||
         was->meta.labels != is.meta.labels ||
         std::any_of(is.allocatable_of.begin(), is.allocatable_of.end(), rises);
}

/// Where labels, nominations and company decide nothing, like pods fail alike.
bool fails_like_others(const Pod& pod, const SchedulerView& view) {
  const cluster::PodShape& shape = pod.shape;
  return pod.nominated.empty() && shape.spread.empty() && shape.affinity.empty() &&
         shape.anti_affinity.empty() && view.wary().empty();
}

cluster::PodShape without_labels(const cluster::PodShape& shape) {
  cluster::PodShape result = shape;
  result.labels.clear();
  return result;
}

/// The scheduler does not look at a pod again because its status changed, a nomination included.
bool only_status_differs(const Pod* was, const Pod& is) {
  return was && was->gated == is.gated && was->meta.labels == is.meta.labels &&
         was->meta.annotations == is.meta.annotations;
}

}  // namespace

Scheduler::Scheduler(ApiServer& api, std::uint64_t seed, SchedulerOptions options)
    : api_(api), clock_(api.clock()), dice_(seed, "scheduler"), options_(options) {
  start();
}

Scheduler::~Scheduler() { stop(); }

void Scheduler::start() {
  if (!listeners_.empty()) return;
  for (const Kind kind : {Kind::Node, Kind::Pod}) {
    for (const auto& [key, value] : api_.of(kind)) heard({kind, key, nullptr, value});
    listeners_.push_back(api_.listen(kind, [this](const Change& change) { heard(change); }));
  }
}

void Scheduler::stop() {
  ++life_;
  for (const std::uint64_t listener : listeners_) api_.unlisten(listener);
  listeners_.clear();
  clock_.cancel(look_);
  clock_.cancel(cycle_);
  for (auto& entry : queue_) clock_.cancel(entry.second.timer);
  queue_.clear();
  active_.clear();
  inbox_.clear();
  view_.clear();
  failures_.clear();
}

// --- What it sees --------------------------------------------------------------------------------

void Scheduler::heard(const Change& change) {
  inbox_.push_back(change);
  if (clock_.waits(look_)) return;
  look_ = clock_.after(dice_.between(options_.sees_least_ms, options_.sees_most_ms),
                       [this] { look(); });
}

void Scheduler::look() {
  while (!inbox_.empty()) {
    const Change change = std::move(inbox_.front());
    inbox_.pop_front();
    take(change);
  }
  schedule_cycle();
}

void Scheduler::take(const Change& change) {
  if (change.kind == Kind::Pod) return take_pod(change);
  view_.see_node(change.key.name, change.after);
  if (change.after && helps(change.was<Node>(), *change.is<Node>())) wake_all();
}

void Scheduler::take_pod(const Change& change) {
  const PodSeen* seen = view_.pod(change.key);
  const bool held_room = seen && !seen->node.empty() && !seen->pod().done();
  const std::string reserved = seen && seen->node.empty() ? seen->pod().nominated : "";
  view_.see_pod(change.key, change.after);
  const Pod* pod = change.is<Pod>();
  seen = view_.pod(change.key);
  if (!pod || !is_mine(*pod) || !seen->node.empty()) dequeue(change.key);
  else enqueue(change.key, *pod, !only_status_differs(change.was<Pod>(), *pod));
  const bool holds_room = seen && !seen->node.empty() && !seen->pod().done();
  const std::string reserves = seen && seen->node.empty() ? seen->pod().nominated : "";
  if ((held_room && !holds_room) || (!reserved.empty() && reserved != reserves)) wake_all();
  else if (!held_room && holds_room) wake_company();
}

// --- The queue -----------------------------------------------------------------------------------

void Scheduler::enqueue(const Key& key, const Pod& pod, bool changed) {
  auto found = queue_.find(key);
  if (found != queue_.end() && found->second.uid != pod.meta.uid) {
    dequeue(key);
    found = queue_.end();
  }
  if (found == queue_.end()) {
    Waiting waiting;
    waiting.uid = pod.meta.uid;
    waiting.order = {-std::int64_t{pod.shape.priority}, pod.meta.created, key};
    found = queue_.emplace(key, std::move(waiting)).first;
    return activate(found->second);
  }
  if (changed) wake(key, found->second);
}

void Scheduler::dequeue(const Key& key) {
  const auto found = queue_.find(key);
  if (found == queue_.end()) return;
  active_.erase(found->second.order);
  clock_.cancel(found->second.timer);
  queue_.erase(found);
}

void Scheduler::activate(Waiting& waiting) {
  clock_.cancel(waiting.timer);
  waiting.active = true;
  waiting.wanted = false;
  active_.insert(waiting.order);
}

/// Something changed that may help it: now, or when its back-off is over.
void Scheduler::wake(const Key& key, Waiting& waiting) {
  if (waiting.active || waiting.wanted) return;
  if (waiting.not_before <= clock_.now()) return activate(waiting);
  waiting.wanted = true;
  clock_.cancel(waiting.timer);
  waiting.timer = clock_.at(waiting.not_before, [this, key] {
    activate(queue_.at(key));
    schedule_cycle();
  });
}

void Scheduler::wake_all() {
  for (auto& [key, waiting] : queue_) wake(key, waiting);
}

/// A pod has its node: who looks for company, or must be apart in equal numbers, may fit now.
void Scheduler::wake_company() {
  for (auto& [key, waiting] : queue_) {
    const cluster::PodShape& shape = view_.pods().at(key).pod().shape;
    if (!shape.affinity.empty() || !shape.spread.empty()) wake(key, waiting);
  }
}

// --- Deciding ------------------------------------------------------------------------------------

void Scheduler::schedule_cycle() {
  if (active_.empty() || clock_.waits(cycle_)) return;
  cycle_ = clock_.after(options_.decides_ms, [this] { decide(); });
}

void Scheduler::decide() {
  if (active_.empty()) return;
  const Key key = std::get<Key>(*active_.begin());
  active_.erase(active_.begin());
  queue_.at(key).active = false;
  attempt(key);
  schedule_cycle();
}

void Scheduler::attempt(const Key& key) {
  ++attempts_;
  const PodSeen seen = view_.pods().at(key);  // a copy: binding changes the one of the view
  const Pod& pod = seen.pod();
  if (const Failure* known = known_failure(pod)) return fail(key, pod, known->reasons);
  std::map<std::string, int> reasons;
  if (const auto node = choose(seen, reasons)) return bind(key, pod, *node);
  const bool waits_for_victims = preempt(key, seen);
  if (!waits_for_victims && !pod.nominated.empty() &&
      dice_.chance(options_.clears_nomination_milli))
    api_.mutate<Pod>(key, [&](Pod& it) {
      if (it.meta.uid == pod.meta.uid && it.nominated == pod.nominated) it.nominated.clear();
    });
  if (!waits_for_victims && fails_like_others(pod, view_) && failures_.size() < kFailuresKept)
    failures_.push_back({without_labels(pod.shape), reasons});
  fail(key, pod, reasons);
}

/// Another pod of that shape failed, and nothing that a filter looks at has changed since.
const Scheduler::Failure* Scheduler::known_failure(const Pod& pod) {
  if (std::exchange(failures_of_, view_.generation()) != view_.generation()) failures_.clear();
  if (failures_.empty() || !fails_like_others(pod, view_)) return nullptr;
  const cluster::PodShape shape = without_labels(pod.shape);
  const auto found = std::find_if(failures_.begin(), failures_.end(),
                                  [&](const Failure& it) { return it.shape == shape; });
  return found == failures_.end() ? nullptr : &*found;
}

/// The nominated node if the pod fits there, else the best that it fits on.
std::optional<std::string> Scheduler::choose(const PodSeen& seen,
                                             std::map<std::string, int>& reasons) {
  const Pod& pod = seen.pod();
  const NodeSeen* nominated = pod.nominated.empty() ? nullptr : view_.node(pod.nominated);
  if (nominated && nominated->node() && obstacle(view_, seen, *nominated).why.empty())
    return pod.nominated;
  std::vector<std::pair<const std::string*, const NodeSeen*>> fitting;
  const auto& owned = view_.of_owner(pod.owner.uid);
  const auto of_owner = [&](const std::string& node) {
    const auto found = owned.find(node);
    return found == owned.end() ? std::int64_t{0} : found->second;
  };
  std::int64_t most = 0;
  for (const auto& [name, node] : view_.nodes()) {
    if (!node.node()) continue;
    if (std::string why = obstacle(view_, seen, node).why; !why.empty()) {
      ++reasons[why];
      continue;
    }
    fitting.emplace_back(&name, &node);
    most = std::max(most, of_owner(name));
  }
  std::vector<const std::string*> best;
  std::int64_t best_score = -1;
  for (const auto& [name, node] : fitting) {
    const std::int64_t value = score(pod, *node, of_owner(*name), most);
    if (value < best_score) continue;
    if (value > best_score) best.clear();
    best_score = value;
    best.push_back(name);
  }
  if (best.empty()) return std::nullopt;
  return *best[static_cast<std::size_t>(
      dice_.between(0, static_cast<std::int64_t>(best.size()) - 1))];
}

/// The room is taken in its own view at once, in the API a little later.
void Scheduler::bind(const Key& key, const Pod& pod, const std::string& node) {
  view_.assume(key, node);
  dequeue(key);
  wake_company();
  const std::int64_t delay = dice_.between(options_.binds_least_ms, options_.binds_most_ms);
  clock_.after(delay, [this, key, node, uid = pod.meta.uid, life = life_] {
    if (life != life_) return;
    const Pod* now = api_.find<Pod>(key);
    if (now && now->meta.uid == uid && is_mine(*now)) {
      api_.mutate<Pod>(key, [&](Pod& it) {
        it.node = node;
        it.unschedulable = false;
        it.message.clear();
      });
      return;
    }
    // It is gone or going: what comes of it will be seen.
    const PodSeen* seen = view_.pod(key);
    if (!seen || !seen->assumed || seen->pod().meta.uid != uid) return;
    view_.forget(key);
    wake_all();
    schedule_cycle();
  });
}

void Scheduler::fail(const Key& key, const Pod& pod, const std::map<std::string, int>& reasons) {
  std::string message = "0/" + std::to_string(view_.node_count()) + " nodes are available";
  const char* separator = ": ";
  for (const auto& [why, count] : reasons) {
    message += separator + std::to_string(count) + " " + why;
    separator = ", ";
  }
  const bool always = options_.judges_each_attempt;
  api_.mutate<Pod>(key, [&](Pod& it) {
    if (it.meta.uid != pod.meta.uid || !is_mine(it)) return;
    if (it.unschedulable && it.message == message && !always) return;
    it.unschedulable = true;
    it.message = message;
    it.judged = clock_.now();
  });
  Waiting& waiting = queue_.at(key);
  std::int64_t backoff = options_.backoff_first_ms;
  for (int i = 0; i < waiting.failures && backoff < options_.backoff_most_ms; ++i) backoff *= 2;
  ++waiting.failures;
  waiting.not_before = clock_.now() + std::min(backoff, options_.backoff_most_ms);
  waiting.timer = clock_.after(options_.flush_ms, [this, key] {
    activate(queue_.at(key));
    schedule_cycle();
  });
}

/// True: pods were evicted for it, and it is nominated to where they were.
bool Scheduler::preempt(const Key& key, const PodSeen& asks) {
  const Pod& pod = asks.pod();
  if (!may_preempt(api_, view_, pod)) return false;
  const Eviction chosen = choose_victims(api_, view_, asks);
  if (chosen.node.empty()) return false;
  for (const Key& victim : chosen.victims) {
    const PodSeen& seen = view_.pods().at(victim);
    const Pod* now = api_.find<Pod>(victim);
    if (now && now->meta.uid == seen.pod().meta.uid) api_.erase(Kind::Pod, victim);
  }
  api_.mutate<Pod>(key, [&](Pod& it) {
    if (it.meta.uid == pod.meta.uid && it.node.empty()) it.nominated = chosen.node;
  });
  return true;
}

void Scheduler::add_to(Hasher& hasher) const {
  dice_.add_to(hasher);
  hasher.add(attempts_);
  for (const auto& [key, waiting] : queue_) {
    hasher.add(key.name);
    hasher.add(waiting.uid);
    hasher.add(waiting.failures);
    hasher.add(waiting.active);
    hasher.add(waiting.not_before);
  }
}

}  // namespace kerf::sim
