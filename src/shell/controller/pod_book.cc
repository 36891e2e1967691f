// Reads pods, and decides which of them are told.
#include "shell/controller/pod_book.h"

#include <utility>
#include <vector>

#include "codec/json.h"
#include "shell/apiserver/answer.h"

namespace kerf::shell {

using apiserver::metadata_text;
using codec::LivePod;
using control::Key;
using control::Kind;

struct PodBook::Entry {
  Watches::Known known;
  bool told = false;
  bool complained = false;            // its spec cannot be read, and that was logged
  std::string text;                   // of one that depends on its surroundings: JSON
  std::unique_ptr<control::Pod> pod;  // told, and depends on its surroundings: as told
  std::unique_ptr<KeptPod> kept;      // not told
};

PodBook::PodBook(const gpu::Catalogue& gpus, telemetry::Log log,
                 std::function<void(controller::Event)> tell)
    : gpus_(gpus), log_(std::move(log)), tell_(std::move(tell)) {}
PodBook::~PodBook() = default;

bool PodBook::is_of_use(const LivePod& read) const {
  if (!read.pod.shape.gpu.empty() || !read.trouble.empty()) return true;
  return !read.pod.node.empty() && nodes_.contains(read.pod.node);
}

void PodBook::seen(const codec::Node& object, const codec::Surroundings& around) {
  auto read = codec::read_live_pod(object, around, gpus_);
  if (read) return take(*std::move(read), object);
  const Key key{std::string(metadata_text(object, "namespace")),
                std::string(metadata_text(object, "name"))};
  log_.error("a pod cannot be read; it counts as not there",
             {{"pod", key.text()}, {"why", read.error().message()}});
  const auto at = pods_.find(key);
  if (at != pods_.end()) lose(key, std::string(at->second.known.uid), true);
}

void PodBook::take(LivePod read, const codec::Node& object) {
  const Key key = control::key_of(read.pod.meta);
  const auto found = pods_.find(key);
  const bool told = found != pods_.end() && found->second.told;
  const bool tell = told || is_of_use(read);
  if (!tell && read.pod.node.empty()) {
    if (found != pods_.end()) lose(key, std::string(found->second.known.uid), true);
    return;
  }
  Entry& entry = pods_[key];
  unkeep(entry, key);
  entry.known.uid = read.pod.meta.uid;
  entry.known.version = metadata_text(object, "resourceVersion");
  entry.text.clear();
  if (read.depends) {
    entry.text = codec::write_json(object);
    depend_[key.ns].insert(key);
    if (read.selects_namespaces) select_namespaces_.insert(key);
    else select_namespaces_.erase(key);
  } else if (const auto at = depend_.find(key.ns); at != depend_.end()) {
    at->second.erase(key);
    select_namespaces_.erase(key);
  }
  if (!read.trouble.empty() && !std::exchange(entry.complained, true)) {
    log_.warning("a pod's spec cannot be read; it cannot be placed",
                 {{"pod", key.text()}, {"why", read.trouble}});
  }
  if (!tell) return keep(entry, key, std::move(read.pod));
  entry.told = true;
  by_uid_[entry.known.uid] = key;
  if (read.depends) entry.pod = std::make_unique<control::Pod>(read.pod);
  tell_(controller::Seen{std::move(read.pod)});
}

void PodBook::keep(Entry& entry, const Key& key, control::Pod pod) {
  untold_on_[pod.node].insert(key);
  entry.kept = kept_.keep(std::move(pod));
}

void PodBook::unkeep(Entry& entry, const Key& key) {
  if (entry.kept != nullptr) {
    const auto on = untold_on_.find(entry.kept->node);
    if (on != untold_on_.end()) {
      on->second.erase(key);
      if (on->second.empty()) untold_on_.erase(on);
    }
  }
  kept_.forget(std::move(entry.kept));
  entry.pod.reset();
}

void PodBook::gone(const Key& key, const std::string& uid) { lose(key, uid, false); }

void PodBook::lose(const Key& key, const std::string& uid, bool stays) {
  const auto at = pods_.find(key);
  if (at == pods_.end() || at->second.known.uid != uid) return;
  unkeep(at->second, key);
  if (const auto depend = depend_.find(key.ns); depend != depend_.end()) {
    depend->second.erase(key);
    if (depend->second.empty()) depend_.erase(depend);
    select_namespaces_.erase(key);
  }
  const bool told = at->second.told;
  pods_.erase(at);
  if (!told) return;
  by_uid_.erase(uid);
  tell_(controller::Gone{Kind::Pod, key, uid, stays});
}

void PodBook::read_again(const Stale& stale, const codec::Surroundings& around) {
  std::set<Key> keys;
  if (stale.labels) keys = select_namespaces_;
  for (const auto& [ns, of] : depend_) {
    if (stale.all || stale.namespaces.contains(ns)) keys.insert(of.begin(), of.end());
  }
  for (const Key& key : keys) {
    Entry& entry = pods_.at(key);
    const auto object = codec::parse_json(entry.text, "a pod that was kept");
    if (!object) continue;
    auto read = codec::read_live_pod(object->root, around, gpus_);
    if (!read) continue;  // it could be read before: only what it refers to has changed
    if (entry.told && entry.pod != nullptr && read->pod == *entry.pod) continue;
    take(*std::move(read), object->root);
  }
}

void PodBook::hold_node(const std::string& node) {
  if (++nodes_[node] > 1) return;
  const auto on = untold_on_.extract(node);
  if (on.empty()) return;
  for (const Key& key : on.mapped()) {
    Entry& entry = pods_.at(key);
    control::Pod pod = KeptPods::whole(*entry.kept, key, entry.known.uid);
    kept_.forget(std::move(entry.kept));
    entry.told = true;
    by_uid_[entry.known.uid] = key;
    if (!entry.text.empty()) entry.pod = std::make_unique<control::Pod>(pod);
    tell_(controller::Seen{std::move(pod)});
  }
}

void PodBook::release_node(const std::string& node) {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return;
  if (--at->second == 0) nodes_.erase(at);
}

const Watches::Known* PodBook::find(const Key& key) const {
  const auto at = pods_.find(key);
  return at != pods_.end() && at->second.told ? &at->second.known : nullptr;
}

std::optional<Key> PodBook::of_uid(const std::string& uid) const {
  const auto at = by_uid_.find(uid);
  return at == by_uid_.end() ? std::nullopt : std::optional<Key>(at->second);
}

}  // namespace kerf::shell
