// Devices of nodes: GpuNode reports, MIG and time-slicing as NVIDIA's device plugin shows them.
//
// Sources: k8s-device-plugin v0.17 (internal/lm, docs of sharing): nvidia.com/gpu.replicas,
// nvidia.com/gpu.shared with renameByDefault, nvidia.com/mig.strategy; with strategy single slices
// are nvidia.com/gpu and the label nvidia.com/gpu.product ends in -MIG-<profile>.
#include "codec/standing_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <utility>

#include "core/control/names.h"
#include "core/gpu/divide.h"

namespace kerf::codec {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::LayoutFrom;
using cluster::StandingGpu;
using cluster::StandingSlice;

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr std::string_view kSharedSuffix = "-SHARED";
constexpr std::int64_t kReplicasMax = std::numeric_limits<std::uint8_t>::max();

/// What the node has of a resource; capacity counts devices that are parked or unhealthy too.
std::int64_t amount(const control::Node& node, const std::string& resource) {
  return std::max(control::amount_of(node.capacity_of, resource),
                  control::amount_of(node.allocatable_of, resource));
}

/// Pods that share a device, as the node's label says; 1: it says nothing.
std::int64_t labelled_replicas(const control::Node& node) {
  const std::string text = control::label_of(node.meta.labels, "nvidia.com/gpu.replicas");
  std::int64_t replicas = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), replicas);
  return error != std::errc() || end != text.data() + text.size() || replicas < 1 ? 1 : replicas;
}

/// The same, worked out where there is no label.
std::int64_t replicas_of(const control::Node& node, std::int64_t gpus) {
  const std::int64_t replicas = labelled_replicas(node);
  if (replicas > 1 || gpus == 0) return replicas;
  const std::int64_t devices = std::max(amount(node, kGpu), amount(node, control::kSharedGpu));
  return devices > gpus && devices % gpus == 0 ? devices / gpus : 1;
}

/// The profile under whose slices nvidia.com/gpu goes with strategy single.
std::optional<std::size_t> single_profile(const control::Node& node, const gpu::Model& model) {
  const std::string product = control::label_of(node.meta.labels, "nvidia.com/gpu.product");
  const std::size_t mig = product.rfind("-MIG-");
  if (mig == std::string::npos) return std::nullopt;
  std::string name = product.substr(mig + 5);
  if (name.ends_with(kSharedSuffix)) name.resize(name.size() - kSharedSuffix.size());
  if (const auto profile = model.profile_named(name)) return profile;
  const std::size_t attribute = name.find("gb.");  // labels have no '+': 1g.5gb.me
  if (attribute != std::string::npos) name[attribute + 2] = '+';
  return model.profile_named(name);
}

gpu::Form slice_form(const gpu::Model& model, std::size_t profile) {
  gpu::Form form;
  form.kind = gpu::FormKind::Slice;
  form.profile = static_cast<std::uint8_t>(profile);
  form.nominal_gb = model.profiles[profile].nominal_gb;
  form.memory_mib = model.profiles[profile].memory_mib;
  return form;
}

std::string shown_counts(const gpu::Model& model, const gpu::Counts& left) {
  std::string out;
  for (std::size_t p = 0; p < left.size(); ++p)
    if (left[p] > 0)
      out += fmt::format("{}{} x {}", out.empty() ? "" : ", ", left[p], model.profiles[p].name);
  return out;
}

/// Slices by their counts on the first `cut` GPUs.
void cut_gpus(const gpu::Model& model, plan::Geometries& tables,
              const std::vector<std::int64_t>& counts, std::size_t cut, NodeDevices& out) {
  const gpu::Divided divided = gpu::divide(*tables.of(model), counts, cut);
  for (std::size_t g = 0; g < cut; ++g)
    for (const gpu::Placed& placed : divided.layouts[g])
      out.gpus[g].slices.push_back({slice_form(model, placed.profile), placed.start});
  const std::string left = shown_counts(model, divided.left);
  if (!left.empty())
    out.trouble = fmt::format("it offers {} more than {} {} can hold", left, cut, model.key);
}

/// The form of a GPU that so many share; nullopt: Kerf does not model it.
std::optional<gpu::Form> form_of(const gpu::Model& model, std::uint8_t fraction,
                                 std::int64_t replicas) {
  gpu::SharingOptions sharing;
  sharing.time_slicing_replicas.clear();
  if (replicas > kReplicasMax) return std::nullopt;
  if (replicas > 1) sharing.time_slicing_replicas = {static_cast<std::uint8_t>(replicas)};
  for (const gpu::Form& form : gpu::forms_of(model, fraction, sharing))
    if (replicas > 1 ? form.kind == gpu::FormKind::TimeSliced : form.by_nature()) return form;
  return std::nullopt;
}

