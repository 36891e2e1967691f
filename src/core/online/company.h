// Company: required constraints between pods, judged against what stands.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/cluster/pod.h"

namespace kerf::online {

/// Counts pods and says where one more of a shape may go.
///
/// Rules: what kube-scheduler enforces for required terms and DoNotSchedule, or stricter, as the
/// planner reads them (core/plan/coupling.h):
///  - host ports: no two pods of a node with the same port and protocol on the same or any address;
///  - anti-affinity: no pod in the domain that a term of the pod selects, nor one with a term that
///    selects the pod;
///  - affinity: for each term, in its domain, a pod that all of the pod's terms select
///    (kube-scheduler, interpodaffinity/filtering.go, counts no others); a pod that they all select
///    itself may go anywhere as long as there is no such pod anywhere (the first of its group);
///  - spread over zones: pods in the zone, the pod itself with them, at most max_skew more than in
///    the zone that has the fewest, or than none if fewer than min_domains zones count. Zones that
///    count: those added, those of nodes that stand and those that pods are bound for, if the pod's
///    node selector and affinity admit them by their zone requirements. Pods count that are on
///    nodes which the pod's node selector and affinity admit by their labels (nodeAffinityPolicy:
///    Honor, nodeTaintsPolicy: Ignore), on nodes whose labels were not given, and on nodes yet to
///    be bought if they ask for such a node themselves;
///  - spread over hostnames: at most max_skew selected pods on the node (an empty node can always
///    be had);
///  - other topology keys: a pod with such a term goes nowhere, nor does one that such an
///    anti-affinity of a pod that stands selects.
/// Node selectors, taints and volumes are not judged here, but for zones in fresh_zones().
///
/// Cost: pods are counted as they come and go, for each group that some term selects. A question
/// looks at one count for each constraint that concerns the shape, of a spread at one for each
/// zone; bind and release at the groups that count the shape. Never at all pods, nor at all shapes.
/// Adding a shape looks at all groups, and at what stands of the shapes that a new group counts.
class Company {
 public:
  using Shape = std::uint32_t;
  using Node = std::uint32_t;
  using Labels = std::map<std::string, std::string>;

  /// A zone that spreads always count, whether or not a node stands there. Idempotent.
  void add_zone(const std::string& zone);
  /// Shapes are numbered from 0 in the order in which they are added; the caller interns them.
  Shape add_shape(const cluster::PodShape& shape);
  /// Nodes are numbered from 0 likewise. Its zone counts as long as the node stands; "" = it is not
  /// known, and the node is in no zone. Labels empty: they are not known.
  Node add_node(const std::string& zone, const Labels& labels = {});
  /// The last node was never there: its number is free again. No pod is on it.
  void take_back_node();
  /// The node, on which no pod is, stands no longer / again.
  void remove_node(Node node);
  void return_node(Node node);

  /// A pod of the shape is on the node / no longer.
  void bind(Shape shape, Node node);
  void release(Shape shape, Node node);
  /// The same for a pod that will be on a node yet to be bought in that zone, a node of its own as
  /// far as hostnames go.
  void bind_zone(Shape shape, const std::string& zone);
  void release_zone(Shape shape, const std::string& zone);

  /// False: allows() is true everywhere and fresh_zones() is all that the pod's own zone
  /// requirements admit, as things stand.
  bool constrained(Shape shape) const;
  /// May one more pod of the shape go to this node?
  bool allows(Shape shape, Node node) const;
  /// Zones in which a new, empty node could take one more pod of the shape, fewest pods of its own
  /// spread first, then by name. Zones that its node selector, affinity or volumes rule out are not
  /// among them.
  std::vector<std::string> fresh_zones(Shape shape) const;
  /// True if the shape has a required affinity by hostname, and no pod that its terms select is on
  /// a node yet: it has to be placed together with one, of its own group or another.
  bool wants_company(Shape shape) const;
  /// Does a constraint over zones (spread, affinity, anti-affinity) of this shape or another
  /// concern the shape, or count it? Then a node bought for it must be bought in a zone that
  /// fresh_zones() names.
  bool bound_to_zones(Shape shape) const;

