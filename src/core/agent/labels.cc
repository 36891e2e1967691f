// Feature labels: part by part in GPU Feature Discovery's order, by its rules.
#include "core/agent/labels.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace kerf::agent {
namespace {

using Labels = std::map<std::string, std::string>;

constexpr std::size_t kValueMax = 63;  ///< of a label, by Kubernetes
constexpr std::uint32_t kVgaController = 0x030000;
constexpr std::uint32_t k3dController = 0x030200;

/// A GPU of both facts and status.
struct Known {
  const GpuFacts* facts = nullptr;
  const control::GpuStatus* status = nullptr;
};

bool is_alnum(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// Letters, digits, '-', '_' and '.' stay, runs of blanks become one '-', the rest goes.
std::string label_text(std::string_view text) {
  std::string out;
  bool blank = false;
  for (const char c : text) {
    if (c == ' ') {
      blank = true;
    } else if (is_alnum(c) || c == '-' || c == '_' || c == '.') {
      if (blank && !out.empty()) out += '-';
      blank = false;
      out += c;
    }
  }
  return out;
}

bool is_label_value(const std::string& value) {
  return value.empty() ||
         (value.size() <= kValueMax && is_alnum(value.front()) && is_alnum(value.back()));
}

/// The name of an architecture by CUDA compute capability, as GPU Feature Discovery has it.
const char* family_of(int major, int minor) {
  switch (major) {
    case 1: return "tesla";
    case 2: return "fermi";
    case 3: return "kepler";
    case 5: return "maxwell";
    case 6: return "pascal";
    case 7: return minor < 5 ? "volta" : "turing";
    case 8: return minor < 9 ? "ampere" : "ada-lovelace";
    case 9: return "hopper";
    case 10:
    case 12: return "blackwell";
    case 13: return "rubin";
    default: return "undefined";
  }
}

void set(Labels& labels, std::string_view key, const std::string& value) {
  labels["nvidia.com/" + std::string(key)] = value;
}
void set(Labels& labels, std::string_view key, std::int64_t value) {
  set(labels, key, std::to_string(value));
}

/// Under the names of today, and under those of before.
void set_version(Labels& labels, std::string_view program, const std::vector<std::string>& parts) {
  constexpr std::array<std::pair<const char*, const char*>, 3> kNames = {
      {{"major", "major"}, {"minor", "minor"}, {"revision", "rev"}}};
  std::string full;
  const std::string key = "cuda." + std::string(program);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    set(labels, key + "-version." + kNames[i].first, parts[i]);
    set(labels, key + "." + kNames[i].second, parts[i]);
    if (!parts[i].empty()) full += (i == 0 ? "" : ".") + parts[i];
  }
  set(labels, key + "-version.full", full);
}

/// "X.Y" or "X.Y.Z"; of anything else nothing is said.
void set_driver_version(Labels& labels, const std::string& version) {
  std::vector<std::string> parts(1);
  for (const char c : version)
    if (c == '.') parts.emplace_back();
    else parts.back() += c;
  if (parts.size() < 2 || parts.size() > 3) return;
  parts.resize(3);
  set_version(labels, "driver", parts);
}

/// Compute, graphics, or unknown where the GPUs differ or do not tell.
const char* mode_of(const std::vector<Known>& gpus) {
  const auto first = gpus.front().facts->pci_class;
  for (const Known& gpu : gpus)
    if (gpu.facts->pci_class != first) return "unknown";
  if (first == kVgaController) return "graphics";
  return first == k3dController ? "compute" : "unknown";
}

/// The fabric that all GPUs which are in one are in; "" = there is none, or there are several.
std::string clique_of(const std::vector<Known>& gpus) {
  std::string clique;
  for (const Known& gpu : gpus) {
    if (gpu.facts->clique.empty()) continue;
    if (!clique.empty() && clique != gpu.facts->clique) return "";
    clique = gpu.facts->clique;
  }
  return clique;
}

/// How often a GPU is offered, and whether under the name of whole ones.
struct Sharing {
  int replicas = 1;
  bool renamed = true;
};
Sharing sharing_of(const control::GpuStatus& gpu) {
  constexpr std::string_view kReplica = "replica/";
  Sharing sharing;
  for (const control::SliceStatus& slice : gpu.slices) {
    if (!slice.form.starts_with(kReplica) || slice.uuid.empty()) continue;
    const char* from = slice.form.data() + kReplica.size();
    std::from_chars(from, slice.form.data() + slice.form.size(), sharing.replicas);
    sharing.renamed = sharing.renamed && slice.resource != "nvidia.com/gpu";
  }
  return sharing;
}

void set_gpu(Labels& labels, const std::vector<Known>& gpus) {
  const auto whole = std::ranges::find_if(gpus, [](const Known& gpu) { return !gpu.status->mig; });
  const Known& it = whole == gpus.end() ? gpus.front() : *whole;
  const Sharing sharing = it.status->mig ? Sharing{0} : sharing_of(*it.status);
  const bool shared = sharing.replicas > 1;
  std::string product = label_text(it.facts->product);
  if (shared && !sharing.renamed) product += "-SHARED";
  set(labels, "gpu.product", product);
  set(labels, "gpu.count", std::ranges::count_if(gpus, [&](const Known& gpu) {
        return gpu.facts->product == it.facts->product;
      }));
  set(labels, "gpu.replicas", sharing.replicas);
  set(labels, "gpu.sharing-strategy", shared ? "time-slicing" : "none");
  if (it.facts->memory_mib != 0) set(labels, "gpu.memory", it.facts->memory_mib);
  if (it.facts->compute_major == 0) return;
  set(labels, "gpu.family", family_of(it.facts->compute_major, it.facts->compute_minor));
  set(labels, "gpu.compute.major", it.facts->compute_major);
  set(labels, "gpu.compute.minor", it.facts->compute_minor);
}

/// A kind of slice; the first GPU that has one describes it for all.
void set_profile(Labels& labels, const std::string& form, int count, const GpuFacts& gpu,
                 const ProfileFacts& profile) {
  std::string name = form;
  std::ranges::replace(name, '+', '.');
  const std::string key = "mig-" + name + ".";
  set(labels, key + "product", label_text(gpu.product) + "-MIG-" + label_text(name));
  set(labels, key + "count", count);
  set(labels, key + "replicas", 1);
  set(labels, key + "sharing-strategy", "none");
  set(labels, key + "memory", profile.memory_mib);
  set(labels, key + "multiprocessors", profile.multiprocessors);
  set(labels, key + "slices.gi", profile.slices);
  set(labels, key + "slices.ci", profile.slices);
  const gpu::Engines& engines = profile.engines;
  for (const auto& [engine, number] : {std::pair("copy", engines.copy),
                                       {"decoder", engines.decoders},
                                       {"encoder", engines.encoders},
                                       {"jpeg", engines.jpeg},
                                       {"ofa", engines.ofa}})
    if (number >= 0) set(labels, key + "engines." + engine, number);
}

void set_slices(Labels& labels, const std::vector<Known>& gpus) {
  struct Kind {
    int count = 0;
    const GpuFacts* gpu = nullptr;
    const ProfileFacts* profile = nullptr;
  };
  std::map<std::string, Kind> kinds;
  for (const Known& gpu : gpus) {
    if (!gpu.status->mig) continue;
    for (const control::SliceStatus& slice : gpu.status->slices) {
      const auto profile = std::ranges::find(gpu.facts->profiles, slice.form, &ProfileFacts::form);
      if (slice.uuid.empty() || profile == gpu.facts->profiles.end()) continue;
      Kind& kind = kinds[slice.form];
      if (kind.count++ == 0) kind = {1, gpu.facts, &*profile};
    }
  }
  for (const auto& [form, kind] : kinds)
    set_profile(labels, form, kind.count, *kind.gpu, *kind.profile);
}

}  // namespace

