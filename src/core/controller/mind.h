// Mind: the controller's state and the steps of its thinking; what each file of mind_*.cc does.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/control/names.h"
#include "core/controller/controller.h"
#include "core/controller/fleet.h"
#include "core/controller/flight.h"
#include "core/controller/reservation.h"
#include "core/controller/store.h"
#include "core/online/forecast.h"

namespace kerf::controller {

inline constexpr std::size_t kWaitingMax = 5;  ///< pods that a status names

/// A claim that is forbidden for so long is one that cannot be had.
inline constexpr std::int64_t kForbiddenMs = control::kMinute;

/// DESIGN §11: a claim that nobody looks after goes by itself; Kerf replaces it before.
inline constexpr std::int64_t kExpireAfterMs = std::int64_t{720} * control::kHour;

/// What is remembered of a machine beside what is observed. All of it is forgettable: a mind that
/// starts anew assumes that everything has just begun.
struct MachineMemory {
  bool withdrawing = false;
  control::Amounts amounts;  ///< withdrawing: what allocatable is lowered to
  Instant low_since = 0;     ///< withdrawing: since when the API has offered no more; 0 = it does
  std::int64_t wanted = 0;   ///< generation of the layout that is waited for
  Instant wanted_since = 0;
  bool failed = false;  ///< it was not reached in time: nothing new is put there for a while
  Instant failed_until = 0;
  /// One publication ahead for each layout of each registration of kubelet.
  std::string published_epoch;
  std::int64_t published_generation = 0;
  std::map<std::string, Instant> free_since;  ///< published and free: by device id
  Instant first_seen = 0;
  Instant empty_since = 0;       ///< 0 = it has pods
  Instant away_since = 0;        ///< its node was in service and is not ready; 0 = it is
  Instant left_alone_until = 0;  ///< emptying it was given up: not tried again before
  /// Questions where its pods would go: the last one that was asked, the last one in vain.
  std::uint64_t vacate_asked_for = 0;
  std::uint64_t vacate_vain_for = 0;
  std::string closing;  ///< why it is given back: "empty", "lost" ...; "" = it is not
};

enum class Phase : std::uint8_t {
  Prepare,  ///< the destination is cut, and parked
  Shield,   ///< the source is parked, so that the replacement does not come back to it
  Evict,    ///< allowed and written down; the eviction is asked for
  Await,    ///< the owner makes another pod, which takes the destination
  Done,
};

struct MoveState {
  Key pod;
  std::string uid;
  std::string owner;
  std::string from;
  std::string heir;  ///< id of the reservation at the destination
  Phase phase = Phase::Prepare;
  Instant since = 0;        ///< of the phase
  std::string successor;    ///< Await: the reservation of the pod that came
  std::uint64_t noted = 0;  ///< Evict: the status has to be written up to here first
  EffectId asked = 0;       ///< Evict: the eviction that was asked for last
  /// Evict: what became of it. Applied: the pod is told to end any moment.
  std::optional<Result> eviction;
};

/// A proposal that is being carried out.
struct Transaction {
  std::string why;                   ///< "freed", "replaced", "drifted", "expires", "opened"
  std::string opens;                 ///< id of the reservation that room is made for; "" = none
  std::vector<std::string> returns;  ///< machines
  std::vector<std::string> bought;   ///< claims that have to be in service first
  std::vector<MoveState> moves;      ///< in order
  MicroUsdPerHour saving;
};

/// A claim that is to be created as soon as the purchase is written down.
struct ToBuy {
  control::NodeClaim claim;
  std::vector<std::string> uids;  ///< pods that it is bought for
  std::uint64_t noted = 0;
  bool asked = false;
  Instant since = 0;
  Instant forbidden_since = 0;  ///< the API server forbids it; 0 = it has not
  MicroUsdPerHour price;
  std::size_t pods = 0;
};

/// Pods that wait, and why: the first ones, and how many in all.
struct Waiting {
  std::vector<control::NextStep> first;
  std::int64_t count = 0;

