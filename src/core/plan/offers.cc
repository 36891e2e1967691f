// Offers: admission per distinct constraint, ways to serve per distinct request.
#include "core/plan/offers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace kerf::plan {

namespace {

using cluster::GpuRequest;
using cluster::PodShape;
using market::InstanceType;

constexpr std::size_t kMaxOptions = 1024;
constexpr int kMaxDevices = 240;  ///< of one item; more than any node has

/// True if the shape cares about zones; adds those that it names.
bool names_zone(const PodShape& s, std::set<std::string>& named) {
  bool any = s.volume_zone_bound;
  named.insert(s.volume_zones.begin(), s.volume_zones.end());
  auto look = [&](const cluster::Requirements& requirements) {
    for (const auto& requirement : requirements) {
      if (requirement.key != "topology.kubernetes.io/zone" &&
          requirement.key != "failure-domain.beta.kubernetes.io/zone")
        continue;
      any = true;
      if (requirement.op == cluster::Operator::In)
        named.insert(requirement.values.begin(), requirement.values.end());
    }
  };
  look(s.node_selector);
  for (const auto& term : s.node_affinity) look(term);
  auto zone_term = [](const auto& term) { return term.topology_key != "kubernetes.io/hostname"; };
  return any || std::any_of(s.spread.begin(), s.spread.end(), zone_term) ||
         std::any_of(s.affinity.begin(), s.affinity.end(), zone_term) ||
         std::any_of(s.anti_affinity.begin(), s.anti_affinity.end(), zone_term);
}

void add_form(FormCounts& counts, const gpu::Form& form, int times) {
  for (auto& [have, n] : counts) {
    if (!(have == form)) continue;
    n += times;
    return;
  }
  counts.emplace_back(form, times);
}

/// False if the forms need more GPUs than there are, even side by side.
bool may_fit(const gpu::Model& model, std::int32_t gpus, const FormCounts& way) {
  std::int64_t slots = 0, whole = 0;
  for (const auto& [form, n] : way) {
    if (form.kind == gpu::FormKind::Slice)
      slots += std::int64_t{n} * model.profiles[form.profile].slots;
    else whole += (n + form.replicas - 1) / form.replicas;
  }
  if (slots > 0) whole += (slots + model.slots - 1) / model.slots;
  return whole <= gpus;
}

/// Drops forms that are never the better choice on the same GPU.
std::vector<gpu::Form> undominated(const gpu::Model& model, const std::vector<gpu::Form>& forms) {
  std::vector<gpu::Form> kept;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    bool drop = false;
    for (std::size_t j = 0; j < forms.size() && !drop; ++j) {
      if (i == j || !gpu::dominates(model, forms[j], forms[i])) continue;
      drop = j < i || !gpu::dominates(model, forms[i], forms[j]);
    }
    if (!drop) kept.push_back(forms[i]);
  }
  return kept;
}

}  // namespace

Offers::Offers(const cluster::Demand& demand, const market::Market& market,
               const cluster::Policy& policy, GivenLabels given)
    : demand_(demand), market_(market), policy_(policy), given_(given) {
  for (const PodShape& s : demand.shapes) signature_.push_back(sign(s));
  for (const cluster::Headroom& headroom : policy.headroom) {
    PodShape s;
    s.ns = "headroom";
    s.gpu = {headroom.request};
    s.requests = headroom.each;
    s.requests.pods = 1;
    s.tolerations = {{"", true, "", ""}};  // whoever comes to use it tolerates the policy's taints
    headroom_.push_back(s);
    signature_.push_back(sign(s));
  }
  for (const InstanceType& type : market.types)
    allocatable_.push_back(market::allocatable(type, demand.overhead));
  expand();
  admit();
}

std::uint32_t Offers::sign(const PodShape& s) {
  auto [it, fresh] =
      signatures_.try_emplace(admission_part(s), static_cast<std::uint32_t>(signatures_.size()));
  if (fresh) examples_.push_back(it->first);
  return it->second;
}

/// Zones to tell apart; empty where nobody asks and the prices are the region's.
std::vector<std::string> Offers::zone_universe() {
  if (!policy_.zones.empty()) {
    const std::set<std::string> zones(policy_.zones.begin(), policy_.zones.end());
    return {zones.begin(), zones.end()};
  }
  std::vector<std::string> priced = market_.zones();
  std::set<std::string> named;
  bool asked = false;
  for (const PodShape& s : demand_.shapes) asked = names_zone(s, named) || asked;
  if (!priced.empty() || !asked) return priced;
  // A pod that names a zone of another region cannot run here: that zone is not ours to sell in.
  std::erase_if(named,
                [this](const std::string& zone) { return !zone.starts_with(market_.region); });
  for (const std::string& zone : market::assumed_zones(market_)) named.insert(zone);
  std::string list;
  for (const std::string& zone : named) list += (list.empty() ? "" : ", ") + zone;
  notes_.push_back(fmt::format(
      "The prices say nothing about zones: every type is taken to be sold in {}.", list));
  return {named.begin(), named.end()};
}

void Offers::expand() {
  const std::vector<std::string> zones = zone_universe();
  for (const market::Offering& offering : market_.offerings) {
    const auto stock = offering.count ? static_cast<std::int32_t>(stocks_.size()) : -1;
    if (offering.count) stocks_.push_back(*offering.count);
    if (!cluster::allows(policy_, market_.types[offering.type], offering)) continue;
    Offer offer{offering.type, offering.zone, offering.capacity_type, offering.price, stock};
    if (!offering.zone.empty() || zones.empty()) {
      offers_.push_back(offer);
      continue;
    }
    for (const std::string& zone : zones) {
      offer.zone = zone;
      offers_.push_back(offer);
    }
  }
}

