// Reads extended resource names as GPU requests, and says what is near to a name that does not
// exist.
#include "codec/gpu_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <tuple>
#include <vector>

#include "base/quote.h"

namespace kerf::codec {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;

constexpr std::int64_t kCountMax = 1'000'000;
constexpr std::size_t kNearMax = 4;    // profiles named in an error
constexpr std::size_t kModelsMax = 4;  // models named for each
constexpr std::string_view kMigPrefix = "nvidia.com/mig-";
constexpr std::string_view kPortablePrefix = "kerf.dev/";

/// True if the resource name offers the profile: '+' is written '.' there.
bool names_profile(std::string_view name, std::string_view profile) {
  return std::equal(name.begin(), name.end(), profile.begin(), profile.end(),
                    [](char n, char p) { return n == (p == '+' ? '.' : p); });
}

/// What a profile's name says of it: "1g.5gb.me" -> 1, 5, ".me".
struct NameParts {
  int compute = 0;
  int gb = 0;
  std::string attribute;
};

bool take_number(std::string_view& text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0 || value > 10'000) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<NameParts> parts_of(std::string_view text) {
  NameParts parts;
  if (!take_number(text, parts.compute) || !take(text, "g.") || !take_number(text, parts.gb) ||
      !take(text, "gb")) {
    return std::nullopt;
  }
  parts.attribute = text;
  return parts;
}

/// "mig-1g.5gb (A100-40), mig-1g.10gb (A100-80, H100-80)": the nearest names of models that can be
/// cut: same attribute first, then compute slices, then memory.
std::string near_profiles(const NameParts& wanted, const gpu::Catalogue& gpus) {
  std::map<std::string, std::vector<std::string>> models_of;  // by resource name less its prefix
  for (const gpu::Model& model : gpus.models) {
    if (!model.cuttable()) continue;
    for (const gpu::Profile& profile : model.profiles) {
      models_of[gpu::resource_name(profile).substr(kMigPrefix.size())].push_back(model.key);
    }
  }
  using Rank = std::tuple<bool, int, int, int, std::string>;
  std::vector<Rank> ranked;
  for (const auto& [name, models] : models_of) {
    const std::optional<NameParts> parts = parts_of(name);
    if (!parts) continue;
    ranked.emplace_back(parts->attribute != wanted.attribute,
                        std::abs(parts->compute - wanted.compute), std::abs(parts->gb - wanted.gb),
                        parts->gb, name);
  }
  std::sort(ranked.begin(), ranked.end());
  if (ranked.size() > kNearMax) ranked.resize(kNearMax);
  std::string text;
  for (const Rank& rank : ranked) {
    const std::string& name = std::get<std::string>(rank);
    const std::vector<std::string>& models = models_of[name];
    text += fmt::format("{}mig-{} (", text.empty() ? "" : ", ", name);
    for (std::size_t i = 0; i < std::min(models.size(), kModelsMax); ++i) {
      text += (i == 0 ? "" : ", ") + models[i];
    }
    text += models.size() > kModelsMax ? ", ...)" : ")";
  }
  return text;
}

Result<GpuRequest> parse_slice(std::string_view name, std::int64_t count,
                               const gpu::Catalogue& gpus) {
  const std::string_view wanted = name.substr(kMigPrefix.size());
  for (const gpu::Model& model : gpus.models) {
    for (const gpu::Profile& profile : model.profiles) {
      if (!names_profile(wanted, profile.name)) continue;
      GpuRequest request;
      request.kind = GpuRequestKind::Slice;
      request.profile = profile.name;
      request.count = count;
      return request;
    }
  }
  if (wanted.find('+') != std::string_view::npos) {
    std::string written(name);
    std::replace(written.begin(), written.end(), '+', '.');
    return invalid(fmt::format("{} is no resource name: '+' is written as '.', so expected {}",
                               quoted(name), quoted(written)));
  }
  std::string_view rest = wanted;
  int number = 0;
  if (take_number(rest, number) && rest.starts_with("c.")) {
    return fail(ErrorCode::Unsupported,
                fmt::format("{} is a compute instance, a part of a MIG slice without memory of its "
                            "own, which Kerf does not plan for: ask for the slice, for example "
                            "nvidia.com/mig-{}",
                            name, rest.substr(2)));
  }
  const std::optional<NameParts> parts = parts_of(wanted);
  if (!parts) {
    return invalid(
        fmt::format("{} is no MIG resource: expected nvidia.com/mig-<profile>, for "
                    "example nvidia.com/mig-1g.10gb",
                    quoted(name)));
  }
  return invalid(fmt::format("no GPU that Kerf knows has the profile of {}; near are: {}",
                             quoted(name), near_profiles(*parts, gpus)));
}

Result<GpuRequest> parse_portable(std::string_view name, std::int64_t count) {
  const auto wrong = [&] {
    return invalid(
        fmt::format("{} is no request that Kerf knows: expected kerf.dev/gpu-<M>gi for "
                    "at least M GiB of GPU memory, with M one of {}, and an optional "
                    "suffix -isolated or -shared",
                    quoted(name), fmt::join(kPortableLadder, ", ")));
  };
  std::string_view rest = name.substr(kPortablePrefix.size());
  GpuRequest request;
  request.kind = GpuRequestKind::Portable;
  request.count = count;
  if (!take(rest, "gpu-") || rest.starts_with('0')) return wrong();
  if (!take_number(rest, request.gib) || !take(rest, "gi")) return wrong();
  const std::string_view suffix = rest;
  if (suffix == "-isolated") {
    request.isolation = Isolation::Isolated;
  } else if (suffix == "-shared") {
    request.isolation = Isolation::Shared;
  } else if (!suffix.empty()) {
    return wrong();
  }
  const std::optional<int> rung = ladder_up(request.gib);
  if (!rung) {
    return invalid(
        fmt::format("{} asks for more than any GPU has: the largest is "
                    "kerf.dev/gpu-{}gi{}; or ask for several GPUs",
                    quoted(name), *std::rbegin(kPortableLadder), suffix));
  }
  if (*rung != request.gib) {
    return invalid(fmt::format("{} is not a size that Kerf offers: the next is kerf.dev/gpu-{}gi{}",
                               quoted(name), *rung, suffix));
  }
  return request;
}

}  // namespace

