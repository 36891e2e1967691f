// ReadingNotes: what a reader of manifests leaves out or assumes, counted, then told in sentences.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"

namespace kerf::codec {

struct ReadingNotes {
  std::int64_t preferred_pods = 0;
  std::int64_t gated_pods = 0;
  std::int64_t pods_of_unknown_zone = 0;
  std::int64_t autoscalers = 0;
  std::int64_t outdated = 0;
  std::int64_t limit_ranges = 0;
  std::int64_t suspended_jobs = 0;
  std::set<std::string> unknown_priorities;
  std::map<std::string, std::int64_t> unread_with_gpus;  ///< objects by kind

  /// `what` is a phrase for one and `many` for several, the count is put in front: "object of kind
  /// Service".
  void leave_out(std::string what, std::string many, std::string why, std::int64_t count = 1);
  /// Appends all of it to the demand, in a fixed order.
  void tell(cluster::Demand& demand) const;

 private:
  struct Kind {
    std::string what, many, why;
    auto operator<=>(const Kind&) const = default;
  };
  std::map<Kind, std::int64_t> left_out_;
};

}  // namespace kerf::codec
