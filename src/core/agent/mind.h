// Mind: the agent's memory and the parts of a step; the rules are in docs/agent.md.
#pragma once

#include "core/agent/agent.h"
#include "core/agent/follow.h"
#include "core/agent/prefer.h"
#include "core/agent/state.h"

namespace kerf::agent {

class Agent::Mind {
 public:
  Mind(const gpu::Catalogue& catalogue, Options options)
      : catalogue_(catalogue), options_(options) {}

  std::vector<Effect> step(std::span<const Event> batch, Instant now);
  std::uint64_t hash() const;

 private:
  // mind.cc
  void hear(const Started& event);
  void hear(const Kubelet& event);
  void hear(const Wanted& event);
  void hear(const NotWanted& event);
  void hear(const Unreadable& event);
  void hear(const BootLayout& event) { boot_layout_ = event.spec; }
  void hear(const Lease& event);
  void hear(const ForeignPlugins& event) { foreign_plugins_ = event.resources; }
  void hear(const ForeignDriver& event) { foreign_driver_ = event.present; }
  void hear(const Xid& event);
  void hear(const Doubt&) { doubt_told(doubted_); }
  void hear(const Done& event);
  void hear(const Woke&) { waking_ = kNever; }
  void doubt_told(bool& which);
  EffectId emit(Action action);
  /// Is it that late? If not, a step is asked for then.
  bool due(Instant at);
  void wake();
  /// Another one serves GPUs of this node: nothing is touched.
  bool frozen() const;
  /// A resource of Kerf's that another plugin serves; "" = none.
  std::string foreign_resource() const;
  template <class Visit>
  void each(Visit visit) {
    for (std::uint32_t i = 0; i < gpus_.size(); ++i)
      for (auto& [key, device] : gpus_[i].devices) visit(i, key, device);
  }
  Device* by_id(const std::string& id);
  std::optional<std::uint32_t> index_of(const std::string& uuid) const;
  static std::string id_of(std::uint32_t gpu, const DeviceKey& key) {
    return control::device_id(gpu, key.second, key.first);
  }

  // derive.cc: devices from what is seen, wanted, written and held
  void hear(const Looked& event);
  void derive();
  void want(std::uint32_t index);
  control::WantedGpu layout_of(std::uint32_t index);
  void attach(std::uint32_t index);
  void stand(std::uint32_t index);
  void spread_holders();
  static void spread(Gpu& gpu, const Process& process, int source, bool asked);
  void forget(std::uint32_t index);
  Device& device(std::uint32_t index, const DeviceKey& key, const Shape& shape);
  static const Entry* entry_in(const Journal& journal, std::uint32_t index, const DeviceKey& key);
  static bool is_marked_going(const Journal& journal, std::uint32_t index, const DeviceKey& key);
  const Entry* entry_of(std::uint32_t index, const DeviceKey& key) const {
    return entry_in(journal_, index, key);
  }

  // numbers.cc: which GPU has which number
  void place(const std::vector<SeenGpu>& seen);
  void recall(const std::vector<SeenGpu>& seen);
  std::vector<std::string> numbers(const std::vector<SeenGpu>& seen) const;
  void see(Gpu& gpu, const SeenGpu& seen);

  // drain.cc: who may go
  void hear(const Holders& event);
  enum class Leave : std::uint8_t { No, Destroy, Remake, Rename };
  static Leave leave_of(const Gpu& gpu, const Device& device);
  void drain();
  /// From when on answers about holders count for it; nullopt: not yet known.
  std::optional<Instant> since(const Device& device) const;
  void end_grant(Device& device, bool leaves);
  void ask();
  void need(Source source) { told_[static_cast<int>(source)].again = true; }
  bool is_going(std::uint32_t index, const DeviceKey& key, const Device& device) const;

  // written.cc: the journal
  void write_journal();
  Journal journal_now() const;
  void keep_written(std::uint32_t index, JournalGpu& written) const;
  void journal_done(Code code);
  bool is_written(std::uint32_t index, const DeviceKey& key) const;

  // drive.cc: driver operations
  void drive();
  bool destroy(std::uint32_t index);
  bool create(std::uint32_t index);
  bool create_compute(std::uint32_t index);
  bool has_room(const Gpu& gpu, const DeviceKey& key, const Device& device) const;
  bool is_busy(const Gpu& gpu) const;
  void operate(Operation operation, Action action);
  void operated(Code code);
  static void done_to(Gpu& gpu, const Operation& operation);
  void look();
  bool looks_for_doubt();

