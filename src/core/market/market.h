// Market: what can be bought where and for how much, as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "base/result.h"
#include "core/gpu/model.h"

namespace kerf::market {

/// One EC2 instance type with NVIDIA GPUs.
struct InstanceType {
  std::string name;  ///< "p4d.24xlarge"
  std::string arch;  ///< "amd64" or "arm64"
  std::int32_t vcpu = 0;
  std::int64_t memory_mib = 0;      ///< as EC2 states it, before any overhead
  std::string gpu_model;            ///< key in the catalogue: "A100-40"
  std::int32_t gpu_count = 0;       ///< devices a pod can be given; 1 on a fractional instance
  std::uint8_t gpu_fraction = 1;    ///< 1 = whole GPUs; 8 = each device is 1/8 of the physical GPU
  std::int32_t gpu_memory_mib = 0;  ///< of one device as AWS states it
  std::int32_t nominal_gb = 0;      ///< of one device: the model's, or its fraction
  std::int64_t local_nvme_gb = 0;
  double network_gbps = 0;  ///< baseline
  std::int32_t max_pods = 0;
  bool bare_metal = false;
  std::string gpu_label;  ///< karpenter.k8s.aws/instance-gpu-name: "a100"

  std::string family() const;  ///< "p4d"
  std::string size() const;    ///< "24xlarge"
};

enum class CapacityType : std::uint8_t { OnDemand, Spot, Reserved };
/// "on-demand", "spot", "reserved": the label values of karpenter.sh/capacity-type.
std::string_view to_string(CapacityType type);
std::optional<CapacityType> parse_capacity_type(std::string_view text);

/// Something that can be bought.
struct Offering {
  std::uint32_t type = 0;  ///< index in Market::types
  std::string zone;        ///< "us-east-1a"; empty: the price holds for the whole region
  CapacityType capacity_type = CapacityType::OnDemand;
  MicroUsdPerHour price;
  /// Nodes that can be had at this price; nullopt = any number. What is owned has a number, and
  /// price 0.
  std::optional<std::int64_t> count = std::nullopt;
  bool operator==(const Offering&) const = default;
};

/// Everything that planning knows of what can be bought. Immutable during a plan.
struct Market {
  gpu::Catalogue gpus;
  std::vector<InstanceType> types;
  std::vector<Offering> offerings;  ///< sorted by type, zone, capacity type, owned ones first;
                                    ///< no duplicates
  /// What has a price and cannot be had now, sorted alike: for what stands, never to buy.
  std::vector<Offering> off_sale;
  std::string region;        ///< "us-east-1"
  std::string price_date;    ///< "2026-07-20", or the time a metrics page was taken
  std::string price_source;  ///< one phrase for people: "shipped price table"
  /// Types that the price source lists without a price, by name: told, never guessed.
  std::vector<std::string> unpriced;

  const InstanceType* type_named(std::string_view name) const;
  const gpu::Model& model_of(const InstanceType& type) const;
  /// Every zone named by an offering, sorted.
  std::vector<std::string> zones() const;
};

/// Zones in which everything is taken to be sold where the prices name none: a, b and c of the
/// region.
std::vector<std::string> assumed_zones(const Market& market);

/// What the node itself takes before the first pod of the user.
struct NodeOverhead {
  Resources daemonsets;  ///< sum of requests of the DaemonSet pods of every GPU node
  std::string source;    ///< "none given", "--daemonsets", "DaemonSets in the input"
  /// Size of the node's root volume, which ephemeral storage comes from; at least 0. Assumed:
  /// Karpenter's default of 20 GiB is too small for GPU images (docs/allocatable.md).
  std::int64_t root_volume_gib = 200;
};

/// What pods can get of a node of this type: EC2's figures less what hypervisor, kubelet and system
/// keep, less the daemonsets. Never negative. Formula and sources: allocatable.cc and
/// docs/allocatable.md. Disk is that of the root volume; local NVMe is not counted.
Resources allocatable(const InstanceType& type, const NodeOverhead& overhead = {});

/// Well-known labels that a node of this offering would carry, for node selectors:
/// kubernetes.io/arch, kubernetes.io/os, node.kubernetes.io/instance-type,
/// topology.kubernetes.io/{zone,region}, karpenter.sh/capacity-type,
/// karpenter.k8s.aws/instance-{category,family,generation,size,cpu,memory,gpu-name,gpu-count,
/// gpu-manufacturer,gpu-memory,local-nvme}, nvidia.com/gpu.{present,product,count,memory,family},
/// nvidia.com/mig.capable, and the beta names of arch, os, type, zone and region.
/// The product label is the catalogue's first; all of them match (see labels_match).
std::map<std::string, std::string> node_labels(const Market& market, const InstanceType& type,
                                               const std::string& zone, CapacityType capacity);

/// True if `key` is a label whose value the offering decides (one that node_labels sets).
bool is_well_known_label(std::string_view key);

}  // namespace kerf::market