/// The largest portable request that one of so many replicas meets; the least there is where they
/// are too small for any.
std::string portable_replica(const gpu::Model& model, std::uint8_t fraction,
                             std::int64_t replicas) {
  GpuRequest request;
  request.kind = GpuRequestKind::Portable;
  request.isolation = cluster::Isolation::Shared;
  request.gib = *std::begin(cluster::kPortableLadder);
  const std::int64_t each = model.nominal_gb / std::max<std::int64_t>(fraction, 1) / replicas;
  for (const int rung : cluster::kPortableLadder)
    if (rung <= each) request.gib = rung;
  return cluster::resource_name(request);
}

/// Whole GPUs, or what they are shared as, on the last GPUs.
void share_gpus(const gpu::Model& model, std::uint8_t fraction, std::int64_t devices,
                std::int64_t replicas, std::size_t first, NodeDevices& out) {
  if (replicas > 1) out.gpu_means = portable_replica(model, fraction, replicas);
  const auto form = form_of(model, fraction, replicas);
  if (!form) {
    out.trouble = fmt::format("its GPUs are shared by {}, which Kerf does not model", replicas);
    return;
  }
  for (std::size_t g = first; g < out.gpus.size(); ++g)
    for (std::int64_t r = 0; r < replicas && devices > 0; ++r, --devices)
      out.gpus[g].slices.push_back({*form, static_cast<std::uint8_t>(r)});
}

/// Strategy single: nvidia.com/gpu are slices of one profile.
void cut_alike(const control::Node& node, const gpu::Model& model, plan::Geometries& tables,
               std::size_t profile, std::vector<std::int64_t> counts, NodeDevices& out) {
  const std::int64_t replicas = labelled_replicas(node);
  const std::int64_t devices = std::max(amount(node, kGpu), amount(node, control::kSharedGpu));
  counts[profile] = devices / replicas + (devices % replicas == 0 ? 0 : 1);
  out.gpu_means = gpu::resource_name(model.profiles[profile]);
  cut_gpus(model, tables, counts, out.gpus.size(), out);
  if (replicas > 1)
    out.trouble = fmt::format("its slices are shared by {}, which Kerf does not model", replicas);
}

/// Keeps what can stand together: of two devices that cannot, the first.
void keep_legal(const gpu::Geometry* table, std::vector<StandingSlice>& slices) {
  std::vector<StandingSlice> kept;
  gpu::Layout layout;
  for (StandingSlice& one : slices) {
    const bool first = kept.empty();
    if (!first && kept.front().form.kind != one.form.kind) continue;
    if (one.form.kind == gpu::FormKind::Slice) {
      layout.push_back({one.form.profile, one.start});
      if (table == nullptr || !table->state(layout)) {
        layout.pop_back();
        continue;
      }
    } else if (one.form.by_nature() ? !first : one.start >= one.form.replicas) {
      continue;
    } else if (std::any_of(kept.begin(), kept.end(), [&](const StandingSlice& other) {
                 return other.start == one.start || other.form != one.form;
               })) {
      continue;
    }
    kept.push_back(std::move(one));
  }
  slices = std::move(kept);
}

/// What is held comes before what is not, and that before what is only being made.
int rank_of(cluster::SliceState state) {
  switch (state) {
    case cluster::SliceState::Used: return 0;
    case cluster::SliceState::Retiring: return 1;
    case cluster::SliceState::Free: return 2;
    case cluster::SliceState::Creating:
    case cluster::SliceState::Lost: break;
  }
  return 3;
}

}  // namespace

NodeDevices counted_devices(const control::Node& node, const market::InstanceType& type,
                            const gpu::Model& model, plan::Geometries& tables) {
  NodeDevices out;
  const std::int64_t gpus = std::max(type.gpu_count, 0);
  out.gpus.resize(static_cast<std::size_t>(gpus));
  const std::int64_t devices = std::max(amount(node, kGpu), amount(node, control::kSharedGpu));
  std::vector<std::int64_t> counts(model.profiles.size(), 0);
  bool cut = false;
  if (model.cuttable()) {
    for (std::size_t p = 0; p < model.profiles.size(); ++p) {
      counts[p] = amount(node, gpu::resource_name(model.profiles[p]));
      cut = cut || counts[p] > 0;
    }
  }
  const auto single = model.cuttable() ? single_profile(node, model) : std::nullopt;
  if (devices > 0 || cut) out.from = LayoutFrom::Counted;
  if (single && devices > 0) {
    cut_alike(node, model, tables, *single, std::move(counts), out);
  } else if (cut) {
    const std::int64_t replicas = labelled_replicas(node);
    const std::int64_t uncut =
        std::min(devices / replicas + (devices % replicas == 0 ? 0 : 1), gpus);
    const auto first = static_cast<std::size_t>(gpus - uncut);
    if (uncut > 0) share_gpus(model, type.gpu_fraction, devices, replicas, first, out);
    cut_gpus(model, tables, counts, first, out);
  } else if (devices > 0) {
    share_gpus(model, type.gpu_fraction, devices, replicas_of(node, gpus), 0, out);
  }
  return out;
}

