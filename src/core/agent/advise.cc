// What kubelet is advised to take, from the devices and GPUs as they are now.
#include "core/agent/mind.h"

namespace kerf::agent {

Offer Agent::Mind::offer_of(const std::string& id) {
  Offer offer;
  offer.id = id;
  const auto name = parse_device_id(id);
  const Device* device = by_id(id);
  if (device == nullptr) return offer;
  const Gpu& gpu = gpus_[name->gpu];
  offer.known = true;
  offer.stays = leave_of(gpu, *device) == Leave::No && !device->lost && !gpu.lost();
  offer.published = device->published;
  offer.gpu = name->gpu;
  offer.shape = device->shape;
  return offer;
}

std::map<std::uint32_t, OfferGpu> Agent::Mind::offer_gpus() {
  std::map<std::uint32_t, OfferGpu> all;
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    const Gpu& gpu = gpus_[i];
    OfferGpu& it = all[i];
    for (const auto& [uuid, links] : gpu.seen.links)
      if (const auto other = index_of(uuid); other && *other != i) it.links[*other] = links;
    if (gpu.model != nullptr && gpu.model->cuttable() && gpu.seen.mode)
      it.geometry = &geometries_.try_emplace(gpu.model->key, *gpu.model).first->second;
    for (const auto& [key, device] : gpu.devices) {
      if (!device.is_held()) continue;
      if (device.shape.kind == Shape::Kind::Replica) ++it.used_replicas;
      if (it.geometry == nullptr || device.shape.kind != Shape::Kind::Slice) continue;
      const auto profile = gpu.model->profile_named(key.second);
      it.used.push_back({static_cast<std::uint8_t>(*profile), key.first});
    }
  }
  return all;
}

void Agent::Mind::hear(const PreferredAllocation& event) {
  std::vector<Offer> offers;
  for (const std::string& id : event.available) offers.push_back(offer_of(id));
  emit(Prefer{event.call, prefer(offers, event.must_include, event.size, offer_gpus())});
}

}  // namespace kerf::agent
