// Spreads counted slices over GPUs.
#include "core/gpu/divide.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

namespace kerf::gpu {

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::uint8_t>::max();

/// The layout of every GPU where all are cut alike.
std::optional<Layout> alike(const Geometry& geometry, const std::vector<std::int64_t>& counts,
                            std::int64_t gpus) {
  Counts each;
  for (const std::int64_t count : counts) {
    if (gpus == 0 || count % gpus != 0 || count / gpus > kMost) return std::nullopt;
    each.push_back(static_cast<std::uint8_t>(count / gpus));
  }
  const auto state = geometry.arrange(each);
  if (!state) return std::nullopt;
  return geometry.layout(*state);
}

}  // namespace

Divided divide(const Geometry& geometry, const std::vector<std::int64_t>& counts,
               std::size_t gpus) {
  Divided out;
  out.left.assign(counts.size(), 0);
  if (const auto layout = alike(geometry, counts, static_cast<std::int64_t>(gpus))) {
    out.layouts.assign(gpus, *layout);
    return out;
  }
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto& profiles = geometry.model().profiles;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return profiles[a].slots > profiles[b].slots;
  });
  std::vector<Counts> held(gpus, Counts(counts.size(), 0));
  for (const std::size_t profile : order) {
    std::int64_t rest = counts[profile];
    for (std::size_t g = 0; g < gpus && rest > 0;) {
      Counts more = held[g];
      ++more[profile];
      if (geometry.arrange(more)) {
        held[g] = std::move(more);
        --rest;
      } else {
        ++g;
      }
    }
    out.left[profile] = static_cast<std::uint8_t>(std::min(rest, kMost));
  }
  for (const Counts& one : held) out.layouts.push_back(geometry.layout(*geometry.arrange(one)));
  return out;
}

}  // namespace kerf::gpu
