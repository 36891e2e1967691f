// Names of forms and resources as they stand in objects.
#include "core/control/names.h"

#include <algorithm>
#include <charconv>

#include "core/cluster/demand.h"

namespace kerf::control {

std::string form_text(const gpu::Model& model, const gpu::Form& form) {
  switch (form.kind) {
    case gpu::FormKind::Slice: return model.profiles[form.profile].name;
    case gpu::FormKind::TimeSliced: return "replica/" + std::to_string(form.replicas);
    case gpu::FormKind::Mps: return "mps/" + std::to_string(form.replicas);
    case gpu::FormKind::Whole:
    case gpu::FormKind::Fraction: break;
  }
  return "whole";
}

std::optional<gpu::Form> parse_form(const gpu::Model& model, const std::string& text,
                                    std::uint8_t fraction) {
  gpu::SharingOptions all;
  all.time_slicing_replicas.clear();
  for (std::uint8_t replicas = 2; replicas <= 16; ++replicas)
    all.time_slicing_replicas.push_back(replicas);
  for (const gpu::Form& form : gpu::forms_of(model, fraction, all))
    if (form_text(model, form) == text) return form;
  return std::nullopt;
}

std::string natural_resource(const gpu::Model& model, const gpu::Form& form) {
  if (form.kind == gpu::FormKind::Slice) return gpu::resource_name(model.profiles[form.profile]);
  if (form.by_nature()) return "nvidia.com/gpu";
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Portable;
  for (const int rung : cluster::kPortableLadder)
    if (rung <= form.nominal_gb) request.gib = rung;
  if (request.gib == 0) return kSharedGpu;
  request.isolation = cluster::Isolation::Shared;
  return cluster::resource_name(request);
}

std::optional<cluster::GpuRequest> parse_portable(const std::string& resource) {
  constexpr std::string_view kPrefix = "kerf.dev/gpu-";
  if (!resource.starts_with(kPrefix)) return std::nullopt;
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Portable;
  const char* const begin = resource.data() + kPrefix.size();
  const char* const end = resource.data() + resource.size();
  const auto [rest, error] = std::from_chars(begin, end, request.gib);
  const std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  if (error != std::errc() || *begin == '0') return std::nullopt;
  if (suffix == "gi-isolated") request.isolation = cluster::Isolation::Isolated;
  else if (suffix == "gi-shared") request.isolation = cluster::Isolation::Shared;
  else if (suffix != "gi") return std::nullopt;
  const auto& ladder = cluster::kPortableLadder;
  const bool offered =
      std::find(std::begin(ladder), std::end(ladder), request.gib) != std::end(ladder);
  return offered ? std::optional(request) : std::nullopt;
}

std::vector<std::string> bought_for(const Labels& annotations) {
  const std::string text = label_of(annotations, kBoughtFor);
  std::vector<std::string> uids;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    uids.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return uids;
}

bool is_bought_for(const Labels& annotations, const std::string& uid) {
  const std::vector<std::string> uids = bought_for(annotations);
  return std::find(uids.begin(), uids.end(), uid) != uids.end();
}

}  // namespace kerf::control
