// Checks of what happens on the machines: slices in use, layouts, kubelets, who has which device.
#include <algorithm>
#include <memory>

#include "core/gpu/geometry.h"
#include "sim/check.h"

namespace kerf::sim {
namespace {

/// "gpu3/2g.10gb@4" in its parts.
struct DeviceName {
  int gpu = -1;
  std::string form;
  int start = 0;
};

DeviceName parse(const std::string& id) {
  DeviceName name;
  const std::size_t first = id.find('/');
  const std::size_t last = id.rfind('@');
  if (!id.starts_with("gpu") || first == std::string::npos || first == last) return name;
  const auto number = [](const std::string& text) {
    int value = 0;
    for (const char c : text) value = value * 10 + (c - '0');
    return value;
  };
  name.gpu = number(id.substr(3, first - 3));
  name.form = id.substr(first + 1, last - first - 1);
  name.start = number(id.substr(last + 1));
  return name;
}

class Slices : public Checker {
 public:
  using Checker::Checker;

  void changed(const Change& change) override {
    if (const auto* gpus = change.is<control::GpuNode>();
        gpus != nullptr && gpus->status.degraded == control::Degraded::IllegalLayout)
      checks_.breach(Promise::LegalLayout, change.key.name +
                                               " is asked for a layout that it cannot " +
                                               "have: " + gpus->status.message);
    const auto* was = change.was<control::Pod>();
    const auto* is = change.is<control::Pod>();
    if (is != nullptr && !is->node.empty() && !is->shape.gpu.empty()) {
      dirty_.insert(is->node);
      if (was == nullptr || was->node.empty()) bound_beyond(*is);
    }
  }

  void fault(const FaultDone& done) override {
    if (done.what == FaultKind::ForeignInstance) foreign_.insert(done.where);
  }

  void looked(Machine& machine) override {
    logs(machine);
    if (dirty_.erase(machine.node()) > 0) held_twice(machine);
    Seen& seen = seen_[machine.node()];
    if (machine.kubelet().crashes() > seen.crashes) {
      seen.crashes = machine.kubelet().crashes();
      checks_.breach(Promise::KubeletCrash, "kubelet of " + machine.node() +
                                                " crashed: a device left its list while an "
                                                "allocation of it was in flight");
    }
    if (machine.driver().state().changes != seen.changes) {
      seen.changes = machine.driver().state().changes;
      legal(machine);
    }
  }

 private:
  struct Seen {
    int crashes = 0;
    std::uint64_t changes = 0;
  };

  void logs(Machine& machine) {
    if (machine.destroyed().empty() && machine.broken_starts().empty()) return;
    for (const DestroyedInstance& gone : machine.destroyed()) {
      if (gone.by == DestroyedInstance::By::Reboot || !gone.was.held()) continue;
      if (gone.by == DestroyedInstance::By::Other && foreign_.contains(machine.node())) continue;
      const auto& who = gone.was.holders.empty() ? gone.was.processes : gone.was.holders;
      checks_.breach(Promise::SliceInUse,
                     control::device_id(static_cast<std::uint32_t>(gone.was.gpu), gone.was.form,
                                        gone.was.start) +
                         " of " + machine.node() + " was destroyed while " + *who.begin() +
                         " held it");
    }
    for (const BrokenStart& start : machine.broken_starts()) {
      if (start.gpu_lost || foreign_.contains(machine.node())) continue;
      checks_.breach(Promise::BrokenStart, start.pod + " started on " + machine.node() + " with " +
                                               start.device + ": " + start.why);
    }
    machine.clear_log();
  }

  /// Of each GPU what stands is a state of core/gpu's own geometry, which shares nothing with the
  /// driver that is simulated.
  void legal(Machine& machine) {
    const gpu::Catalogue& catalogue = checks_.world().spec().market->gpus;
    const std::vector<InstanceView> all = machine.instances();
    for (int g = 0; g < std::ssize(machine.driver().config().gpus); ++g) {
      const std::string& board = machine.driver().config().gpus[static_cast<std::size_t>(g)].board;
      const gpu::Model* model = catalogue.find(board);
      if (model == nullptr || !model->cuttable()) continue;
      auto& geometry = geometries_[board];
      if (geometry == nullptr) geometry = std::make_unique<gpu::Geometry>(*model);
      gpu::Layout layout;
      std::string text;
      for (const InstanceView& instance : all) {
        if (instance.gpu != g) continue;
        const auto profile = model->profile_named(instance.form);
        text += " " + instance.form + "@" + std::to_string(instance.start);
        if (profile) layout.push_back({static_cast<std::uint8_t>(*profile), instance.start});
      }
      if (!geometry->state(layout))
        checks_.breach(Promise::LegalLayout, "GPU " + std::to_string(g) + " of " + machine.node() +
                                                 " stands at" + text + ", which " + board +
                                                 " does not have");
    }
  }