 private:
  using Zone = std::uint32_t;
  using GroupId = std::uint32_t;
  static constexpr std::uint32_t kNowhere = 0xffffffff;  ///< a zone not known, a node not there
  enum class Domain : std::uint8_t { Node, Zone, Cluster };

  /// What a shape asks of a node beside its zone; all of `selector`, and one of `affinity` if there
  /// is one.
  struct NodeNeeds {
    cluster::Requirements selector;
    std::vector<cluster::Requirements> affinity;
    bool none() const { return selector.empty() && affinity.empty(); }
    auto operator<=>(const NodeNeeds&) const = default;
  };
  /// Shapes that meet all that is listed.
  struct Members {
    std::vector<cluster::PodSelector> selected;  ///< by each of these
    std::vector<cluster::AffinityTerm> repels;   ///< each is an anti-affinity of theirs
    std::vector<cluster::HostPort> ports;        ///< each is one of theirs
    NodeNeeds on;                                ///< those on nodes that meet this
    auto operator<=>(const Members&) const = default;
  };
  struct Group {
    Domain domain = Domain::Node;
    NodeNeeds on;
    std::unordered_map<std::uint32_t, std::int64_t> in;  ///< pods by node or zone; only looked up
    std::int64_t everywhere = 0;
    std::int64_t on_nodes = 0;
  };
  struct Spread {
    GroupId group = 0;
    std::int32_t max_skew = 1;
    std::int32_t min_domains = 1;
    bool itself = false;  ///< the selector selects the pod
  };
  /// What is asked for one shape.
  struct Rules {
    bool nowhere = false;
    std::vector<GroupId> apart;   ///< none of these in its domain
    std::vector<GroupId> beside;  ///< for each affinity term: one of these in its domain
    bool founds = false;          ///< its own affinity terms all select it
    std::vector<Spread> spread;
    std::vector<bool> zones;          ///< by zone: its zone requirements admit it
    std::vector<GroupId> counted_by;  ///< groups it is a member of
  };
  struct Place {
    Zone zone = kNowhere;
    Node node = kNowhere;
    auto operator<=>(const Place&) const = default;
  };

  Zone zone_number(const std::string& zone);
  /// Do spreads count the zone, as things stand?
  bool there(Zone zone) const { return always_[zone] || uses_[zone] > 0; }
  static Domain domain_of(const std::string& topology_key);
  static NodeNeeds needs_of(const cluster::PodShape& shape);
  static bool asks_for(const NodeNeeds& needs, const cluster::PodShape& shape);
  static bool is_member(const Members& members, const cluster::PodShape& shape);
  GroupId group(Members members, Domain domain);
  void keep_apart(Shape shape, GroupId group);
  void repel(const cluster::AffinityTerm& term);
  void use_port(const cluster::HostPort& port);
  bool is_on(const NodeNeeds& needs, Shape shape, Place place) const;
  void count(Group& group, Shape shape, Place place, std::int64_t by) const;
  void change(Shape shape, Place place, std::int64_t by);
  /// Pods of the group in the domain that the place is in.
  std::int64_t pods_at(GroupId group, Place place) const;
  bool has_company(const Rules& rules, Place place) const;
  bool is_even(const Rules& rules, const Spread& spread, Place place) const;
  bool allows(const Rules& rules, Place place) const;

  std::vector<cluster::PodShape> shapes_;
  std::vector<Rules> rules_;                           ///< by shape
  std::vector<std::map<Place, std::int64_t>> stands_;  ///< by shape: pods by place, > 0
  std::vector<std::string> zones_;                     ///< all that were ever named
  std::vector<bool> always_;                           ///< by zone: counts whatever stands there
  std::vector<std::int64_t> uses_;  ///< by zone: nodes that stand there, pods bound for it
  std::map<std::string, Zone> zone_index_;
  std::vector<Zone> zone_of_;                          ///< by node
  std::vector<std::shared_ptr<const Labels>> labels_;  ///< by node
  std::vector<Group> groups_;
  std::map<std::pair<Members, Domain>, GroupId> group_index_;
  std::map<cluster::AffinityTerm, GroupId> repellers_;  ///< anti-affinity, those who have it
  std::map<cluster::HostPort, GroupId> ports_;          ///< a port, those who use it
};

}  // namespace kerf::online