  // serve.cc: kubelet
  void hear(const Dropped& event);
  void hear(const Confirmed& event);
  void hear(const Allocate& event);
  std::string refusal(const std::string& resource, const std::string& id);
  void serve();
  void confirm();
  bool wants_healthy(std::uint32_t index, const DeviceKey& key, Device& device);
  std::string wants_list(const Gpu& gpu, const Device& device);
  void send(const std::string& name, Resource& resource, std::vector<ServedDevice> list);
  void drop(const std::string& name, Resource& resource);

  // cdi.cc: CDI entries
  void hear(const CdiStale& event);
  bool has_cdi(std::uint32_t index, const DeviceKey& key, const Device& device) const;
  bool is_cdi_due(std::uint32_t index, const DeviceKey& key, const Device& device);
  void write_cdi();
  void cdi_done(const CdiWrite& write, Code code);

  // advise.cc: what kubelet is to take
  void hear(const PreferredAllocation& event);
  Offer offer_of(const std::string& id);
  std::map<std::uint32_t, OfferGpu> offer_gpus();

  // status.cc
  void report();
  void reported(Code code);
  void report_anew();
  control::GpuNodeStatus status() const;
  std::vector<control::GpuStatus> remembered() const;
  int unread_source() const;
  control::SliceStatus slice_status(const Gpu& gpu, const DeviceKey& key,
                                    const Device& device) const;
  std::pair<control::Degraded, std::string> degraded() const;
  bool is_cut() const;
  bool is_offered(const Device& device) const;

  const gpu::Catalogue& catalogue_;
  Options options_;
  Instant now_ = 0;
  std::vector<Effect> effects_;
  EffectId next_id_ = kPerhaps + 1;
  Instant wake_ = kNever;    ///< the earliest time that something waits for
  Instant waking_ = kNever;  ///< of the last WakeAt, if it has not come

  // Told.
  bool started_ = false;
  Instant started_at_ = 0;
  std::string run_;
  std::string boot_id_;
  std::optional<Wanted> wanted_;
  std::string told_uid_;            ///< of the last Wanted; "": there is none
  std::optional<OlderSpec> older_;  ///< told last, and not followed
  std::optional<Unreadable> unreadable_;
  std::optional<control::GpuNodeSpec> boot_layout_;
  bool kubelet_up_ = false;
  std::uint64_t registrations_ = 0;
  bool away_ = false;  ///< the controller
  std::optional<Instant> renewed_;
  Instant renewed_seen_ = 0;
  std::set<std::string> foreign_plugins_;
  bool foreign_driver_ = false;

  // Seen.
  bool looked_ = false;
  bool doubt_ = true;     ///< look before anything else is done: an operation failed
  bool doubted_ = false;  ///< the same, but with pauses: the host said so
  bool suspect_ = false;  ///< something may be wrong somewhere: look, with pauses
  bool looking_for_doubt_ = false;
  Instant doubt_heard_ = 0;
  Retry doubt_pause_;       ///< between Looks of which the reason was told
  EffectId looked_id_ = 0;  ///< of the last Look that was answered
  Instant looked_at_ = 0;
  Code look_code_ = Code::Success;  ///< of the last failure
  Retry look_retry_;
  std::vector<Gpu> gpus_;
  std::array<Told, kSources> told_;

  // Written, and in flight.
  Journal journal_;
  bool journal_sure_ = true;  ///< false: it may be that or the one before
  std::optional<Journal> writing_;
  EffectId writing_id_ = 0;
  Retry journal_retry_;
  std::optional<Operation> operation_;
  std::map<std::string, Cdi> cdi_;  ///< by device id
  std::map<EffectId, CdiWrite> cdi_writes_;
  std::map<std::string, Resource> resources_;
  std::map<std::string, gpu::Geometry> geometries_;  ///< by model; made when first needed
  EffectId confirming_ = 0;
  Instant confirmed_at_ = 0;
  Retry confirm_retry_;
  std::optional<control::GpuNodeStatus> reported_;
  std::optional<control::GpuNodeStatus> reporting_;
  EffectId reporting_id_ = 0;
  bool report_void_ = false;  ///< in flight: it may be another GpuNode's
  Retry report_retry_;
};

}  // namespace kerf::agent
