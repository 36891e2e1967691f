// WorkloadSpec: what a scenario says about the pods that come, run, change and go.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/cluster/pod.h"
#include "core/control/object.h"

namespace kerf::sim {

/// A time that is drawn each time anew. With `mean_ms`: exponential with that mean, held within
/// [least_ms, most_ms] where most_ms > 0. Else uniform in [least_ms, most_ms]. All 0: none.
struct Span {
  std::int64_t least_ms = 0;
  std::int64_t most_ms = 0;
  std::int64_t mean_ms = 0;
  bool operator==(const Span&) const = default;
};

/// When instances of a workload come. Times count from when the workload was added.
struct Arrivals {
  enum class Pattern : std::uint8_t {
    Once,    ///< `together` instances at `from_ms`
    Steady,  ///< one each hour / per_hour
    Random,  ///< one after another by chance, per_hour on average (a Poisson process)
    Daily,   ///< by chance, per_hour on average over a day, by `hours`
    Burst,   ///< `together` at once, every `every_ms`
  };
  Pattern pattern = Pattern::Once;
  std::int64_t from_ms = 0;
  std::int64_t until_ms = 0;  ///< no new one from then on; 0 = no end
  std::int64_t per_hour_milli = 0;
  std::int64_t together = 1;
  std::int64_t every_ms = 0;
  /// Daily: weight of each hour of the day (the clock's time 0 is 00:00).
  std::array<std::int32_t, 24> hours = {3,  2,  2,  1,  1,  2,  4, 6, 9, 12, 13, 13,
                                        12, 13, 14, 14, 13, 11, 9, 8, 7, 6,  5,  4};
  bool operator==(const Arrivals&) const = default;
};

enum class WorkloadKind : std::uint8_t { Deployment, StatefulSet, Job, Bare };
const char* to_string(WorkloadKind kind);

/// Something that is to happen to every instance, `at_ms` after it came.
struct Step {
  enum class What : std::uint8_t {
    Scale,    ///< to `replicas` (Job: parallelism)
    Rollout,  ///< the same pods again, of a new template
    Delete,
  };
  std::int64_t at_ms = 0;
  What what = What::Scale;
  std::int64_t replicas = 0;
  bool operator==(const Step&) const = default;
};

/// One workload; with arrivals that repeat, each arrival is one instance with a name of its own
/// ("<name>-<n>"; the only one of Once has the name itself).
struct WorkloadSpec {
  WorkloadKind kind = WorkloadKind::Deployment;
  std::string ns = "default";
  std::string name;
  cluster::PodShape shape;       ///< labels are completed by app=<instance>, ns is ignored
  control::Labels annotations;   ///< of the pods: karpenter.sh/do-not-disrupt ...
  std::int64_t replicas = 1;     ///< Deployment, StatefulSet, Bare; Job: parallelism
  std::int64_t completions = 1;  ///< Job
  int fails_milli = 0;           ///< Job: pods of a thousand that fail at their end
  int backoff_limit = 6;         ///< Job: so many failed pods are retried
  std::int64_t max_surge = 1;    ///< Deployment: pods beyond replicas while it rolls out
  std::int64_t max_unavailable = 0;
  Span runs_for;                  ///< of each pod; none: until it is told to end. Job: needed
  Span ends_in = {200, 3000, 0};  ///< from being told to end until it has ended
  Span lives_for;                 ///< of each instance, then it is deleted; none: for ever
  Arrivals arrivals;
  std::vector<Step> steps;
};

/// What the workload behind a pod wants.
struct Wanted {
  std::string workload;  ///< the same for all its pods, whatever their revision
  std::int64_t pods = 0;
};

}  // namespace kerf::sim
