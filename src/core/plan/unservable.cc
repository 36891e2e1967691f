// Looks for what excludes every offer, and names it with figures.
#include "core/plan/unservable.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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

/// Plain profiles of the types on offer, for "near".
std::string profiles_on_offer(const Offers& offers) {
  std::set<std::string> profiles;
  for (const Offer& offer : offers.all()) {
    const market::InstanceType& type = offers.market().types[offer.type];
    const gpu::Model& model = offers.market().model_of(type);
    if (!model.cuttable() || type.gpu_fraction != 1) continue;
    for (const gpu::Profile& profile : model.profiles)
      if (!profile.special()) profiles.insert(profile.name);
  }
  std::string list;
  for (const std::string& name : profiles) list += (list.empty() ? "" : ", ") + name;
  return list;
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
            {cluster::resource_name(request), profiles_on_offer(offers)}};
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