  /// Two devices that share room on a GPU must not both be held, whatever their names.
  void held_twice(Machine& machine) {
    struct Held {
      DeviceName name;
      std::string pod;
      std::string id;
    };
    std::vector<Held> all;
    for (const PodDevices& pod : machine.kubelet().checkpoint())
      for (const auto& [resource, ids] : pod.ids)
        for (const std::string& id : ids)
          if (const DeviceName name = parse(id); name.gpu >= 0) all.push_back({name, pod.uid, id});
    for (std::size_t a = 0; a < all.size(); ++a)
      for (std::size_t b = a + 1; b < all.size(); ++b)
        if (all[a].name.gpu == all[b].name.gpu && overlap(machine, all[a].name, all[b].name))
          checks_.breach(Promise::Oversubscribed, "kubelet of " + machine.node() + " gave " +
                                                      all[a].id + " to " + all[a].pod + " and " +
                                                      all[b].id + " to " + all[b].pod);
  }

  bool overlap(Machine& machine, const DeviceName& a, const DeviceName& b) const {
    const bool shares_a = a.form.starts_with("replica/");
    const bool shares_b = b.form.starts_with("replica/");
    if (shares_a && shares_b) return a.form != b.form || a.start == b.start;
    if (shares_a || shares_b || a.form == "whole" || b.form == "whole") return true;
    const gpu::Model* model = checks_.world().spec().market->gpus.find(
        machine.driver().config().gpus[static_cast<std::size_t>(a.gpu)].board);
    const auto width = [&](const DeviceName& name) {
      const auto profile = model->profile_named(name.form);
      return profile ? int{model->profiles[*profile].slots} : 1;
    };
    return a.start < b.start + width(b) && b.start < a.start + width(a);
  }

  /// A pod is bound where its node's kubelet has devices for it and all that were bound before.
  void bound_beyond(const control::Pod& pod) {
    World& world = checks_.world();
    Machine* machine = world.karpenter().machine(pod.node);
    if (machine == nullptr || !machine->on()) return;
    if (checks_.troubles().is_troubled(pod.node, world.now()) || !machine->kubelet().up()) return;
    // kubelet's own status may raise an offer that is just lowered: it takes eyes to lower it
    // again.
    if (checks_.streams_are_wrong()) return;
    const auto healthy = machine->kubelet().devices().allocatable_ids();
    for (const cluster::GpuRequest& request : pod.shape.gpu) {
      const std::string name = cluster::resource_name(request);
      std::set<std::string> has;
      if (const auto at = healthy.find(name); at != healthy.end()) has = at->second;
      for (const PodDevices& holder : machine->kubelet().checkpoint())
        if (const auto at = holder.ids.find(name); at != holder.ids.end())
          has.insert(at->second.begin(), at->second.end());
      std::int64_t bound = 0;
      for (const Key& key : world.api().pods_on(pod.node)) {
        const auto* other = world.api().find<control::Pod>(key);
        if (other == nullptr || other->done()) continue;
        for (const cluster::GpuRequest& theirs : other->shape.gpu)
          if (cluster::resource_name(theirs) == name) bound += theirs.count;
      }
      if (bound > std::ssize(has))
        checks_.breach(Promise::Oversubscribed,
                       key_of(pod.meta).text() + " was bound to " + pod.node + ", where " +
                           std::to_string(bound) + " of " + name +
                           " are asked for and kubelet has " + std::to_string(has.size()));
    }
  }

  std::map<std::string, Seen> seen_;
  std::set<std::string> dirty_;
  std::set<std::string> foreign_;  ///< nodes on which somebody ran nvidia-smi
  std::map<std::string, std::unique_ptr<gpu::Geometry>> geometries_;
};

/// DESIGN's promise 8: kubelet refuses no pod because of Kerf.
class Admissions : public Checker {
 public:
  using Checker::Checker;

  void looked(Machine& machine) override {
    const std::vector<Rejection>& all = machine.kubelet().rejections();
    std::size_t& seen = seen_[machine.node()];
    for (; seen < all.size(); ++seen) {
      const Rejection& rejection = all[seen];
      if (checks_.troubles().is_troubled(machine.node(), rejection.at)) continue;
      checks_.breach(Promise::Admission, rejection.pod + " was refused by kubelet of " +
                                             machine.node() + ": " + rejection.why);
    }
  }

 private:
  std::map<std::string, std::size_t> seen_;
};

class Canary : public Checker {
 public:
  using Checker::Checker;
  void changed(const Change& change) override {
    if (change.kind == Kind::NodeClaim && change.before == nullptr)
      checks_.breach(Promise::Canary, change.key.text() + " was bought");
  }
};

}  // namespace

std::unique_ptr<Checker> check_slices(Checks& checks) { return std::make_unique<Slices>(checks); }
std::unique_ptr<Checker> check_admission(Checks& checks) {
  return std::make_unique<Admissions>(checks);
}
std::unique_ptr<Checker> check_canary(Checks& checks) { return std::make_unique<Canary>(checks); }

}  // namespace kerf::sim
