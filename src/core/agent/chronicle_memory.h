// Chronicle's memory: what was said of each device, and what is in flight; a mirror of the mind
// made of its words alone.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/agent/chronicle.h"
#include "core/agent/follow.h"
#include "core/agent/shape.h"
#include "core/agent/state.h"

namespace kerf::agent {

class Chronicle::Memory {
 public:
  explicit Memory(const gpu::Catalogue& catalogue) : catalogue_(&catalogue) {}

  Records observe(std::span<const Event> batch, std::span<const Effect> effects, Instant now);

  const std::optional<control::GpuNodeStatus>& status() const { return status_; }
  std::size_t open() const { return open_.size(); }

 private:
  struct Open {
    std::string cut;
    Cut kind = Cut::Give;
    std::string device;
    std::string gpu;
    std::string resource;
    Instant begun = 0;
    Instant last = 0;           ///< when the step before ended
    Code code = Code::Success;  ///< of the last try, if it failed
    std::set<Phase> done;
    std::set<Phase> sent;    ///< of kubelet's lists: tried, and to be tried again until done
    EffectId unlisting = 0;  ///< in flight
  };
  /// Of that cut alone, which may be over when it is known what became of it.
  struct Step {
    std::string device;
    Phase phase = Phase::Making;
    std::string cut;
  };
  /// What becomes of an effect is a step of these cuts.
  struct Flight {
    Instant at = 0;
    const char* operation = nullptr;  ///< of the driver
    std::string gpu;                  ///< UUID
    std::vector<Step> steps;
    std::optional<CdiEntry> cdi;  ///< written; its uuid "" = removed
    std::string resource;         ///< Serve
    bool void_now = false;        ///< Serve: whom it reaches is not known
    bool report = false;
    std::optional<std::pair<std::uint16_t, std::uint8_t>> destroys;  ///< profile and start
  };
  struct List {
    std::map<std::string, bool> devices;  ///< healthy
    Instant at = 0;                       ///< when it was served
    EffectId sent = 0;  ///< a later effect is about that list; 0: it is not known to be sent
    bool confirmed = false;
  };
  struct Written {
    std::string gpu;
    DeviceKey key;
    Entry entry;
  };
  using DeviceMap = std::map<std::string, Written>;

  // chronicle_events.cc
  void hear(const Started& event);
  void hear(const Looked& event);
  void hear(const Kubelet& event);
  void hear(const Dropped& event);
  void hear(const Confirmed& event);
  void hear(const Wanted& event);
  void hear(const NotWanted& event);
  void hear(const Unreadable& event);
  void hear(const Allocate& event) { calls_[event.call] = event; }
  void hear(const Xid& event);
  void hear(const Done& event);
  template <class Other>
  void hear(const Other&) {}
  void served(Flight& flight, bool ok);
  void offered(const std::string& resource, List& list);

  // chronicle_effects.cc
  void see(EffectId id, const Action& action);
  void see_journal(EffectId id, const Journal& journal);
  void see_entry(Flight& flight, const std::string& device, const Written& now,
                 const Written* before);
  void see_serve(EffectId id, const Serve& serve);
  void see_answer(const Answer& answer);
  void see_report(EffectId id, const Report& report);
  void see_driver(EffectId id, const char* operation, Phase phase, const std::string& gpu,
                  std::uint16_t profile, std::uint8_t start);

  // chronicle.cc
  Open& begin(Cut kind, const std::string& device, const std::string& gpu,
              const std::string& resource, bool resumed);
  void step_done(const std::string& device, Phase phase, Code code, Instant from);
  void end(const std::string& device, Result result);
  /// Failed, if that is how its last try went; else Superseded.
  void give_up(const std::string& device);
  Open* cut_of(const std::string& device, Cut kind);
  Open* cut_of(const Step& step);
  Step step_of(const std::string& device, Phase phase) {
    return {device, phase, open_.at(device).cut};
  }
  void compare_with_spec();
  void finish();
  bool is_given(const Written& written, const std::string& device) const;
  bool is_listed(const std::string& device) const;
  bool left_out(const Written& written) const;
  /// Is something there that takes room?
  bool exists(const Written& written) const;
  const SeenInstance* instance_of(const Written& written) const;
  const gpu::Model* model_of(const std::string& gpu) const;
  std::optional<std::uint32_t> number_of(const std::string& gpu) const;
  std::string id_of(const std::string& gpu, std::uint16_t profile, std::uint8_t start) const;
  static DeviceMap devices_of(const Journal& journal);

  const gpu::Catalogue* catalogue_;
  Instant now_ = 0;
  Records records_;
  std::string run_;
  int cuts_ = 0;
  EffectId newest_ = 0;
  bool compare_ = false;  ///< with the spec, as soon as the GPUs are known
  std::optional<Wanted> wanted_;
  std::string told_uid_;            ///< of the last Wanted
  std::optional<OlderSpec> older_;  ///< told last, and not followed
  Journal journal_;                 ///< as the mind asked for last
  DeviceMap written_;               ///< its devices, by id
  std::map<std::string, SeenGpu> seen_;
  std::map<std::string, Open> open_;  ///< by device
  std::map<EffectId, Flight> flights_;
  std::map<std::uint64_t, Allocate> calls_;
  std::map<std::string, List> lists_;
  std::map<std::string, std::string> cdi_;
  std::map<std::string, std::string> offered_;  ///< device -> resource
  std::optional<control::GpuNodeStatus> status_;
};

}  // namespace kerf::agent