std::map<std::string, std::string> feature_labels(const NodeFacts& facts,
                                                  const control::GpuNodeStatus& status) {
  std::vector<Known> gpus;
  for (const GpuFacts& gpu : facts.gpus) {
    const auto seen = std::ranges::find(status.gpus, gpu.uuid, &control::GpuStatus::uuid);
    if (seen != status.gpus.end() && !seen->lost && !gpu.uuid.empty())
      gpus.push_back({&gpu, &*seen});
  }
  Labels labels;
  if (gpus.empty()) return labels;
  const bool capable =
      std::ranges::any_of(gpus, [](const Known& gpu) { return gpu.facts->mig_capable; });
  set(labels, "gpu.machine", facts.machine.empty() ? "unknown" : label_text(facts.machine));
  set_driver_version(labels, facts.driver_version);
  if (facts.cuda_version != 0)
    set_version(labels, "runtime",
                {std::to_string(facts.cuda_version / 1000),
                 std::to_string(facts.cuda_version % 1000 / 10)});
  set(labels, "mig.capable", capable ? "true" : "false");
  set(labels, "mig.strategy", "mixed");
  set(labels, "mps.capable", "false");
  set_gpu(labels, gpus);
  set_slices(labels, gpus);
  set(labels, "gpu.mode", mode_of(gpus));
  if (const std::string clique = clique_of(gpus); !clique.empty())
    set(labels, "gpu.clique", clique);
  set(labels, "vgpu.present", facts.vgpu ? "true" : "false");
  std::erase_if(labels, [](const auto& label) { return !is_label_value(label.second); });
  return labels;
}

}  // namespace kerf::agent
