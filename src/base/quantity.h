// Kubernetes quantities ("500m", "1.5Gi", "1e3") as exact decimals, rounded only by the caller.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/money.h"
#include "base/result.h"

namespace kerf {

/// value = mantissa * 10^decimal * 2^binary, not negative. Exact as written.
/// Grammar: k8s.io/apimachinery pkg/api/resource/quantity.go (suffixes n u m k M G T P E,
/// Ki Mi Gi Ti Pi Ei, decimal exponents).
struct Quantity {
  std::int64_t mantissa = 0;
  int decimal = 0;
  int binary = 0;
};

/// Errors (InvalidArgument) say what was read and what was expected. Negative values, more than 18
/// significant digits and values above 2^62 of their unit are refused as absurd.
Result<Quantity> parse_quantity(std::string_view text);

/// ceil(value * 1000): CPU in milli. Saturates never: parse_quantity bounds the value; a result
/// that does not fit int64 is an error.
Result<std::int64_t> to_milli_ceil(const Quantity& q);
/// ceil(value / 2^20): bytes to MiB, for requests.
Result<std::int64_t> to_mib_ceil(const Quantity& q);
/// floor(value / 2^20): bytes to MiB, for capacities.
Result<std::int64_t> to_mib_floor(const Quantity& q);
/// The value if it is whole; extended resources must be.
Result<std::int64_t> to_integer(const Quantity& q);

}  // namespace kerf
