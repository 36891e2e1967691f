// Prefer: which of the devices that kubelet may take leave the node with the most room.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/agent/shape.h"
#include "core/gpu/geometry.h"

namespace kerf::agent {

/// A device that kubelet may take.
struct Offer {
  std::string id;
  bool stays = false;      ///< it is not about to go
  bool published = false;  ///< not parked (and lent)
  bool known = false;      ///< else kubelet's alone; comes last, and the rest is not set
  std::uint32_t gpu = 0;
  Shape shape;
};

/// What the choice has to know of a GPU.
struct OfferGpu {
  const gpu::Geometry* geometry = nullptr;  ///< null: it cannot be cut
  std::vector<gpu::Placed> used;  ///< slices that somebody holds; all else can be cut anew
  int used_replicas = 0;
  std::map<std::uint32_t, int> links;  ///< NVLinks to other GPUs, by number
};

/// `size` of the offers, `must` (ids of some of them, or others) first, then in the order of
/// choice. Fewer if there are no more. The rules, each where those before say the same:
/// 1. What stays, what is published, what takes less of a GPU (a replica, slices by width, a GPU).
/// 2. Slices and replicas: of the GPU with the fewest free slots (replicas). Of one GPU, those that
///    leave the most legal placements of its widest profile, then the next narrower and so on, if
///    only what is held stays and the rest is cut anew.
/// 3. Whole GPUs: with the most NVLinks among those chosen (`must` too), then the most among those
///    that remain; so a single one is the one that the others miss least.
/// 4. The first GPU by number, then start.
/// Sets are tried one and all: of one GPU at most C(12, 6) slices, of a node at most C(16, 8) GPUs;
/// beyond 16 GPUs the first ones are taken.
std::vector<std::string> prefer(const std::vector<Offer>& offers,
                                const std::vector<std::string>& must, std::size_t size,
                                std::map<std::uint32_t, OfferGpu> gpus);

}  // namespace kerf::agent
