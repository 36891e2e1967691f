// Headroom: the room that the policy wants kept free is there, with devices, CPU and memory.
//
// A plan marks the devices kept free and adds what they may use to `used`; it does not say which
// device is for which of the policy's wishes. So for each node all explanations are listed (how
// many of each wish, such that devices and resources come out exactly), and a choice of
// explanations that meets all wishes is looked for, node after node. States that another one beats
// are dropped; what is left is few, because explanations differ only where wishes can stand in for
// each other.
#include <algorithm>
#include <set>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

/// How many of each wish of the policy.
using Amounts = std::vector<std::int64_t>;

std::vector<const gpu::Form*> kept_free(const plan::NodePlan& node) {
  std::vector<const gpu::Form*> forms;
  for (const plan::GpuPlan& gpu : node.gpus) {
    for (const plan::SlicePlan& slice : gpu.slices) {
      if (slice.headroom && slice.pod == plan::kNoPod) forms.push_back(&slice.form);
    }
  }
  return forms;
}

class Explanations {
 public:
  Explanations(const Audit& audit, const plan::NodePlan& node)
      : wishes_(audit.policy.headroom),
        policy_(audit.policy),
        model_(audit.model_of(node)),
        devices_(kept_free(node)),
        amounts_(wishes_.size(), 0) {
    Resources extra = node.used;
    for (const std::uint32_t pod : node.pods) extra = extra - audit.shape_of(pod).requests;
    const bool readable = std::all_of(devices_.begin(), devices_.end(), [&](const gpu::Form* form) {
      return form->kind != gpu::FormKind::Slice || form->profile < model_.profiles.size();
    });
    if (readable) choose(0, static_cast<std::int64_t>(devices_.size()), extra);
  }

  const std::set<Amounts>& found() const { return found_; }

 private:
  void choose(std::size_t wish, std::int64_t devices, const Resources& extra) {
    if (wish == wishes_.size()) {
      if (devices == 0 && extra == Resources{} && pairs()) found_.insert(amounts_);
      return;
    }
    const cluster::Headroom& headroom = wishes_[wish];
    const std::int64_t each = std::max<std::int64_t>(headroom.request.count, 1);
    for (std::int64_t n = 0; n <= headroom.count && n * each <= devices; ++n) {
      amounts_[wish] = n;
      choose(wish + 1, devices - n * each, extra - headroom.each * n);
    }
    amounts_[wish] = 0;
  }

  bool pairs() const {
    std::vector<cluster::GpuRequest> requests;
    for (std::size_t i = 0; i < wishes_.size(); ++i) {
      if (amounts_[i] == 0) continue;
      requests.push_back(wishes_[i].request);
      requests.back().count = std::max<std::int64_t>(requests.back().count, 1) * amounts_[i];
    }
    return pair_off(requests, devices_, model_, policy_);
  }

  const std::vector<cluster::Headroom>& wishes_;
  const cluster::Policy& policy_;
  const gpu::Model& model_;
  std::vector<const gpu::Form*> devices_;
  Amounts amounts_;
  std::set<Amounts> found_;
};

bool beats(const Amounts& a, const Amounts& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
  }
  return a != b;
}

/// What may still be missing after one more node, without what another possibility beats.
std::set<Amounts> after(const std::set<Amounts>& missing, const std::set<Amounts>& explanations) {
  std::set<Amounts> all;
  for (const Amounts& before : missing) {
    for (const Amounts& there : explanations) {
      Amounts left = before;
      for (std::size_t i = 0; i < left.size(); ++i) {
        left[i] = std::max<std::int64_t>(left[i] - there[i], 0);
      }
      all.insert(std::move(left));
    }
  }
  std::set<Amounts> best;
  for (const Amounts& candidate : all) {
    if (std::none_of(all.begin(), all.end(),
                     [&](const Amounts& other) { return beats(other, candidate); })) {
      best.insert(candidate);
    }
  }
  return best;
}

