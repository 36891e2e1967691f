// Reads volumes, claims and classes, as far as they bind to zones or nodes.
#include "codec/kube_volumes.h"

#include <algorithm>
#include <iterator>

#include "codec/kube_selectors.h"
#include "core/cluster/pod.h"

namespace kerf::codec {
namespace {

using cluster::Operator;
using cluster::Requirement;

constexpr std::string_view kHostname = "kubernetes.io/hostname";
constexpr std::string_view kZoneKeys[] = {"topology.kubernetes.io/zone",
                                          "failure-domain.beta.kubernetes.io/zone",
                                          "topology.ebs.csi.aws.com/zone"};

bool is_zone(std::string_view key) {
  return std::find(std::begin(kZoneKeys), std::end(kZoneKeys), key) != std::end(kZoneKeys);
}

/// "us-east-1a__us-east-1b", as labels of regional volumes are written.
std::vector<std::string> zones_of_label(std::string_view text) {
  std::vector<std::string> zones;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("__"), text.size());
    if (end > 0) zones.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  sort_unique(zones);
  return zones;
}

/// What all requirements of one term together allow.
VolumeReach reach_of_term(const std::vector<Requirement>& term) {
  VolumeReach reach;
  for (const Requirement& requirement : term) {
    if (requirement.op != Operator::In) continue;
    if (requirement.key == kHostname) reach.on_one_node = true;
    if (is_zone(requirement.key)) {
      reach = intersect(reach, {true, requirement.values, false, false});
    }
  }
  return reach;
}

/// Terms are alternatives: the volume reaches wherever one of them lets it.
VolumeReach reach_of_terms(const std::vector<std::vector<Requirement>>& terms) {
  if (terms.empty()) return {};
  VolumeReach all = reach_of_term(terms[0]);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    const VolumeReach one = reach_of_term(terms[i]);
    all.on_one_node = all.on_one_node && one.on_one_node;
    all.bound = all.bound && one.bound;
    all.zones.insert(all.zones.end(), one.zones.begin(), one.zones.end());
  }
  if (!all.bound) all.zones.clear();
  sort_unique(all.zones);
  return all;
}

}  // namespace

VolumeReach intersect(const VolumeReach& a, const VolumeReach& b) {
  VolumeReach out;
  out.on_one_node = a.on_one_node || b.on_one_node;
  out.unknown = a.unknown || b.unknown;
  out.bound = a.bound || b.bound;
  if (a.bound && b.bound) {
    std::set_intersection(a.zones.begin(), a.zones.end(), b.zones.begin(), b.zones.end(),
                          std::back_inserter(out.zones));
  } else {
    out.zones = a.bound ? a.zones : b.zones;
  }
  return out;
}

Result<std::optional<std::string>> storage_class_of(const KubeObject& object, const Node* metadata,
                                                    const Node* spec) {
  const Node* named = spec == nullptr ? nullptr : spec->find("storageClassName");
  if (named != nullptr && !named->is_null()) {
    KERF_TRY(const std::string_view name, object.text_of(*named));
    return std::optional<std::string>(name);
  }
  KERF_TRY(const Labels annotations, object.labels(metadata, "annotations"));
  const auto old = annotations.find("volume.beta.kubernetes.io/storage-class");
  if (old != annotations.end()) return std::optional<std::string>(old->second);
  return std::optional<std::string>{};
}

Result<bool> VolumeIndex::add(const KubeObject& object) {
  if (object.group.empty() && object.kind == "PersistentVolume") {
    KERF_CHECK_OK(add_volume(object));
  } else if (object.group.empty() && object.kind == "PersistentVolumeClaim") {
    KERF_CHECK_OK(add_claim(object));
  } else if (object.group == "storage.k8s.io" && object.kind == "StorageClass") {
    KERF_CHECK_OK(add_class(object));
  } else {
    return false;
  }
  return true;
}

