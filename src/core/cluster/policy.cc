// What a policy lets a plan buy.
#include "core/cluster/policy.h"

#include <algorithm>

#include "core/market/owned.h"

namespace kerf::cluster {

namespace {

/// An empty list does not restrict.
template <class T>
bool lists(const std::vector<T>& allowed, const T& value) {
  return allowed.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  // Greedy with one point of return: after a '*' only the last one has to be tried again.
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool allows(const Policy& policy, const market::InstanceType& type,
            const market::Offering& offering) {
  const bool in_zone = offering.zone.empty() || lists(policy.zones, offering.zone);
  if (market::is_owned(offering)) return in_zone;
  const bool named =
      policy.instance_types.empty() ||
      std::any_of(policy.instance_types.begin(), policy.instance_types.end(),
                  [&](const std::string& glob) { return glob_matches(glob, type.name); });
  return named && lists(policy.families, type.family()) &&
         lists(policy.capacity_types, offering.capacity_type) && in_zone;
}

}  // namespace kerf::cluster