void Offers::admit() {
  admitted_.resize(examples_.size());
  refusal_.resize(examples_.size());
  for (std::size_t g = 0; g < examples_.size(); ++g) {
    for (const Offer& offer : offers_) {
      Admission admission = admits(market_, policy_, examples_[g], market_.types[offer.type],
                                   offer.zone, offer.capacity_type, given_);
      admitted_[g].push_back(admission.ok);
      if (!admission.ok) refusal_[g].try_emplace(offer.type, std::move(admission.why_not));
    }
  }
  std::map<std::vector<bool>, std::uint32_t> alike;
  for (std::uint32_t g = 0; g < examples_.size(); ++g) {
    const bool any =
        std::find(admitted_[g].begin(), admitted_[g].end(), true) != admitted_[g].end();
    const bool labels = chooses_labels(market_, policy_, examples_[g]) ||
                        !label_needs(market_, policy_, examples_[g]).empty();
    admission_.push_back(any && !labels ? alike.try_emplace(admitted_[g], g).first->second : g);
  }
}

/// All ways to serve these requests on one node of this type and mode.
const std::vector<FormCounts>& Offers::request_options(const std::vector<GpuRequest>& requests,
                                                       std::uint32_t type, GpuMode mode) {
  auto key = std::make_tuple(requests, type, mode);
  if (auto it = options_.find(key); it != options_.end()) return it->second;
  const InstanceType& instance = market_.types[type];
  const gpu::Model& model = market_.model_of(instance);
  std::vector<FormCounts> ways = {{}};
  for (const GpuRequest& request : requests) {
    std::vector<gpu::Form> forms;
    for (const gpu::Form& form : forms_for(request, market_, instance, policy_))
      if (gpu::allowed_in(mode, form)) forms.push_back(form);
    forms = undominated(model, forms);
    std::vector<FormCounts> longer;
    for (const FormCounts& way : ways) {
      for (const gpu::Form& form : forms) {
        if (request.count > kMaxDevices) continue;
        if (longer.size() >= kMaxOptions) {
          truncated_ = true;
          continue;
        }
        longer.push_back(way);
        add_form(longer.back(), form, static_cast<int>(request.count));
      }
    }
    ways = std::move(longer);
  }
  return options_.emplace(std::move(key), std::move(ways)).first->second;
}

std::vector<GpuMode> Offers::modes(std::uint32_t type) const {
  const InstanceType& instance = market_.types[type];
  if (gpu::mode_is_the_nodes(market_.model_of(instance), instance.gpu_fraction))
    return {GpuMode::Cut, GpuMode::Whole};
  return {GpuMode::Any};
}

std::vector<FormCounts> Offers::options(const std::vector<std::uint32_t>& shapes,
                                        std::uint32_t type, GpuMode mode) {
  std::map<std::vector<GpuRequest>, int> requests;
  for (std::uint32_t s : shapes) ++requests[shape(s).gpu];
  std::vector<FormCounts> ways = {{}};
  for (const auto& [request, times] : requests) {
    std::vector<FormCounts> longer;
    for (const FormCounts& way : ways) {
      for (const FormCounts& option : request_options(request, type, mode)) {
        if (longer.size() >= kMaxOptions) {
          truncated_ = true;
          break;
        }
        longer.push_back(way);
        for (const auto& [form, n] : option) add_form(longer.back(), form, n * times);
      }
    }
    ways = std::move(longer);
  }
  std::erase_if(ways, [](const FormCounts& way) {
    return std::any_of(way.begin(), way.end(),
                       [](const auto& entry) { return entry.second > kMaxDevices; });
  });
  return ways;
}

std::vector<std::string> Offers::zones(std::uint32_t s) {
  std::map<std::string, MicroUsdPerHour> least;
  for (std::size_t o = 0; o < offers_.size(); ++o) {
    const Offer& offer = offers_[o];
    if (!admitted(s, o) || !shape(s).requests.fits(allocatable_[offer.type])) continue;
    const auto known = least.find(offer.zone);
    if (known != least.end() && known->second <= offer.price) continue;
    const InstanceType& type = market_.types[offer.type];
    for (GpuMode mode : modes(offer.type))
      for (const FormCounts& way : options({s}, offer.type, mode))
        if (may_fit(market_.model_of(type), type.gpu_count, way)) least[offer.zone] = offer.price;
  }
  std::vector<std::string> zones;
  for (const auto& [zone, price] : least) zones.push_back(zone);
  std::stable_sort(zones.begin(), zones.end(),
                   [&](const std::string& a, const std::string& b) { return least[a] < least[b]; });
  return zones;
}

std::vector<std::string> Offers::selected_zones(std::uint32_t s) const {
  std::set<std::string> zones;
  for (const Offer& offer : offers_) {
    if (zones.count(offer.zone) != 0) continue;
    if (selects(market_, policy_, shape(s), market_.types[offer.type], offer.zone,
                offer.capacity_type, given_)
            .ok)
      zones.insert(offer.zone);
  }
  return {zones.begin(), zones.end()};
}

const Reason* Offers::refusal(std::uint32_t s, std::uint32_t type) const {
  auto it = refusal_[signature_[s]].find(type);
  return it == refusal_[signature_[s]].end() ? nullptr : &it->second;
}

}  // namespace kerf::plan