  /// `why`: a code, its arguments.
  void add(const std::string& pod, std::vector<std::string> why) {
    ++count;
    if (first.size() >= kWaitingMax) return;
    why.insert(why.begin(), pod);
    first.push_back({"Wait", std::move(why), {}});
  }
};

/// What the mind knows of one policy beside the policy.
struct PolicyMind {
  bool loaded = false;
  bool acted = false;         ///< in the step before
  Instant unsure_until = 0;   ///< what a run before this one asked for may arrive until then
  control::Kept kept;         ///< as it is to be; the object's is as it was written last
  std::uint64_t noted = 0;    ///< counts changes of `kept` that something waits for
  std::uint64_t written = 0;  ///< changes up to here are in the object
  std::uint64_t writing = 0;  ///< those in the PutStatus in flight
  control::Figures figures;
  Instant figures_at = 0;
  Instant status_at = 0;
  /// As the status written last had them.
  std::vector<control::Condition> conditions;
  std::vector<control::NextStep> next;
  Waiting waiting;          ///< whom the last answer left without a place
  Waiting barred;           ///< for whom nothing is asked; of this step
  control::NextStep would;  ///< what everything would be bought as
  std::optional<MicroUsdPerHour> would_told;
  EffectId comparing = 0;  ///< a Compare in flight, beside any other question
  std::shared_ptr<const Problem> compared;
  std::shared_ptr<const Solution> comparison;  ///< to it, not looked at yet
  EffectId bounding = 0;                       ///< the Compare that a bound may still come for
  std::int64_t told_generation = 0;  ///< of the status written last; 0 = it is to be written anew
  std::vector<cluster::PodShape> shapes;  ///< by AskId of the forecast
  std::map<cluster::PodShape, online::AskId> shape_ids;
  std::optional<online::Forecast> forecast;
  /// Shapes of warm slices and headroom: by what it is and resource.
  std::map<std::pair<For, std::string>, cluster::PodShape> room;
  std::set<std::string> known;  ///< demand: ids seen before
  Instant window_from = 0;
  Instant window_last = 0;
  std::uint64_t solved_for = 0;  ///< fingerprint of the question that was answered last
  std::uint64_t asked_for = 0;   ///< who that question was about
  std::uint64_t vain_for = 0;    ///< the same, of the last one that helped nobody
  Instant vain_at = 0;
  std::uint64_t compared_for = 0;
  EffectId solving = 0;  ///< 0 = nothing in flight
  std::shared_ptr<const Problem> problem;
  std::shared_ptr<const Solution> answer;  ///< to `problem`, not looked at yet
  Instant settled_since = 0;
  std::uint64_t settled_for = 0;
  Instant consolidated_at = 0;
  std::uint64_t consolidated_for = 0;
  Instant aged_at = 0;                  ///< when a machine was last looked for that has to go
  std::map<std::string, ToBuy> to_buy;  ///< by claim name
  std::vector<Transaction> transactions;
};

/// Not bound, and not told to end.
inline bool is_pending(const control::Pod& pod) {
  return pod.phase == control::PodPhase::Pending && pod.node.empty() && pod.meta.deleted == 0;
}

/// Never moved by Kerf, however much it would save.
bool must_stay(const control::Pod& pod);

inline bool is_daemon(const control::Pod& pod) { return pod.owner.kind == "DaemonSet"; }

/// Who makes a pod's successor: the group that it is in, or its owner.
inline std::string family(const control::Pod& pod) {
  const auto group = pod.meta.labels.find(control::kGroupLabel);
  return group == pod.meta.labels.end() ? pod.owner.uid : group->second;
}

/// One thing that wants a place: a pod that is pending, or one that is to come.
struct Want {
  std::string id;
  For whom = For::Pod;
  std::string name;  ///< for people, and for the order
  std::string owner;
  const cluster::PodShape* shape = nullptr;
  const control::Pod* pod = nullptr;
  bool may_buy = true;
  bool may_open = false;  ///< others may be moved for it
};

/// One more pod that a question is about.
void add_pending(Problem& problem, const Want& want);

class Controller::Mind {
 public:
  Mind(Options options, std::shared_ptr<online::SliceTables> tables)
      : options_(options), tables_(std::move(tables)) {}
  std::vector<Effect> step(std::span<const Event> batch, Instant now);
  std::uint64_t hash() const;
  Overview overview() const;

