// NodeKind: the ways to serve each part on a kind of node, without those that others replace.
#include <algorithm>

#include "core/check/certificate_work.h"

namespace kerf::check {
namespace {

using cluster::GpuRequest;

constexpr std::size_t kMostWays = 4096;

/// Which forms of a GPU serve which requests, less those that need not be tried.
class Service {
 public:
  Service(const GpuContents& contents, const gpu::Model& model, const cluster::Policy& policy)
      : contents_(contents), model_(model), policy_(policy) {}

  void add(const GpuRequest& request) {
    auto [at, fresh] = serving_.try_emplace(key_of(request));
    if (!fresh) return;
    for (const gpu::Form& form : contents_.forms()) {
      at->second.push_back(why_not_served(request, form, model_, policy_).empty());
    }
  }

  /// A form goes if another one serves all that it serves and can take its place, all on a GPU at
  /// once, whatever else of the forms that are left is there; then from a single request if another
  /// one of that request can take its place wherever it is. Ties keep the first. What is left can
  /// hold all that the forms that went can.
  void reduce() {
    const std::size_t forms = contents_.forms().size();
    gone_.assign(forms, true);
    for (const std::size_t f : used()) gone_[f] = false;
    for (bool changed = true; changed;) {
      changed = false;
      restrict_corners();
      for (std::size_t b = forms; b-- > 0;) {
        for (std::size_t a = 0; a < forms && !gone_[b]; ++a) {
          if (a == b || gone_[a] || !serves_all_of(a, b) || !stands_in_for_all(a, b)) continue;
          changed = gone_[b] = true;
        }
      }
    }
    prefer_first();
    for (auto& [request, serving] : serving_) {
      for (std::size_t f = 0; f < forms; ++f) serving[f] = serving[f] && !gone_[f];
      for (std::size_t b = forms; b-- > 0;) {
        for (std::size_t a = 0; a < forms && serving[b]; ++a) {
          if (a != b && serving[a] && stands_in(a, b)) serving[b] = false;
        }
      }
    }
  }

  const std::vector<bool>& forms_for(const GpuRequest& request) const {
    return serving_.at(key_of(request));
  }
  /// Forms that are left, as indices in the contents'.
  std::vector<std::size_t> used() const {
    std::vector<std::size_t> forms;
    for (std::size_t f = 0; f < contents_.forms().size(); ++f) {
      if (std::any_of(serving_.begin(), serving_.end(),
                      [&](const auto& entry) { return entry.second[f]; })) {
        forms.push_back(f);
      }
    }
    return forms;
  }

 private:
  static GpuRequest key_of(GpuRequest request) {
    request.count = 1;
    return request;
  }
  /// Of forms that do equally well beside what is left, the first: the one that certificates name.
  void prefer_first() {
    for (std::size_t k = 0; k < gone_.size(); ++k) {
      for (std::size_t d = 0; d < k && !gone_[k]; ++d) {
        if (!gone_[d] || !serves_all_of(d, k)) continue;
        gone_[d] = false;
        restrict_corners();
        (stands_in_for_all(d, k) ? gone_[k] : gone_[d]) = true;
      }
    }
    restrict_corners();
  }

  /// What a GPU can hold of the forms that are left.
  void restrict_corners() {
    corners_ = contents_.corners();
    for (FormCounts& corner : corners_) {
      for (std::size_t f = 0; f < corner.size(); ++f) {
        if (gone_[f]) corner[f] = 0;
      }
    }
    corners_ = maximal(std::move(corners_));
  }
  // Contents are all vectors below a corner: one that has a `b` is, after a change, below what
  // became of its corner.
  bool stands_in_for_all(std::size_t a, std::size_t b) const {
    return std::all_of(corners_.begin(), corners_.end(), [&](FormCounts corner) {
      corner[a] = static_cast<std::uint8_t>(corner[a] + corner[b]);
      corner[b] = 0;
      return covered(corners_, corner);
    });
  }
  bool stands_in(std::size_t a, std::size_t b) const {
    return std::all_of(corners_.begin(), corners_.end(), [&](FormCounts corner) {
      if (corner[b] == 0) return true;
      --corner[b];
      ++corner[a];
      return covered(corners_, corner);
    });
  }
  bool serves_all_of(std::size_t a, std::size_t b) const {
    return std::all_of(serving_.begin(), serving_.end(),
                       [&](const auto& entry) { return entry.second[a] || !entry.second[b]; });
  }

  const GpuContents& contents_;
  const gpu::Model& model_;
  const cluster::Policy& policy_;
  std::map<GpuRequest, std::vector<bool>> serving_;
  std::vector<bool> gone_;  ///< forms
  std::vector<FormCounts> corners_;
};

std::vector<FormCounts> restricted(const std::vector<FormCounts>& corners,
                                   const std::vector<std::size_t>& used) {
  std::vector<FormCounts> parts;
  for (const FormCounts& corner : corners) {
    FormCounts part;
    for (const std::size_t form : used) part.push_back(corner[form]);
    parts.push_back(std::move(part));
  }
  return maximal(std::move(parts));
}

/// All numbers of each form that serve the requests together and fit on an empty node; false if
/// there are too many to list.
class WaysOf {
 public:
  WaysOf(const Service& service, const std::vector<std::size_t>& used, GpuRoom& gpus)
      : service_(service), used_(used), gpus_(gpus) {}

