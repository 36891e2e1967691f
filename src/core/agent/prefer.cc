// The choice of devices, class by class: slices GPU by GPU, whole GPUs as one set.
#include "core/agent/prefer.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <optional>
#include <tuple>

namespace kerf::agent {
namespace {

using Gpus = std::map<std::uint32_t, OfferGpu>;
using Kind = Shape::Kind;
constexpr std::size_t kTriedMax = 16;

/// What devices of different forms take, as a rank.
int width(const Shape& shape) {
  switch (shape.kind) {
    case Kind::Replica: return 0;
    case Kind::Slice: return shape.size;
    case Kind::Whole: break;
  }
  return 256;
}

/// Offers of one class are alike to whoever gets them.
auto rank(const Offer& offer) {
  return std::tuple(!offer.known, !offer.stays, !offer.published, width(offer.shape));
}

bool first(const Offer& a, const Offer& b) {
  return std::tuple(rank(a), a.gpu, a.shape.start, a.id) <
         std::tuple(rank(b), b.gpu, b.shape.start, b.id);
}

std::optional<gpu::Placed> placed(const OfferGpu& gpu, const Shape& shape) {
  if (gpu.geometry == nullptr || shape.kind != Kind::Slice) return std::nullopt;
  const auto& profiles = gpu.geometry->model().profiles;
  for (std::size_t p = 0; p < profiles.size(); ++p)
    if (profiles[p].id == shape.profile)
      return gpu::Placed{static_cast<std::uint8_t>(p), shape.start};
  return std::nullopt;
}

void take(Gpus& gpus, const Offer& offer) {
  OfferGpu& gpu = gpus[offer.gpu];
  if (offer.shape.kind == Kind::Replica) ++gpu.used_replicas;
  const auto slice = placed(gpu, offer.shape);
  if (slice && std::find(gpu.used.begin(), gpu.used.end(), *slice) == gpu.used.end())
    gpu.used.push_back(*slice);
}

int free_of(const OfferGpu& gpu, const Shape& shape) {
  if (shape.kind == Kind::Replica) return shape.replicas - gpu.used_replicas;
  if (gpu.geometry == nullptr) return 0;
  int slots = gpu.geometry->model().slots;
  for (const gpu::Placed& slice : gpu.used)
    slots -= gpu.geometry->model().profiles[slice.profile].slots;
  return slots;
}

/// Legal placements by width of profile, the widest first, beside what is used; none: it is not a
/// legal layout, of which nothing can be said.
std::vector<int> room_of(const OfferGpu& gpu, std::vector<gpu::Placed> used) {
  if (gpu.geometry == nullptr) return {};
  const auto state = gpu.geometry->state(used);
  if (!state) return {};
  const auto& profiles = gpu.geometry->model().profiles;
  std::map<int, int, std::greater<>> placements;
  for (std::size_t p = 0; p < profiles.size(); ++p)
    placements[profiles[p].slots] += std::popcount(gpu.geometry->starts(*state, p));
  std::vector<int> room;
  for (const auto& [slots, count] : placements) room.push_back(count);
  return room;
}

/// Visits all sets of `size` of n things, in the order of their members; as bits.
template <class Visit>
void each_set(std::size_t n, std::size_t size, Visit visit) {
  std::vector<std::size_t> at(size);
  for (std::size_t i = 0; i < size; ++i) at[i] = i;
  while (true) {
    visit(at);
    std::size_t i = size;
    while (i > 0 && at[i - 1] == n - size + (i - 1)) --i;
    if (i == 0) return;
    for (++at[i - 1]; i < size; ++i) at[i] = at[i - 1] + 1;
  }
}

/// Of one GPU; `offers` by start.
std::vector<Offer> best_holes(const OfferGpu& gpu, std::vector<Offer> offers, std::size_t size) {
  size = std::min(size, offers.size());
  std::vector<std::size_t> best;
  std::vector<int> best_room;
  if (offers.size() <= kTriedMax)
    each_set(offers.size(), size, [&](const std::vector<std::size_t>& set) {
      std::vector<gpu::Placed> used = gpu.used;
      for (const std::size_t i : set)
        if (const auto slice = placed(gpu, offers[i].shape)) used.push_back(*slice);
      std::vector<int> room = room_of(gpu, std::move(used));
      if (!best.empty() && room <= best_room) return;
      best = set;
      best_room = std::move(room);
    });
  std::vector<Offer> chosen;
  for (const std::size_t i : best) chosen.push_back(offers[i]);
  if (best.empty())
    chosen.assign(offers.begin(), offers.begin() + static_cast<std::ptrdiff_t>(size));
  return chosen;
}

int links(const Gpus& gpus, std::uint32_t a, std::uint32_t b) {
  const auto gpu = gpus.find(a);
  if (gpu == gpus.end()) return 0;
  const auto there = gpu->second.links.find(b);
  return there == gpu->second.links.end() ? 0 : there->second;
}

std::int64_t links_among(const Gpus& gpus, const std::vector<std::uint32_t>& set) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < set.size(); ++i)
    for (std::size_t k = i + 1; k < set.size(); ++k)
      sum += std::max(links(gpus, set[i], set[k]), links(gpus, set[k], set[i]));
  return sum;
}