Result<void> VolumeIndex::add_volume(const KubeObject& object) {
  KERF_TRY(const Node* spec, object.mapping(object.root, "spec"));
  KERF_TRY(const Node* affinity, object.mapping(spec, "nodeAffinity"));
  KERF_TRY(const Node* required, object.mapping(affinity, "required"));
  KERF_TRY(const Node* terms, object.list(required, "nodeSelectorTerms"));
  std::vector<std::vector<Requirement>> read;
  if (terms != nullptr) {
    for (const Node& term : terms->items) {
      KERF_CHECK_OK(object.expect_mapping(term));
      KERF_TRY(const Node* expressions, object.list(&term, "matchExpressions"));
      std::vector<Requirement>& requirements = read.emplace_back();
      if (expressions == nullptr) continue;
      for (const Node& expression : expressions->items) {
        KERF_TRY(Requirement requirement, read_requirement(object, expression, true));
        requirements.push_back(std::move(requirement));
      }
    }
  }
  VolumeReach reach = reach_of_terms(read);
  KERF_TRY(const Labels labels, object.labels(object.metadata(), "labels"));
  for (const std::string_view key : kZoneKeys) {
    const auto label = labels.find(std::string(key));
    if (label == labels.end()) continue;
    reach = intersect(reach, {true, zones_of_label(label->second), false, false});
  }
  volumes_.insert_or_assign(object.name, std::move(reach));
  return {};
}

Result<void> VolumeIndex::add_claim(const KubeObject& object) {
  KERF_TRY(const Node* spec, object.mapping(object.root, "spec"));
  Claim claim;
  KERF_TRY(claim.volume, object.text(spec, "volumeName"));
  KERF_TRY(claim.storage_class, storage_class_of(object, object.metadata(), spec));
  claims_.insert_or_assign({object.ns, object.name}, std::move(claim));
  return {};
}

Result<void> VolumeIndex::add_class(const KubeObject& object) {
  KERF_TRY(const Node* terms, object.list(object.root, "allowedTopologies"));
  std::vector<std::vector<Requirement>> read;
  if (terms != nullptr) {
    for (const Node& term : terms->items) {
      KERF_CHECK_OK(object.expect_mapping(term));
      KERF_TRY(const Node* expressions, object.list(&term, "matchLabelExpressions"));
      std::vector<Requirement>& requirements = read.emplace_back();
      if (expressions == nullptr) continue;
      for (const Node& expression : expressions->items) {
        KERF_CHECK_OK(object.expect_mapping(expression));
        Requirement requirement;
        KERF_TRY(requirement.key, object.text(&expression, "key"));
        KERF_TRY(requirement.values, object.texts(&expression, "values"));
        sort_unique(requirement.values);
        requirements.push_back(std::move(requirement));
      }
    }
  }
  classes_.insert_or_assign(object.name, reach_of_terms(read));
  KERF_TRY(const Labels annotations, object.labels(object.metadata(), "annotations"));
  const auto is_default = annotations.find("storageclass.kubernetes.io/is-default-class");
  if (is_default != annotations.end() && is_default->second == "true") {
    default_class_ = object.name;
  }
  return {};
}

VolumeReach VolumeIndex::of_class(const std::optional<std::string>& name) const {
  const std::optional<std::string>& chosen = name ? name : default_class_;
  if (!chosen) return {};
  const auto found = classes_.find(*chosen);
  return found == classes_.end() ? VolumeReach{} : found->second;
}

VolumeReach VolumeIndex::of_claim(const std::string& ns, const std::string& name) const {
  VolumeReach unknown;
  unknown.unknown = true;
  const auto claim = claims_.find({ns, name});
  if (claim == claims_.end()) return unknown;
  if (claim->second.volume.empty()) return of_class(claim->second.storage_class);
  const auto volume = volumes_.find(claim->second.volume);
  return volume == volumes_.end() ? unknown : volume->second;
}

}  // namespace kerf::codec