NodeDevices seen_devices(const control::GpuNodeStatus& status, const market::InstanceType& type,
                         const gpu::Model& model, plan::Geometries& tables,
                         const PodNamed& pod_named) {
  NodeDevices out;
  out.from = LayoutFrom::Seen;
  out.gpus.resize(static_cast<std::size_t>(std::max(type.gpu_count, 0)));
  const auto table = model.cuttable() ? tables.of(model) : nullptr;
  for (std::size_t g = 0; g < out.gpus.size() && g < status.gpus.size(); ++g) {
    std::vector<control::SliceStatus> seen = status.gpus[g].slices;
    std::stable_sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
      return rank_of(a.state) < rank_of(b.state);
    });
    std::vector<StandingSlice>& slices = out.gpus[g].slices;
    for (const control::SliceStatus& slice : seen) {
      const auto form = control::parse_form(model, slice.form, type.gpu_fraction);
      if (!form || slice.state == cluster::SliceState::Lost) continue;
      StandingSlice one{*form, slice.start};
      if (slice.state == cluster::SliceState::Used) {
        one.pod = slice.pod.empty() ? cluster::kNone : pod_named(slice.pod);
        if (one.pod == cluster::kNone) one.holder = slice.pod.empty() ? kUnknownHolder : slice.pod;
      } else if (slice.state == cluster::SliceState::Retiring) {
        one.holder = "being taken away";
      }
      slices.push_back(std::move(one));
    }
    keep_legal(table.get(), slices);
    std::sort(slices.begin(), slices.end(),
              [](const StandingSlice& a, const StandingSlice& b) { return a.start < b.start; });
  }
  return out;
}

namespace {

/// A replica that is too small for any portable name goes under the least of them.
std::int32_t least_of(const gpu::Form& form) {
  const std::int32_t least = *std::begin(cluster::kPortableLadder);
  return form.kind == gpu::FormKind::TimeSliced && form.nominal_gb < least
             ? form.nominal_gb
             : std::numeric_limits<std::int32_t>::max();
}

/// How well a free device meets a request: smaller is better; nullopt: not at all.
std::optional<std::int32_t> fits(const GpuRequest& request, const gpu::Form& form,
                                 const gpu::Model& model) {
  switch (request.kind) {
    case GpuRequestKind::Whole:
      if (form.by_nature() && form.nominal_gb >= request.gib) return 0;
      return std::nullopt;
    case GpuRequestKind::Slice:
      if (form.kind == gpu::FormKind::Slice && model.profiles[form.profile].name == request.profile)
        return 0;
      return std::nullopt;
    case GpuRequestKind::Portable:
      if (form.nominal_gb < std::min(request.gib, least_of(form))) return std::nullopt;
      if (!form.memory_enforced() && request.isolation != cluster::Isolation::Shared)
        return std::nullopt;
      return form.nominal_gb;
    case GpuRequestKind::ShareOfMemory:
    case GpuRequestKind::ShareOfCompute: break;
  }
  return std::nullopt;
}

/// Nobody's, or nobody knows whose.
bool is_to_have(const StandingSlice& slice, bool unknown) {
  return unknown ? slice.pod == cluster::kNone && slice.holder == kUnknownHolder : slice.free();
}

StandingSlice* best_free(const GpuRequest& request, const gpu::Model& model, bool unknown,
                         std::vector<StandingGpu>& gpus) {
  StandingSlice* best = nullptr;
  std::int32_t best_fit = std::numeric_limits<std::int32_t>::max();
  for (StandingGpu& gpu : gpus) {
    for (StandingSlice& slice : gpu.slices) {
      if (!is_to_have(slice, unknown)) continue;
      const auto fit = fits(request, slice.form, model);
      if (!fit || *fit >= best_fit) continue;
      best = &slice;
      best_fit = *fit;
    }
  }
  return best;
}

bool held_by(const StandingSlice& slice, std::uint32_t pod, const std::string& holder) {
  if (pod != cluster::kNone) return slice.pod == pod;
  return slice.pod == cluster::kNone && !slice.free() && slice.holder == holder;
}

}  // namespace

void hand_out(const std::vector<GpuRequest>& requests, std::uint32_t pod, const std::string& holder,
              const gpu::Model& model, std::vector<StandingGpu>& gpus) {
  std::vector<const StandingSlice*> counted;
  for (const GpuRequest& request : requests) {
    std::int64_t wanted = request.count;
    for (const StandingGpu& gpu : gpus)
      for (const StandingSlice& slice : gpu.slices) {
        if (wanted == 0 || !held_by(slice, pod, holder) || !fits(request, slice.form, model) ||
            std::find(counted.begin(), counted.end(), &slice) != counted.end())
          continue;
        counted.push_back(&slice);
        --wanted;
      }
    for (; wanted > 0; --wanted) {
      StandingSlice* slice = best_free(request, model, true, gpus);
      if (slice == nullptr) slice = best_free(request, model, false, gpus);
      if (slice == nullptr) break;
      slice->pod = pod;
      slice->holder = pod == cluster::kNone ? holder : "";
      counted.push_back(slice);
    }
  }
}

}  // namespace kerf::codec