  bool list(const std::vector<GpuRequest>& requests, NodeKind::Ways& ways) {
    std::set<GpuRoom::Units> partial = {{}};
    for (const GpuRequest& request : requests) {
      const std::vector<bool>& serving = service_.forms_for(request);
      for (std::int64_t n = 0; n < request.count && !partial.empty(); ++n) {
        std::set<GpuRoom::Units> longer;
        for (const GpuRoom::Units& way : partial) {
          for (std::size_t u = 0; u < used_.size(); ++u) {
            if (!serving[used_[u]]) continue;
            GpuRoom::Units next = way;
            ++next[u];
            if (gpus_.fits(next)) longer.insert(next);
          }
        }
        if (longer.size() > kMostWays) return false;
        partial = std::move(longer);
      }
    }
    ways.assign(partial.begin(), partial.end());
    return true;
  }

 private:
  const Service& service_;
  const std::vector<std::size_t>& used_;
  GpuRoom& gpus_;
};

bool not_negative(const Resources& r) {
  return r.cpu_milli >= 0 && r.memory_mib >= 0 && r.disk_mib >= 0 && r.pods >= 0;
}

/// The most of an item that an empty node can hold, or more: by resources, and by GPUs the sum of
/// what each way allows alone.
std::int64_t most_on(const NodeKind& node, const Item& item) {
  std::int64_t most = item.count;
  const auto limit = [&](std::int64_t room, std::int64_t each) {
    if (each > 0) most = std::min(most, room / each);
  };
  limit(node.room.cpu_milli, item.requests.cpu_milli);
  limit(node.room.memory_mib, item.requests.memory_mib);
  limit(node.room.disk_mib, item.requests.disk_mib);
  limit(node.room.pods, item.requests.pods);
  std::int64_t by_gpus = 0;
  for (const GpuRoom::Units& way : *item.ways) {
    GpuRoom::Units units = way;
    std::int64_t fit = 0;
    while (by_gpus + fit < most && node.gpus.fits(units)) {
      ++fit;
      for (std::size_t f = 0; f < way.size(); ++f) {
        units[f] = static_cast<std::uint16_t>(units[f] + way[f]);
      }
    }
    by_gpus += fit;
  }
  return std::min(most, by_gpus);
}

}  // namespace

NodeKind node_kind(Proof& proof, std::uint32_t type, gpu::GpuMode mode,
                   const std::vector<bool>& admitted) {
  const market::InstanceType& instance = proof.market.types[type];
  const gpu::Model& model = *proof.audit.models[type];
  const GpuContents& contents = proof.contents_of(type, mode);
  NodeKind node;
  node.type = type;
  node.mode = mode;
  node.room = allocatable_of(instance, proof.demand.overhead);
  if (!node.room.fits({kMostRoom, kMostRoom, kMostRoom, kMostRoom})) {
    proof.complain("{} has more room than can be reckoned with", instance.name);
    return node;
  }
  Service service(contents, model, proof.policy);
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t p = 0; p < proof.parts.size(); ++p) {
    const Part& part = proof.parts[p];
    if (!not_negative(part.requests())) {
      proof.complain("{} asks for less than nothing", proof.group_name(part.group));
      return node;
    }
    if (!admitted[p] || !part.requests().fits(node.room)) continue;
    candidates.push_back(p);
    for (const GpuRequest& request : part.gpu()) service.add(request);
  }
  service.reduce();
  const std::vector<std::size_t> used = service.used();
  if (used.size() > GpuRoom::kMostForms) {
    proof.complain("{}: its GPUs can be handed out in more ways than can be looked at",
                   instance.name);
    return node;
  }
  for (const std::size_t form : used) node.forms.push_back(contents.forms()[form]);
  node.gpus = GpuRoom(restricted(contents.corners(), used), instance.gpu_count);
  std::map<std::vector<GpuRequest>, std::size_t> known;
  for (const std::uint32_t p : candidates) {
    const auto [at, fresh] = known.try_emplace(proof.parts[p].gpu(), node.ways.size());
    if (fresh) {
      NodeKind::Ways ways;
      if (!WaysOf(service, used, node.gpus).list(proof.parts[p].gpu(), ways)) {
        proof.complain("{} can be served on {} in more ways than can be looked at",
                       proof.group_name(proof.parts[p].group), instance.name);
      }
      node.ways.push_back(std::move(ways));
    }
    if (node.ways[at->second].empty()) continue;
    node.parts.push_back(p);
    node.ways_of.push_back(at->second);
  }
  return node;
}

std::vector<Item> items_of(const Proof& proof, const NodeKind& node,
                           const std::vector<std::int64_t>& values) {
  std::map<std::tuple<std::int64_t, Resources, std::size_t>, Item> items;
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    const Part& part = proof.parts[node.parts[i]];
    const std::int64_t value = values[part.group];
    if (value <= 0) continue;
    Item& item = items[{value, part.requests(), node.ways_of[i]}];
    if (item.ways == nullptr) {
      item = {value, 0, part.requests(), &node.ways[node.ways_of[i]], part.group};
    }
    item.count += part.one_per_node ? 1 : part.count;
  }
  std::vector<Item> list;
  for (auto& [key, item] : items) {
    item.count = std::min(item.count, most_on(node, item));
    list.push_back(item);
  }
  return list;
}

}  // namespace kerf::check