std::optional<int> ladder_up(int gib) {
  const int* rung = std::lower_bound(std::begin(kPortableLadder), std::end(kPortableLadder), gib);
  if (rung == std::end(kPortableLadder)) return std::nullopt;
  return *rung;
}

bool is_gpu_resource(std::string_view name) {
  return name.starts_with("nvidia.com/") || name.starts_with(kPortablePrefix);
}

Result<GpuRequest> parse_gpu_resource(std::string_view name, std::int64_t count,
                                      const gpu::Catalogue& gpus) {
  if (count < 1 || count > kCountMax) {
    return invalid(fmt::format("{} of {}: expected 1 to {}", count, quoted(name), kCountMax));
  }
  if (name == "nvidia.com/gpu") {
    GpuRequest request;
    request.count = count;
    return request;
  }
  if (name.starts_with("nvidia.com/") && name.ends_with(".shared")) {
    return fail(ErrorCode::Unsupported,
                fmt::format("{} is a time-sliced replica of no stated size: ask for "
                            "kerf.dev/gpu-<M>gi-shared, with M the GiB of GPU memory that the pod "
                            "needs, for example kerf.dev/gpu-8gi-shared",
                            name));
  }
  if (name.starts_with(kMigPrefix)) return parse_slice(name, count, gpus);
  if (name.starts_with(kPortablePrefix)) return parse_portable(name, count);
  if (name.starts_with("nvidia.com/")) {
    return fail(
        ErrorCode::Unsupported,
        fmt::format("{} is not a GPU request that Kerf plans for; those are nvidia.com/gpu, "
                    "nvidia.com/mig-<profile> and kerf.dev/gpu-<M>gi",
                    quoted(name)));
  }
  return invalid(
      fmt::format("{} is not a GPU resource: expected nvidia.com/gpu, "
                  "nvidia.com/mig-<profile> or kerf.dev/gpu-<M>gi",
                  quoted(name)));
}

}  // namespace kerf::codec
