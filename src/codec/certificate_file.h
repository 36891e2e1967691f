// A certificate file: the proof of a plan's bound beside the plan's fleet, as JSON and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/cluster/demand.h"
#include "core/market/market.h"
#include "core/plan/certificate.h"
#include "core/plan/plan.h"

namespace kerf::codec {

/// What the file says. docs/reference/certificate.md has its form and what it means.
struct CertificateFile {
  std::string solver;  ///< who found the numbers: "CLP 1.17.6"; told, never relied on
  std::string region;
  std::string prices;  ///< where the prices are from, for people
  plan::Certificate certificate;
  std::vector<plan::NodePlan> nodes;  ///< without `allocatable`
};

/// JSON, "kerf-certificate/1". Pods are called namespace/name, types and zones by name. Indices in
/// it must be those of `demand` and `market`.
std::string write_certificate(const CertificateFile& file, const cluster::Demand& demand,
                              const market::Market& market);

/// Reads it against the input that it is about. Bounds: 256 MiB, 20 million values; numbers up to
/// 10^18. Errors name file and field: a pod, type or form that the input does not have (with what
/// to do), a number that is none, a field that is unknown or missing, another format.
Result<CertificateFile> read_certificate(std::string_view text, std::string_view file,
                                         const cluster::Demand& demand,
                                         const market::Market& market);

/// The names of all pods as the file has them: "namespace/name", and from the second pod of a name
/// on "#2", "#3" after it.
std::vector<std::string> certificate_names(const cluster::Demand& demand);

/// "whole", "1g.10gb", "fraction-8", "time-sliced-4", "mps-2".
std::string certificate_form(const gpu::Model& model, const gpu::Form& form);

}  // namespace kerf::codec