 private:
  // mind.cc: what it is told; the order of thinking.
  void absorb(const Event& event);
  void absorb(const Done& done);
  void turned_away(const Flight::Landed& landed);
  void ending(const control::NodeClaim& claim);
  void start_term();
  bool may_act() const;
  void think();
  void abandon();
  void rebuild();
  void wake_at(Instant at);
  /// The object must not be busy (is_free).
  template <class A>
  EffectId ask(Kind kind, const Key& key, Version version, A action) {
    const EffectId id = flight_.ask(kind, key, version, now_);
    effects_.push_back({id, std::move(action)});
    return id;
  }
  void note(Record record);
  bool is_free(Kind kind, const Key& key) const { return !flight_.busy(kind, key, now_); }
  const control::SlicePolicy* acting(const std::string& policy) const;
  const control::SlicePolicy* governing(const control::Pod& pod) const;

  // mind_demand.cc: who wants a place; which places are kept for whom.
  void recover();
  void recover(const Machine& machine, const control::Pod& pod);
  bool forget_stale_reservations();
  std::set<std::string> wanted_room() const;
  bool is_going(const control::Pod& pod) const;
  void inherit();
  bool is_demand(const control::SlicePolicy& policy, const control::Pod& pod) const;
  std::vector<Want> wants(const control::SlicePolicy& policy);
  void add_pods(const control::SlicePolicy& policy, std::vector<Want>& wants);
  void bar(const control::SlicePolicy& policy, const control::Pod& pod,
           std::vector<std::string> why);
  void say_why_not(const control::SlicePolicy& policy, const control::Pod& pod);
  void add_successors(const control::SlicePolicy& policy, std::vector<Want>& wants);
  void add_members(const control::SlicePolicy& policy, std::vector<Want>& wants);
  void add_room(const control::SlicePolicy& policy, std::vector<Want>& wants);

  // mind_place.cc: the question; the answer.
  void place(const control::SlicePolicy& policy);
  bool window_over(PolicyMind& mind, const std::vector<Want>& wants);
  std::shared_ptr<Problem> problem(const control::SlicePolicy& policy, Search search);
  void take_stock(const control::SlicePolicy& policy, Problem& problem);
  void placed(const control::SlicePolicy& policy, const Problem& problem, const Solution& solution);
  void reserve(const control::SlicePolicy& policy, const Problem& problem, std::uint32_t pod,
               const std::string& machine, std::vector<online::DeviceAt> devices);
  std::vector<std::string> why_not(const control::SlicePolicy& policy,
                                   const plan::Reason& reason) const;
  std::vector<std::string> over_budget(const control::SlicePolicy& policy, const std::string& ns);
  void has_to_wait(const std::string& policy, const control::Pod& pod,
                   std::vector<std::string> why);
  void disagree();
  void count_arrivals(PolicyMind& mind, const std::vector<Want>& wanted);
  static void forget_shapes(PolicyMind& mind);
  const control::Pod* pod_of(const std::string& id) const;
  bool inherited(const std::string& id) const;
  bool is_moving(const std::string& heir) const;
  const control::Pod* waiting_for(const Seat& seat) const;
  std::uint64_t fingerprint(const std::string& policy) const;

  // mind_layout.cc: what is cut and withdrawn on each machine; mind_offer.cc: what is offered.
  void lay_out();
  control::GpuNodeSpec target(const Machine& machine);
  void take_or_give(const Machine& machine, const control::GpuNodeSpec& wanted);
  bool withdrawn(const Machine& machine, const control::GpuNodeSpec& wanted, bool same);
  bool stays_offered(const Machine& machine, const Standing& slice);
  static bool is_ready(const Machine& machine, const Seat& seat);
  static bool is_visible(const Machine& machine, const Seat& seat);
  bool all_nominated(const Machine& machine) const;
  std::string text_of(const Machine& machine, const control::GpuNodeSpec& spec) const;
  std::string text_of(const Machine& machine, const std::vector<online::DeviceAt>& devices) const;
  void publish(const Machine& machine);
  void nominate(const Machine& machine);
  void take_back_nominations();
  void open(const Machine& machine);
  void label(const Machine& machine);
  void watch_layout(const Machine& machine);
  void tell_of_losses(const Machine& machine);
  bool may_park(const std::string& resource) const;
  bool would_preempt(const cluster::PodShape& shape) const;
  void find_priorities();

