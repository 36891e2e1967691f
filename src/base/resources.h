// Resources: what a pod asks for and a node has, beside GPUs, as plain integers.
#pragma once

#include <compare>
#include <cstdint>

namespace kerf {

/// Requests are rounded up into these units, capacities down (never promise what is not
/// there).
struct Resources {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::int64_t disk_mib = 0;  ///< ephemeral storage
  std::int64_t pods = 0;

  constexpr auto operator<=>(const Resources&) const = default;

  constexpr Resources operator+(const Resources& o) const {
    return {cpu_milli + o.cpu_milli, memory_mib + o.memory_mib, disk_mib + o.disk_mib,
            pods + o.pods};
  }
  constexpr Resources operator-(const Resources& o) const {
    return {cpu_milli - o.cpu_milli, memory_mib - o.memory_mib, disk_mib - o.disk_mib,
            pods - o.pods};
  }
  constexpr Resources operator*(std::int64_t n) const {
    return {cpu_milli * n, memory_mib * n, disk_mib * n, pods * n};
  }
  /// Every part of this is at most the same part of `room`.
  constexpr bool fits(const Resources& room) const {
    return cpu_milli <= room.cpu_milli && memory_mib <= room.memory_mib &&
           disk_mib <= room.disk_mib && pods <= room.pods;
  }
};

/// Part by part the larger of the two.
constexpr Resources max(const Resources& a, const Resources& b) {
  return {a.cpu_milli > b.cpu_milli ? a.cpu_milli : b.cpu_milli,
          a.memory_mib > b.memory_mib ? a.memory_mib : b.memory_mib,
          a.disk_mib > b.disk_mib ? a.disk_mib : b.disk_mib, a.pods > b.pods ? a.pods : b.pods};
}

}  // namespace kerf
