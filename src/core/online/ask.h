// Ask and Kind: what a pod wants, and the nodes it can want it of, in the terms of GpuTable.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "core/online/gpu_table.h"

namespace kerf::online {

using AskId = std::uint32_t;
using KindId = std::uint16_t;

/// One way to serve a pod on a node: how many of each unit, by unit, counts > 0.
using Way = std::vector<std::pair<Unit, std::int32_t>>;

/// Pods that placement may exchange for one another.
struct Ask {
  Resources need;
  /// By KindId: the ways in which a node of that kind serves the pod, the smallest part of a GPU
  /// first; empty = such a node never does (its GPUs have no such form, or labels, taints,
  /// architecture or zone exclude the pod).
  std::vector<std::vector<Way>> ways;
  /// What serving one such pod elsewhere would cost, in micro-dollars per hour: the cheapest part
  /// of a node that could be bought for it.
  MicroUsdPerHour worth;
};

/// Nodes that are alike but for what runs on them: type, labels, taints, zone, GPU mode.
struct Kind {
  const GpuTable* gpus = nullptr;  ///< outlives the Kind
};

/// What a node can still take.
struct NodeRoom {
  KindId kind = 0;
  Resources left;
  std::vector<GpuState> gpus;  ///< by GPU
  bool operator==(const NodeRoom&) const = default;
};

/// Demand expected next: how often each ask comes, relative to the others. Sorted by ask, distinct,
/// weights > 0.
struct Expected {
  AskId ask = 0;
  std::int64_t weight = 0;
  bool operator==(const Expected&) const = default;
};
using Expectation = std::vector<Expected>;

}  // namespace kerf::online