  // mind_claims.cc: buying, giving back, offerings that were refused.
  struct Part {
    MicroUsdPerHour rate;
    std::int64_t gpu_milli = 0;
  };
  void buy(const control::SlicePolicy& policy, const Problem& problem,
           const online::Purchase& purchase);
  std::string add_claim(const control::SlicePolicy& policy, const Problem& problem,
                        const plan::NodePlan& node, const std::vector<std::string>& uids,
                        std::vector<Alternative> others);
  control::NodeClaim claim_for(const control::SlicePolicy& policy, const Problem& problem,
                               const plan::NodePlan& node, const std::string& name) const;
  bool create_claims();
  void uncount(PolicyMind& mind, const control::NodeClaim& claim);
  bool is_awaited(const PolicyMind& mind, const std::string& claim) const;
  void refused(const control::NodeClaim& claim, const std::string& why = "");
  void give_up_claims();
  void give_back();
  bool nothing_offered(const Machine& machine) const;
  int unlaunched() const;
  std::vector<Key> pods_of(const std::vector<std::string>& uids) const;
  std::shared_ptr<const market::Market> on_sale();
  // mind_budgets.cc
  static Part part_of(const gpu::Model& model, MicroUsdPerHour price, std::int64_t gpus,
                      const std::vector<online::DeviceAt>& devices);
  Part spent(const control::SlicePolicy& policy, const std::string& ns);
  bool within_budget(const control::SlicePolicy& policy, const std::string& ns);
  bool affordable(const control::SlicePolicy& policy, const Problem& problem,
                  const plan::NodePlan& node);

  // mind_consolidate.cc: what is to be moved and given back to pay less.
  /// One pod that moves: where to, by number in the problem's snapshot.
  struct Planned {
    std::uint32_t pod = 0;
    std::string machine;       ///< "" = one that is bought
    std::uint32_t bought = 0;  ///< which of those
    std::vector<online::DeviceAt> devices;
  };
  void consolidate(const control::SlicePolicy& policy);
  void add_stock(Hasher& question, const Problem& asked) const;
  void wake_for_limits(const control::SlicePolicy& policy);
  void proposed(const control::SlicePolicy& policy, const Problem& problem,
                const Solution& solution);
  online::ConsolidateLimits limits(const control::SlicePolicy& policy);
  static bool is_anybody_moving(const PolicyMind& mind);
  void open_slot(const control::SlicePolicy& policy, const Problem& problem,
                 const online::Proposal& proposal);
  void begin(const control::SlicePolicy& policy, const Problem& problem,
             const online::Proposal& proposal);
  bool start(const control::SlicePolicy& policy, const Problem& problem, Transaction transaction,
             const std::vector<plan::NodePlan>& buys, const std::vector<Planned>& planned);
  bool within_limits(const control::SlicePolicy& policy, const market::Market& market,
                     const std::vector<plan::NodePlan>& buys) const;
  const control::Pod* running(const Problem& problem, std::uint32_t pod) const;
  std::string machine_of(const control::Pod& pod) const;
  bool replace_aged(const control::SlicePolicy& policy, bool settled);
  void vacate(const control::SlicePolicy& policy, const Problem& problem,
              const online::Decision& decision);
  bool is_settled(const control::SlicePolicy& policy);
  bool may_replace();
  bool prices_fresh() const;

