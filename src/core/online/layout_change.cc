// Free slices give way to devices that are wanted; whatever is in use stays.
#include "core/online/layout_change.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace kerf::online {

namespace {

using cluster::Slice;
using cluster::SliceState;
using gpu::FormKind;

bool is_free(const Slice& slice) { return slice.state == SliceState::Free; }

bool is_replica(const gpu::Form& form) {
  return form.kind == FormKind::TimeSliced || form.kind == FormKind::Mps;
}

Device device_of(const SliceTable& slices, const Slice& slice) {
  const auto unit = slices.unit(slice.form);
  KERF_ASSERT(unit.has_value(), "slices are of forms that the node's mode allows");
  return {*unit, slice.start};
}

bool same(const Slice& a, const Slice& b) { return a.form == b.form && a.start == b.start; }

void sort(std::vector<Slice>& slices) {
  std::stable_sort(slices.begin(), slices.end(),
                   [](const Slice& a, const Slice& b) { return a.start < b.start; });
}

/// What stands beside each other: in use and wanted, and free slices that may still go.
class Rearranged {
 public:
  Rearranged(const SliceTable& slices, const cluster::Gpu& gpu, std::span<const Device> wanted)
      : slices_(slices) {
    for (const Slice& slice : gpu.slices)
      if (!is_free(slice)) fixed_.push_back(device_of(slices, slice));
    fixed_.insert(fixed_.end(), wanted.begin(), wanted.end());
    KERF_ASSERT(slices.state(fixed_).has_value(), "wanted devices are legal beside those in use");
  }

  /// May all of these stay? Replicas that are free belong to those in use and need no state.
  bool legal(const std::vector<Slice>& free) const {
    std::vector<Device> all = fixed_;
    for (const Slice& slice : free) all.push_back(device_of(slices_, slice));
    return slices_.state(all).has_value();
  }

 private:
  const SliceTable& slices_;
  std::vector<Device> fixed_;
};

/// Of `free`, what has to go: first what cannot stand beside the fixed devices even alone, then one
/// by one, the widest first (its room is the likeliest to be in the way).
std::vector<Slice> to_destroy(const SliceTable& slices, const Rearranged& fixed,
                              std::vector<Slice> free) {
  std::vector<Slice> gone;
  std::erase_if(free, [&](const Slice& slice) {
    const bool stays = fixed.legal({slice});
    if (!stays) gone.push_back(slice);
    return !stays;
  });
  const auto width = [&](const Slice& slice) {
    return slice.form.kind == FormKind::Slice ? slices.model().profiles[slice.form.profile].slots
                                              : std::uint8_t{0};
  };
  while (!free.empty() && !fixed.legal(free)) {
    const auto widest =
        std::max_element(free.begin(), free.end(),
                         [&](const Slice& a, const Slice& b) { return width(a) < width(b); });
    gone.push_back(*widest);
    free.erase(widest);
  }
  sort(gone);
  return gone;
}

}  // namespace

std::optional<GpuState> state_of(const SliceTable& slices, const cluster::Gpu& gpu) {
  std::vector<Device> in_use;
  for (const Slice& slice : gpu.slices)
    if (!is_free(slice)) in_use.push_back(device_of(slices, slice));
  return slices.state(in_use);
}

SliceChange change_for(const SliceTable& slices, const cluster::Gpu& gpu,
                       std::span<const Device> wanted) {
  SliceChange change;
  std::vector<Slice> free;  // and not wanted
  std::vector<Slice> missing;
  for (const Device& device : wanted)
    missing.push_back({slices.forms()[device.unit], device.start});
  for (const Slice& slice : gpu.slices) {
    const auto match = std::find_if(missing.begin(), missing.end(),
                                    [&](const Slice& m) { return same(m, slice); });
    if (match != missing.end() && is_free(slice)) missing.erase(match);
    else if (is_free(slice)) free.push_back(slice);
  }
  std::erase_if(missing, [](const Slice& slice) { return slice.form.by_nature(); });
  if (!missing.empty() && is_replica(missing.front().form)) {
    const gpu::Form form = missing.front().form;
    missing.clear();
    for (std::uint8_t i = 0; i < form.replicas; ++i) {
      const Slice made{form, i};
      if (std::none_of(gpu.slices.begin(), gpu.slices.end(),
                       [&](const Slice& slice) { return same(slice, made); }))
        missing.push_back(made);
    }
  }
  sort(missing);
  change.create = std::move(missing);
  change.destroy = to_destroy(slices, Rearranged(slices, gpu, wanted), std::move(free));
  return change;
}

void take(const SliceTable& slices, cluster::Gpu& gpu, std::span<const Device> wanted,
          std::uint32_t pod) {
  const SliceChange change = change_for(slices, gpu, wanted);
  std::erase_if(gpu.slices, [&](const Slice& slice) {
    return is_free(slice) && std::any_of(change.destroy.begin(), change.destroy.end(),
                                         [&](const Slice& d) { return same(d, slice); });
  });
  gpu.slices.insert(gpu.slices.end(), change.create.begin(), change.create.end());
  for (const Device& device : wanted) {
    const Slice want{slices.forms()[device.unit], device.start};
    auto at = std::find_if(gpu.slices.begin(), gpu.slices.end(),
                           [&](const Slice& slice) { return same(slice, want); });
    if (at == gpu.slices.end()) at = gpu.slices.insert(at, want);  // by nature
    at->state = SliceState::Used;
    at->published = false;
    at->pod = pod;
  }
  sort(gpu.slices);
}

void give_back(cluster::Gpu& gpu, std::uint32_t pod) {
  std::erase_if(gpu.slices,
                [&](const Slice& slice) { return slice.pod == pod && slice.form.by_nature(); });
  for (Slice& slice : gpu.slices) {
    if (slice.pod != pod) continue;
    slice.state = SliceState::Free;
    slice.pod = cluster::kNone;
  }
}

}  // namespace kerf::online
