// Proof: a certificate put together with what it speaks of, as the checker itself sees it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/check/audit.h"
#include "core/check/certificate.h"
#include "core/check/gpu_contents.h"

namespace kerf::check {

/// No amount of a certificate may be larger: products with counts then stay within 128 bits.
inline constexpr std::int64_t kMostAmount = 1'000'000'000'000'000'000;
/// No room of a node may be larger in any part, and no count of nodes.
inline constexpr std::int64_t kMostRoom = 1'000'000'000;

/// Pods of one group that are alike in requests and in where they may run.
struct Part {
  std::uint32_t group = 0;
  std::int64_t count = 0;
  bool one_per_node = false;
  std::vector<const cluster::PodShape*> shapes;  ///< at least one; alike in requests
  std::vector<std::vector<bool>> admitted;       ///< by pool, then by its offerings

  const Resources& requests() const { return shapes.front()->requests; }
  const std::vector<cluster::GpuRequest>& gpu() const { return shapes.front()->gpu; }
};

/// A kind of node and which parts may be on it.
struct NodeKind {
  using Ways = std::vector<GpuRoom::Units>;

  std::uint32_t type = 0;
  gpu::GpuMode mode = gpu::GpuMode::Any;
  MicroUsdPerHour price;
  Resources room;
  std::vector<gpu::Form> forms;      ///< those that its parts may be given: units count these
  mutable GpuRoom gpus;              ///< for answers that it remembers
  std::vector<std::uint32_t> parts;  ///< those of which one node can hold one, ascending
  std::vector<std::size_t> ways_of;  ///< by `parts`: index in `ways`
  /// Ways to serve like requests; forms that another one replaces wherever they are, are left out.
  std::vector<Ways> ways;
};

/// Pods of equal worth and needs on a kind of node: what is counted together.
struct Item {
  std::int64_t value = 0;
  std::int64_t count = 0;  ///< at most this many on a node
  Resources requests;
  const NodeKind::Ways* ways = nullptr;
  std::uint32_t group = 0;  ///< one of them, for sentences
};

/// Where a pod may run, by the checker's own labels, generously: a label that nodes may be given
/// freely counts as met.
class Admissions {
 public:
  explicit Admissions(const Audit& audit) : audit_(audit) {}
  /// `zones` empty: any zone of the region, those that the pod names among them; else one of these.
  bool may_run(const cluster::PodShape& shape, std::uint32_t type, market::CapacityType capacity,
               const std::vector<std::string>& zones);

 private:
  using Place = std::tuple<std::uint32_t, market::CapacityType, std::vector<std::string>>;
  bool decide(const cluster::PodShape& shape, const Place& place);
  bool may_hold(const cluster::Requirements& requirements,
                const std::map<std::string, std::vector<std::string>>& labels);

  const Audit& audit_;
  std::map<Place, std::map<cluster::PodShape, bool>> known_;
  std::optional<std::set<std::string>> decided_;  ///< labels that types decide
};

struct Proof {
  Proof(const plan::Certificate& of, const cluster::Demand& for_demand,
        const market::Market& on_market, const cluster::Policy& under, const VerifyOptions& with,
        Verdict& into)
      : certificate(of),
        demand(for_demand),
        market(on_market),
        policy(under),
        options(with),
        verdict(into),
        audit{nothing, for_demand, on_market, under, {}, {}} {}

  const plan::Certificate& certificate;
  const cluster::Demand& demand;
  const market::Market& market;
  const cluster::Policy& policy;
  const VerifyOptions& options;
  Verdict& verdict;
  plan::Plan nothing;
  /// For what looks at demand, market and policy only.
  Audit audit;

  Admissions admissions{audit};
  std::deque<cluster::PodShape> headroom;  ///< pods that would use it
  std::vector<Part> parts;
  std::vector<std::int64_t> sizes;           ///< of groups: pods, or room to keep free
  std::vector<std::vector<NodeKind>> nodes;  ///< by pool: kinds that no other of it covers
  /// By model, nominal memory, fraction and mode.
  std::map<std::tuple<const gpu::Model*, std::int32_t, std::uint8_t, gpu::GpuMode>, GpuContents>
      contents;

  template <class... Args>
  void complain(fmt::format_string<Args...> text, Args&&... args) {
    if (verdict.complaints.size() < Verdict::kMostComplaints) {
      verdict.complaints.push_back(fmt::format(text, std::forward<Args>(args)...));
    }
  }
  bool sound() const { return verdict.complaints.empty(); }
  const GpuContents& contents_of(std::uint32_t type, gpu::GpuMode mode);
  /// "group 3 (pod default/llm-0 and 4 more)", "group 5 (headroom nvidia.com/gpu)".
  std::string group_name(std::uint32_t group) const;
  /// "pool 2 (p4d.24xlarge, on-demand)".
  std::string pool_name(std::uint32_t pool) const;
};

/// Indices, sizes and signs: what the rest relies on. Complains and returns false else.
bool shape_holds(Proof& proof);
/// Each pod once; `sizes`, `parts` without admission; what one node may hold one of.
void read_groups(Proof& proof);
/// Prices and counts are the market's, all that can be bought is covered; admission of parts and
/// `nodes`.
void read_pools(Proof& proof);

/// The kind of node, with the parts among `admitted` that it can hold.
NodeKind node_kind(Proof& proof, std::uint32_t type, gpu::GpuMode mode,
                   const std::vector<bool>& admitted);
/// The items that parts become when groups are worth these values; those worth nothing are left
/// out.
std::vector<Item> items_of(const Proof& proof, const NodeKind& node,
                           const std::vector<std::int64_t>& values);

/// Every claim of every leaf, then the least bound of all leaves, in parts; nullopt after a
/// complaint.
std::optional<Int128> bound_by_duals(Proof& proof);
/// The least bill of any fleet, in micro-dollars; nullopt after a complaint.
std::optional<Int128> bound_by_trying_all(Proof& proof);

/// What multipliers show of a node: an upper bound of the worth of its pods.
Int128 bound_by_multipliers(const NodeKind& node, const std::vector<Item>& items,
                            const plan::Certificate::Multipliers& multipliers);

/// What a complete search shows.
struct Searched {
  enum class Outcome : std::uint8_t { Holds, Beaten, TooLarge } outcome = Outcome::Holds;
  std::int64_t value = 0;   ///< Beaten: of a content that one node can hold
  std::uint32_t group = 0;  ///< Beaten: the last in it
};
/// Whether no content of the node is worth more than `worth`. `steps` is what may still be looked
/// at, and is lowered.
Searched search_node(const NodeKind& node, const std::vector<Item>& items, std::int64_t worth,
                     const plan::Certificate::Multipliers& multipliers, std::int64_t& steps);

}  // namespace kerf::check