/// `chosen`: GPUs that are given away together with these.
std::vector<Offer> best_linked(const Gpus& gpus, const std::vector<Offer>& offers,
                               const std::vector<std::uint32_t>& chosen, std::size_t size) {
  size = std::min(size, offers.size());
  std::vector<std::size_t> best;
  std::pair<std::int64_t, std::int64_t> most;
  const std::size_t tried = offers.size() <= kTriedMax ? offers.size() : size;
  each_set(tried, size, [&](const std::vector<std::size_t>& set) {
    std::vector<std::uint32_t> in = chosen;
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < offers.size(); ++i)
      (std::binary_search(set.begin(), set.end(), i) ? in : out).push_back(offers[i].gpu);
    const std::pair value(links_among(gpus, in), links_among(gpus, out));
    if (!best.empty() && value <= most) return;
    best = set;
    most = value;
  });
  std::vector<Offer> set;
  for (const std::size_t i : best) set.push_back(offers[i]);
  return set;
}

/// The next ones out of one class: of whole GPUs all that are needed, else those of one GPU.
std::vector<Offer> next_of(const Gpus& gpus, const std::vector<Offer>& alike,
                           const std::vector<std::uint32_t>& chosen, std::size_t size) {
  if (!alike.front().known) return {alike.front()};
  if (alike.front().shape.kind == Kind::Whole) return best_linked(gpus, alike, chosen, size);
  static const OfferGpu kNone;
  const auto gpu_of = [&](std::uint32_t number) -> const OfferGpu& {
    const auto found = gpus.find(number);
    return found == gpus.end() ? kNone : found->second;
  };
  const auto fullest =
      std::min_element(alike.begin(), alike.end(), [&](const Offer& a, const Offer& b) {
        return free_of(gpu_of(a.gpu), a.shape) < free_of(gpu_of(b.gpu), b.shape);
      });
  std::vector<Offer> of_it;
  for (const Offer& offer : alike)
    if (offer.gpu == fullest->gpu) of_it.push_back(offer);
  return best_holes(gpu_of(fullest->gpu), std::move(of_it), size);
}

}  // namespace

std::vector<std::string> prefer(const std::vector<Offer>& offers,
                                const std::vector<std::string>& must, std::size_t size,
                                std::map<std::uint32_t, OfferGpu> gpus) {
  std::vector<std::string> ids = must;
  std::vector<std::uint32_t> whole;
  std::vector<Offer> left;
  for (const Offer& offer : offers) {
    if (std::find(must.begin(), must.end(), offer.id) == must.end()) {
      left.push_back(offer);
      continue;
    }
    if (!offer.known) continue;
    take(gpus, offer);
    if (offer.shape.kind == Kind::Whole) whole.push_back(offer.gpu);
  }
  std::sort(left.begin(), left.end(), first);
  while (ids.size() < size && !left.empty()) {
    const auto end = std::find_if(left.begin(), left.end(), [&](const Offer& offer) {
      return rank(offer) != rank(left.front());
    });
    for (const Offer& offer : next_of(gpus, {left.begin(), end}, whole, size - ids.size())) {
      ids.push_back(offer.id);
      if (offer.known) take(gpus, offer);
      if (offer.known && offer.shape.kind == Kind::Whole) whole.push_back(offer.gpu);
      std::erase_if(left, [&](const Offer& it) { return it.id == offer.id; });
    }
  }
  return ids;
}

}  // namespace kerf::agent
