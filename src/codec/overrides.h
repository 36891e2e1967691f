// Options that name workloads (--replicas, --hours) -> the objects that they mean.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::codec {

/// A workload that an option may name.
struct OverrideTarget {
  std::string kind;
  std::string ns;
  std::string name;
  std::size_t object = 0;  ///< the caller's number
};

/// The one target that `key` names: "name", "namespace/name", "kind/name" (the kind in any case, or
/// as kubectl abbreviates it: "deploy") or "kind/namespace/name". NotFound lists what there is;
/// several are InvalidArgument and listed.
Result<std::size_t> find_target(std::string_view option, std::string_view key,
                                const std::vector<OverrideTarget>& targets);

/// By object number. Two keys for one target are an error.
template <class T>
Result<std::map<std::size_t, T>> resolve_overrides(std::string_view option,
                                                   const std::map<std::string, T>& asked,
                                                   const std::vector<OverrideTarget>& targets) {
  std::map<std::size_t, T> out;
  for (const auto& [key, value] : asked) {
    KERF_TRY(const std::size_t object, find_target(option, key, targets));
    if (!out.try_emplace(object, value).second) {
      return invalid(std::string(option) + " " + key + ": this workload is named twice");
    }
  }
  return out;
}

}  // namespace kerf::codec
