// Looks for what excludes every offer, and names it with figures.
#include "core/plan/unservable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

namespace kerf::plan {

namespace {

bool has_form(Offers& offers, const ItemClass& item, std::uint32_t type) {
  for (GpuMode mode : offers.modes(type))
    if (!offers.options(item.shapes, type, mode).empty()) return true;
  return false;
}

bool admitted(const Offers& offers, const ItemClass& item, std::size_t offer) {
  return std::all_of(item.shapes.begin(), item.shapes.end(),
                     [&](std::uint32_t s) { return offers.admitted(s, offer); });
}

bool in_zone(const Offers& offers, const std::string& zone, std::size_t offer) {
  return zone.empty() || offers.all()[offer].zone == zone;
}

constexpr std::size_t kNearProfiles = 4;

/// A plain profile and the models on offer that have it, in the catalogue's order.
struct OnOffer {
  const gpu::Profile* profile = nullptr;
  std::vector<std::string> models;
};

/// Plain profiles of the types on offer, by name.
std::vector<OnOffer> profiles_on_offer(const Offers& offers) {
  std::set<std::string> keys;
  for (const Offer& offer : offers.all()) {
    const market::InstanceType& type = offers.market().types[offer.type];
    if (type.gpu_fraction == 1) keys.insert(offers.market().model_of(type).key);
  }
  std::map<std::string, OnOffer> by_name;
  for (const gpu::Model& model : offers.market().gpus.models) {
    if (!keys.contains(model.key) || !model.cuttable()) continue;
    for (const gpu::Profile& profile : model.profiles) {
      if (profile.special()) continue;
      OnOffer& entry = by_name[profile.name];
      if (entry.profile == nullptr) entry.profile = &profile;
      if (entry.models.empty() || entry.models.back() != model.key)
        entry.models.push_back(model.key);
    }
  }
  std::vector<OnOffer> list;
  for (auto& [name, entry] : by_name) list.push_back(std::move(entry));
  return list;
}

/// "1g.10gb (A100-80, H100-80), 1g.12gb (RTXPRO-6000)": the profiles on offer whose memory is
/// nearest to that of the profile asked for, those of like compute first. Of a name that no model
/// has nothing is known: then the smallest.
std::string near_profiles(const Offers& offers, const std::string& asked) {
  std::int32_t gb = 0, compute = 0;
  for (const gpu::Model& model : offers.market().gpus.models) {
    const auto found = model.profile_named(asked);
    if (!found) continue;
    gb = model.profiles[*found].nominal_gb;
    compute = model.profiles[*found].compute_slices;
    break;
  }
  std::vector<OnOffer> list = profiles_on_offer(offers);
  const auto distance = [&](const OnOffer& entry) {
    return std::make_pair(std::abs(entry.profile->nominal_gb - gb),
                          std::abs(entry.profile->compute_slices - compute));
  };
  std::stable_sort(list.begin(), list.end(),
                   [&](const OnOffer& a, const OnOffer& b) { return distance(a) < distance(b); });
  if (list.size() > kNearProfiles) list.resize(kNearProfiles);
  std::string text;
  for (const OnOffer& entry : list)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", entry.profile->name,
                        fmt::join(entry.models, ", "));
  return text;
}

/// The request that no type can serve, and what there is instead.
Reason no_form(const Offers& offers, const cluster::PodShape& s) {
  for (const cluster::GpuRequest& request : s.gpu) {
    std::int32_t largest = 0;
    bool served = false;
    for (const Offer& offer : offers.all()) {
      const market::InstanceType& type = offers.market().types[offer.type];
      served = served || !forms_for(request, offers.market(), type, offers.policy()).empty();
      if (request.kind != cluster::GpuRequestKind::Whole || type.gpu_fraction == 1)
        largest = std::max(largest, type.nominal_gb);
    }
    if (served) continue;
    if (request.kind == cluster::GpuRequestKind::Whole ||
        request.kind == cluster::GpuRequestKind::Portable)
      return {ReasonCode::NoModelThatLarge,
              {cluster::resource_name(request), fmt::format("{}", largest)}};
    return {ReasonCode::UnknownProfile,
            {cluster::resource_name(request), near_profiles(offers, request.profile)}};
  }
  // Each request is served somewhere, but no type serves all of them together.
  return {ReasonCode::NoTypeMatches, {fmt::format("{} on one node", cluster::describe(s.gpu))}};
}

Reason too_large(Offers& offers, const ItemClass& item, const std::string& zone) {
  Resources most;
  std::int32_t gpus = 0;
  for (std::size_t o = 0; o < offers.all().size(); ++o) {
    const std::uint32_t type = offers.all()[o].type;
    if (!admitted(offers, item, o) || !in_zone(offers, zone, o) || !has_form(offers, item, type))
      continue;
    most = max(most, offers.allocatable(type));
    gpus = std::max(gpus, offers.market().types[type].gpu_count);
  }
  const auto over = [](const char* what, std::int64_t asked, std::int64_t there, const char* unit) {
    return Reason{ReasonCode::TooLargeForNode,
                  {what, fmt::format("{}{}", asked, unit), fmt::format("{}{}", there, unit)}};
  };
  if (item.need.cpu_milli > most.cpu_milli)
    return over("cpu", item.need.cpu_milli, most.cpu_milli, "m");
  if (item.need.memory_mib > most.memory_mib)
    return over("memory", item.need.memory_mib, most.memory_mib, "Mi");
  if (item.need.disk_mib > most.disk_mib)
    return over("disk", item.need.disk_mib, most.disk_mib, "Mi");
  std::string asks = cluster::describe(offers.shape(item.shapes[0]).gpu);
  if (item.bundle > 1) asks = fmt::format("{} pods with {} each", item.bundle, asks);
  return {ReasonCode::TooLargeForNode, {"gpus", asks, fmt::format("{} GPUs", gpus)}};
}

}  // namespace

Reason why_unservable(Offers& offers, const ItemClass& item, const std::string& zone) {
  if (offers.all().empty())
    return {ReasonCode::NoTypeMatches, {"the policy and --types, which leave nothing to buy"}};
  for (const auto& [key, need] : item.labels)
    if (!need.satisfiable())
      return {ReasonCode::ConflictingPods,
              {"it must share a node with pods that want another value of the label " + key}};
  bool any_form = false, any_admitted = false, any_zone = false;
  const Reason* refused = nullptr;
  for (std::size_t o = 0; o < offers.all().size(); ++o) {
    const std::uint32_t type = offers.all()[o].type;
    if (!has_form(offers, item, type)) continue;
    any_form = true;
    if (admitted(offers, item, o)) {
      any_admitted = true;
      any_zone = any_zone || in_zone(offers, zone, o);
      continue;
    }
    for (std::uint32_t s : item.shapes)
      if (refused == nullptr && !offers.admitted(s, o)) refused = offers.refusal(s, type);
  }
  if (!any_form) return no_form(offers, offers.shape(item.shapes[0]));
  if (!any_admitted)
    return refused != nullptr ? *refused : Reason{ReasonCode::NoTypeMatches, {"node selector"}};
  if (!any_zone) return {ReasonCode::NoZone, {"zone " + zone}};
  return too_large(offers, item, zone);
}

}  // namespace kerf::plan