/// Forms that one GPU of the type can have, by the policy.
std::vector<gpu::Form> forms_of_type(const Audit& audit, const market::InstanceType& type,
                                     const gpu::Model& model) {
  gpu::Form form;
  form.nominal_gb = type.nominal_gb;
  if (type.gpu_fraction > 1) {
    form.kind = gpu::FormKind::Fraction;
    return {form};
  }
  std::vector<gpu::Form> forms = {form};
  for (std::size_t i = 0; i < model.profiles.size(); ++i) {
    if (model.profiles[i].status == gpu::Status::Unverified) continue;
    form.kind = gpu::FormKind::Slice;
    form.profile = static_cast<std::uint8_t>(i);
    form.nominal_gb = model.profiles[i].nominal_gb;
    forms.push_back(form);
  }
  const auto share = [&](gpu::FormKind kind, const std::vector<std::uint8_t>& replicas) {
    for (const std::uint8_t among : replicas) {
      form = {};
      form.kind = kind;
      form.replicas = among;
      form.nominal_gb = among == 0 ? 0 : type.nominal_gb / among;
      forms.push_back(form);
    }
  };
  const gpu::SharingOptions& sharing = audit.policy.sharing;
  share(gpu::FormKind::TimeSliced, sharing.time_slicing_replicas);
  if (sharing.offer_mps) share(gpu::FormKind::Mps, sharing.mps_replicas);
  return forms;
}

/// True if a node that the policy allows serves the wish with one device on each of its GPUs.
bool can_be_served(const Audit& audit, const cluster::Headroom& wish) {
  const auto& architectures = audit.policy.architectures;
  return std::any_of(
      audit.market.offerings.begin(), audit.market.offerings.end(),
      [&](const market::Offering& offering) {
        const market::InstanceType& type = audit.market.types[offering.type];
        const gpu::Model* const model = audit.models[offering.type];
        if (model == nullptr || type.gpu_count < wish.request.count ||
            !policy_allows(audit.policy, type, offering) ||
            (!architectures.empty() && std::find(architectures.begin(), architectures.end(),
                                                 type.arch) == architectures.end()) ||
            !wish.each.fits(allocatable_of(type, audit.demand.overhead))) {
          return false;
        }
        const auto forms = forms_of_type(audit, type, *model);
        return std::any_of(forms.begin(), forms.end(), [&](const gpu::Form& form) {
          return why_not_served(wish.request, form, *model, audit.policy).empty();
        });
      });
}

bool noted(const Audit& audit, const cluster::Headroom& wish) {
  const auto& notes = audit.plan.notes;
  return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
    return note.find("headroom") != std::string::npos &&
           note.find(request_name(wish.request)) != std::string::npos;
  });
}

}  // namespace

void check_headroom(Audit& audit) {
  const auto& wishes = audit.policy.headroom;
  Amounts asked;
  for (const cluster::Headroom& wish : wishes)
    asked.push_back(std::max<std::int64_t>(wish.count, 0));
  std::set<Amounts> missing = {asked};
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    const plan::NodePlan& node = audit.plan.nodes[i];
    const Explanations explanations(audit, node);
    if (explanations.found().empty()) {
      audit.complain("{}: what it uses beyond its pods is not the headroom of the policy",
                     audit.node_name(i));
      continue;
    }
    const bool kept = !kept_free(node).empty();
    if (kept) missing = after(missing, explanations.found());
    if (!kept && node.pods.empty()) {
      audit.complain("{} is bought for no pod and no headroom", audit.node_name(i));
    }
  }
  // Any one possibility will do to say what is missing.
  const Amounts& left = *missing.begin();
  const bool limited = audit.policy.limit_per_hour || audit.policy.limit_gpus;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] == 0) continue;
    const bool excused = noted(audit, wishes[i]) && (limited || !can_be_served(audit, wishes[i]));
    if (excused) continue;
    audit.complain("headroom: {} of {} x {} are missing", left[i], asked[i],
                   request_name(wishes[i].request));
  }
}

}  // namespace kerf::check
