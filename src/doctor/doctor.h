// examine(): is this cluster ready for slices, and what will hurt?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/cluster_reading.h"
#include "core/market/market.h"
#include "doctor/finding.h"

namespace kerf::doctor {

struct Diagnosis {
  std::string source;  ///< as ClusterReading has it; untrusted, like all names
  std::string server_version;
  std::int64_t taken_ms = 0;  ///< 0 = not known
  std::size_t nodes = 0;
  std::size_t gpu_nodes = 0;
  std::size_t pods = 0;      ///< that run or wait
  std::size_t gpu_pods = 0;  ///< of them: ask for a device
  std::vector<Finding> findings = {};

  std::int64_t count(Severity severity) const;
};

/// Every check over what was read. The worst findings come first, then the order of Code, then that
/// of the objects. `known`: instance types and GPU models that Kerf knows; its prices do not count.
/// `now_ms` since 1970; 0 = not known. Grows with pods times nodes only where pods wait.
Diagnosis examine(const codec::ClusterReading& reading, const market::Market& known,
                  std::int64_t now_ms);

}  // namespace kerf::doctor
