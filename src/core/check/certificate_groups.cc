// Groups of a certificate: each pod once, and as many on a node as the pods themselves say.
#include <algorithm>
#include <set>

#include "core/check/certificate_work.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using cluster::PodShape;
using plan::Certificate;

/// True if one of the two refuses the other on its node, or both want one port.
bool keep_apart(const PodShape& a, const PodShape& b) {
  const auto refuses = [](const PodShape& carrier, const PodShape& other) {
    return std::any_of(carrier.anti_affinity.begin(), carrier.anti_affinity.end(),
                       [&](const cluster::AffinityTerm& term) {
                         return term.topology_key == kHostnameLabel &&
                                selects(term.selector, carrier, other);
                       });
  };
  if (refuses(a, b) || refuses(b, a)) return true;
  return std::any_of(a.host_ports.begin(), a.host_ports.end(), [&](const auto& one) {
    return std::any_of(b.host_ports.begin(), b.host_ports.end(),
                       [&](const auto& other) { return ports_clash(one, other); });
  });
}

/// Shapes of a group and how many pods of each.
using Shapes = std::map<std::uint32_t, std::int64_t>;

void check_per_node(Proof& proof, std::uint32_t index, const Shapes& shapes) {
  const auto& all = proof.demand.shapes;
  for (auto a = shapes.begin(); a != shapes.end(); ++a) {
    for (auto b = a; b != shapes.end(); ++b) {
      if (a == b && a->second == 1) continue;
      if (keep_apart(all[a->first], all[b->first])) continue;
      proof.complain("{} counts on at most one of its pods on a node, and two may share one",
                     proof.group_name(index));
      return;
    }
  }
}

void add_part(Proof& proof, std::uint32_t group, const PodShape& shape, std::int64_t count,
              bool one_per_node) {
  Part part;
  part.group = group;
  part.count = count;
  part.one_per_node = one_per_node;
  part.shapes = {&shape};
  const auto& pools = proof.certificate.pools;
  part.admitted.resize(pools.size());
  for (std::size_t p = 0; p < pools.size(); ++p) {
    for (const Certificate::Offered& offered : pools[p].offerings) {
      part.admitted[p].push_back(
          proof.admissions.may_run(shape, offered.type, offered.capacity_type, offered.zones));
    }
  }
  // Parts of a group that agree in all of it are one.
  const auto same = std::find_if(proof.parts.rbegin(), proof.parts.rend(), [&](const Part& other) {
    return other.group == group && other.requests() == part.requests() &&
           other.gpu() == part.gpu() && other.admitted == part.admitted;
  });
  if (same == proof.parts.rend()) {
    proof.parts.push_back(std::move(part));
  } else {
    same->count += count;
    same->shapes.push_back(&shape);
  }
}

/// Whoever comes to use headroom tolerates what there is; only the architecture is the policy's.
PodShape headroom_shape(const cluster::Headroom& headroom) {
  PodShape shape;
  shape.requests = headroom.each;
  shape.requests.pods = 1;
  shape.gpu = {headroom.request};
  shape.gpu.front().count = std::max<std::int64_t>(headroom.request.count, 1);
  shape.tolerations = {{"", true, "", ""}};
  return shape;
}

void read_pods(Proof& proof, std::uint32_t index, std::vector<bool>& seen) {
  const Certificate::Group& group = proof.certificate.groups[index];
  Shapes shapes;
  for (const std::uint32_t pod : group.pods) {
    if (seen[pod]) {
      proof.complain("{} is in the proof twice, the second time in group {}",
                     proof.audit.pod_name(pod), index);
      return;
    }
    seen[pod] = true;
    ++shapes[proof.demand.pods[pod].shape];
    if (!proof.audit.shape_of(pod).unplaceable.empty()) {
      proof.complain("{} is in the proof although its {} cannot be honoured",
                     proof.audit.pod_name(pod),
                     proof.audit.shape_of(pod).unplaceable.front().field);
    }
  }
  if (group.per_node == 1) check_per_node(proof, index, shapes);
  for (const auto& [shape, count] : shapes) {
    add_part(proof, index, proof.demand.shapes[shape], count, group.per_node == 1);
  }
  proof.sizes[index] = static_cast<std::int64_t>(group.pods.size());
  proof.verdict.pods += proof.sizes[index];
}

}  // namespace

void read_groups(Proof& proof) {
  const auto& groups = proof.certificate.groups;
  std::vector<bool> seen(proof.demand.pods.size(), false);
  std::set<std::int32_t> wishes;
  proof.sizes.assign(groups.size(), 0);
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    if (groups[g].headroom < 0) {
      read_pods(proof, g, seen);
      continue;
    }
    const auto& wish = proof.policy.headroom[static_cast<std::size_t>(groups[g].headroom)];
    if (!wishes.insert(groups[g].headroom).second) {
      proof.complain("the headroom of {} is in the proof twice", request_name(wish.request));
    }
    if (groups[g].per_node != 0) {
      proof.complain("{} counts on at most one on a node, and headroom may share one",
                     proof.group_name(g));
    }
    proof.sizes[g] = wish.count;
    proof.verdict.headroom += wish.count;
    if (wish.count <= 0) continue;
    proof.headroom.push_back(headroom_shape(wish));
    add_part(proof, g, proof.headroom.back(), wish.count, false);
  }
  for (std::uint32_t pod = 0; pod < seen.size(); ++pod) {
    if (!seen[pod]) proof.verdict.outside.push_back(pod);
  }
}

}  // namespace kerf::check
