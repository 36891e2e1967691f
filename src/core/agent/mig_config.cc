// The layout that a mig-parted configuration means on the GPUs that are there.
#include "core/agent/mig_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/quote.h"
#include "core/agent/shape.h"
#include "core/gpu/geometry.h"

namespace kerf::agent {
namespace {

using control::WantedGpu;
using control::WantedSlice;
using Entries = std::vector<MigConfigEntry>;

constexpr std::size_t kNamesTold = 8;

/// Levenshtein's distance; both texts are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

/// "all-1g.5gb, all-2g.10gb, ...": the nearest first.
std::string names_near(const MigConfig& config, std::string_view name) {
  constexpr std::size_t kBytesCompared = 64;
  std::vector<std::pair<std::size_t, std::string_view>> ranked;
  for (const auto& [known, entries] : config.configs) {
    const std::string_view view = known;
    ranked.emplace_back(distance(name.substr(0, kBytesCompared), view.substr(0, kBytesCompared)),
                        view);
  }
  std::ranges::sort(ranked);
  std::string text;
  for (std::size_t i = 0; i < std::min(ranked.size(), kNamesTold); ++i)
    text += (i == 0 ? "" : ", ") + shown(ranked[i].second);
  if (ranked.size() > kNamesTold) text += fmt::format(" and {} more", ranked.size() - kNamesTold);
  return text;
}

Result<const Entries*> selected(const MigConfig& config, const std::string& name) {
  if (name.empty() && config.configs.size() == 1) return &config.configs.begin()->second;
  const auto at = config.configs.find(name);
  if (at != config.configs.end()) return &at->second;
  return fail(ErrorCode::NotFound, fmt::format("there is no configuration {}; there are: {}",
                                               quoted(name), names_near(config, name)));
}

bool selects(const MigConfigEntry& entry, std::size_t index, const MigConfigGpu& gpu) {
  const bool filtered = entry.filters.empty() ||
                        std::ranges::any_of(entry.filters, [&](const MigDeviceFilter& filter) {
                          return filter.device == gpu.pci_device &&
                                 (!filter.subsystem || *filter.subsystem == gpu.pci_subsystem);
                        });
  return filtered &&
         (!entry.devices || std::ranges::find(*entry.devices, static_cast<std::int64_t>(index)) !=
                                entry.devices->end());
}

/// The entry for a GPU; nullptr: none, it stays as it stands.
Result<const MigConfigEntry*> entry_for(const Entries& entries, std::size_t index,
                                        const MigConfigGpu& gpu) {
  const MigConfigEntry* chosen = nullptr;
  for (const MigConfigEntry& entry : entries) {
    if (!selects(entry, index, gpu)) continue;
    if (!gpu.seen.mig_capable && entry.mig) {
      if (!entry.devices) continue;  // "all" means all that can
      return invalid("it has no MIG, and an entry that names it wants it cut");
    }
    if (chosen != nullptr && (chosen->mig != entry.mig || chosen->slices != entry.slices))
      return invalid("two entries of the configuration want different things of it");
    chosen = &entry;
  }
  return chosen;
}

WantedGpu whole_gpu() { return {{WantedSlice{"whole", 0, "nvidia.com/gpu", true}}}; }

/// The profile without the compute part where that is all of it: "3c.3g.20gb" is 3g.20gb.
/// Unsupported where it is less.
Result<std::string> instance_profile(const std::string& written) {
  const auto number = [](std::string_view text, char unit) -> std::optional<int> {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool there = error == std::errc() && end != text.data() + text.size() && *end == unit;
    return there ? std::optional(value) : std::nullopt;
  };
  const std::optional<int> computes = number(written, 'c');
  if (!computes) return written;
  const std::string profile = written.substr(std::min(written.find('.') + 1, written.size()));
  const std::optional<int> slices = number(profile, 'g');
  if (!slices || *computes > *slices || *computes < 1)
    return invalid(fmt::format("{} is no MIG profile", quoted(written)));
  if (*computes == *slices) return profile;
  return fail(ErrorCode::Unsupported,
              fmt::format("{} is a compute instance that is a part of its GPU instance, without "
                          "memory of its own; Kerf gives out whole GPU instances: write {}",
                          written, profile));
}

/// "1g.5gb, 2g.10gb"
std::string profiles_of_model(const gpu::Model& model) {
  std::string text;
  for (const gpu::Profile& profile : model.profiles)
    text += (text.empty() ? "" : ", ") + profile.name;
  return text;
}

Result<gpu::Counts> counts_of(const gpu::Model& model,
                              const std::map<std::string, std::int64_t>& slices) {
  constexpr std::int64_t kCountMax = 255;
  gpu::Counts counts(model.profiles.size(), 0);
  for (const auto& [written, count] : slices) {
    if (count == 0) continue;
    KERF_TRY(const std::string name, instance_profile(written));
    const auto profile = model.profile_named(name);
    if (!profile) {
      return invalid(fmt::format("{} has no profile {}; it has {}", model.key, quoted(name),
                                 profiles_of_model(model)));
    }
    const std::int64_t all = counts[*profile] + count;
    counts[*profile] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(all, 0, kCountMax));
  }
  return counts;
}

/// Why the counts are not to be had, with how many would be.
std::string does_not_fit(const gpu::Geometry& geometry, const gpu::Counts& counts) {
  const gpu::Model& model = geometry.model();
  std::string wanted;
  std::string most;
  for (std::size_t p = 0; p < counts.size(); ++p) {
    if (counts[p] == 0) continue;
    wanted +=
        fmt::format("{}{} x {}", wanted.empty() ? "" : " + ", counts[p], model.profiles[p].name);
    gpu::Counts fewer = counts;
    while (fewer[p] > 0 && !geometry.arrange(fewer)) --fewer[p];
    if (!geometry.arrange(fewer)) continue;  // the others alone are too many
    most += fmt::format("{}{} x {}", most.empty() ? "" : " or ", fewer[p], model.profiles[p].name);
  }
  const bool alone = std::ranges::count_if(counts, [](std::uint8_t c) { return c > 0; }) == 1;
  std::string text = fmt::format("{} do not fit on {}", wanted, model.key);
  if (!most.empty())
    text += fmt::format("; at most {} do{}", most, alone ? "" : " beside the others");
  return text;
}

/// Geometries are made once for each model.
using Geometries = std::map<const gpu::Model*, gpu::Geometry>;

Result<WantedGpu> cut_gpu(const gpu::Model* model, const SeenGpu& seen,
                          const std::map<std::string, std::int64_t>& slices,
                          Geometries& geometries) {
  if (model == nullptr || !model->cuttable()) {
    return fail(ErrorCode::Unsupported,
                seen.model.empty()
                    ? std::string("its model is not in the catalogue")
                    : fmt::format("where slices of {} may start is not known", seen.model));
  }
  KERF_TRY(const gpu::Counts counts, counts_of(*model, slices));
  const gpu::Geometry& geometry = geometries.try_emplace(model, *model).first->second;
  const auto state = geometry.arrange(counts);
  if (!state) return invalid(does_not_fit(geometry, counts));
  WantedGpu gpu;
  for (const gpu::Placed& placed : geometry.layout(*state)) {
    const gpu::Profile& profile = model->profiles[placed.profile];
    gpu.slices.push_back({profile.name, placed.start, gpu::resource_name(profile), true});
  }
  return gpu;
}

Result<WantedGpu> standing_gpu(const gpu::Model* model, const SeenGpu& seen) {
  if (!seen.mode) return whole_gpu();
  WantedGpu gpu;
  for (const SeenInstance& instance : seen.instances) {
    const auto form = form_of(model, instance.profile, instance.start);
    if (!form) {
      return fail(ErrorCode::Unsupported,
                  fmt::format("no entry selects it, and it has a GPU instance at start {} whose "
                              "profile (id {}) the catalogue lacks",
                              instance.start, instance.profile));
    }
    const gpu::Profile& profile = model->profiles[*model->profile_named(*form)];
    gpu.slices.push_back({*form, instance.start, gpu::resource_name(profile), true});
  }
  std::ranges::sort(gpu.slices, {}, &WantedSlice::start);
  return gpu;
}

Result<WantedGpu> layout_of_gpu(const Entries& entries, std::size_t index, const MigConfigGpu& gpu,
                                const gpu::Catalogue& catalogue, Geometries& geometries) {
  const gpu::Model* model = gpu.seen.model.empty() ? nullptr : catalogue.find(gpu.seen.model);
  KERF_TRY(const MigConfigEntry* entry, entry_for(entries, index, gpu));
  if (entry == nullptr) return standing_gpu(model, gpu.seen);
  if (!entry->mig) return whole_gpu();
  return cut_gpu(model, gpu.seen, entry->slices, geometries);
}

}  // namespace

Result<control::GpuNodeSpec> layout_of(const MigConfig& config, const std::string& name,
                                       const std::vector<MigConfigGpu>& gpus,
                                       const gpu::Catalogue& catalogue) {
  KERF_TRY(const Entries* entries, selected(config, name));
  Geometries geometries;
  control::GpuNodeSpec spec;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    Result<WantedGpu> gpu = layout_of_gpu(*entries, i, gpus[i], catalogue, geometries);
    if (!gpu) {
      const std::string model = gpus[i].seen.model.empty() ? "" : " (" + gpus[i].seen.model + ")";
      return tl::unexpected(std::move(gpu).error().within(fmt::format("GPU {}{}", i, model)));
    }
    spec.gpus.push_back(*std::move(gpu));
  }
  return spec;
}

}  // namespace kerf::agent