  // mind_moves.cc: moves that were decided, step by step.
  void carry_on(const control::SlicePolicy& policy);
  bool carry_on(const control::SlicePolicy& policy, Transaction& transaction);
  bool carry_on(const control::SlicePolicy& policy, Transaction& transaction, MoveState& move);
  bool evict(const control::SlicePolicy& policy, Transaction& transaction, MoveState& move,
             Reservation& heir);
  void let_go(MoveState& move);
  bool has_others(const Transaction& transaction) const;
  std::string holds_back(const control::SlicePolicy& policy, const Transaction& transaction,
                         const control::Pod& pod) const;
  void let_come(Reservation& heir) const;
  bool waits_for_room(const Reservation& kept) const;
  bool stands(const Reservation& reservation) const;
  bool is_shielded(const MoveState& move) const;
  void give_up(const control::SlicePolicy& policy, Transaction& transaction,
               const std::string& why);

  // mind_status.cc: what is told and kept.
  void load(const control::SlicePolicy& policy);
  bool is_bought_for(const control::Pod& pod) const;
  void write_status(const control::SlicePolicy& policy);
  void compare(const control::SlicePolicy& policy);
  void compared(const control::SlicePolicy& policy, const Problem& problem,
                const Solution& solution);
  MicroUsdPerHour bill(const control::SlicePolicy& policy,
                       const std::set<std::string>& nodes) const;
  std::uint64_t must_keep(PolicyMind& mind) { return ++mind.noted; }

  // mind_conditions.cc: what people are told of a policy.
  std::vector<control::Condition> conditions(const control::SlicePolicy& policy);
  control::Condition prices_condition();
  control::Condition classes_condition(const control::SlicePolicy& policy) const;
  control::Condition nodes_condition(const control::SlicePolicy& policy) const;
  std::vector<control::NextStep> next_steps(const control::SlicePolicy& policy);

  Options options_;
  Store store_;
  Flight flight_;
  std::shared_ptr<online::SliceTables> tables_;  ///< what is kept changes nothing
  bool leading_ = false;
  /// What a leader before this one asked for may arrive until then. Which pods it bought for is
  /// kept; what it bought in the place of other nodes is not.
  Instant replaces_from_ = 0;
  bool thought_ = false;  ///< in this term: the fleet is put together
  std::set<Kind> synced_;
  std::shared_ptr<const market::Market> market_;
  Instant prices_as_of_ = 0;
  std::string price_source_;
  std::string price_trouble_;
  market::NodeOverhead overhead_;
  /// Offerings that could not be had: type, zone, capacity type -> until when they are out.
  std::map<std::tuple<std::string, std::string, market::CapacityType>, Instant> refused_;
  std::shared_ptr<const market::Market> on_sale_;
  /// Namespaces that could not afford more: policy and namespace -> what they held then.
  struct Full {
    Part held;
    std::int64_t generation = 0;  ///< of the policy
  };
  std::map<std::pair<std::string, std::string>, Full> full_;
  Reservations reservations_;
  std::map<std::string, control::NodeClaim> creating_;
  std::map<std::string, PolicyMind> policies_;
  std::map<std::string, MachineMemory> machines_;
  std::map<std::string, Instant> nominated_by_others_;  ///< pod uid -> since
  std::map<std::string, std::string> named_;  ///< node that a pod was nominated to last, by uid
  std::map<std::string, Instant> disagreed_;  ///< pod uids -> until when
  std::set<std::string> opened_;              ///< pod uids that others were moved for
  std::set<std::string> did_not_leave_;       ///< "heir/" + uid: a place was kept in vain
  std::map<std::string, std::string> told_;   ///< object -> last thing noted about it
  std::set<std::string> recovered_;  ///< policies that act, and whose promises were looked for
  std::uint64_t market_number_ = 0;  ///< counts changes of what is on sale

  // Of this step.
  Instant now_ = 0;
  std::map<std::pair<std::string, std::string>, Part> spent_;  ///< by policy and namespace
  Fleet fleet_;
  std::map<std::string, std::int32_t> lowest_users_;  ///< by resource: the lowest priority
  std::optional<std::int32_t> preempting_;            ///< the greatest priority that may preempt
  std::set<std::string> shielded_;                    ///< uids of pods that are being moved away
  std::vector<Effect> effects_;
  std::optional<Instant> wake_;
};

}  // namespace kerf::controller
