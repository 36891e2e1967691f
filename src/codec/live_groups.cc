// Reads Jobs, LeaderWorkerSets and JobSets: how many pods they want together, and of which shape.
#include <algorithm>
#include <utility>

#include "codec/kube_meta.h"
#include "codec/live_fields.h"
#include "codec/live_objects.h"
#include "codec/live_shape.h"
#include "codec/pod_spec.h"

namespace kerf::codec {
namespace {

constexpr std::int64_t kPodsMax = 1'000'000;  // of one group; more is no group that counts whole

/// How many pods at once; nullopt: the Job runs for as long as its pods do.
struct JobCount {
  std::int64_t parallelism = 1;
  std::optional<std::int64_t> completions;
  bool suspended = false;
};

Result<JobCount> read_job_count(const std::optional<Field>& spec) {
  JobCount count;
  KERF_TRY(const auto parallelism, given_integer(spec, "parallelism", 0, INT32_MAX));
  count.parallelism = parallelism.value_or(1);
  KERF_TRY(count.completions, given_integer(spec, "completions", 0, INT32_MAX));
  KERF_TRY(count.suspended, given_flag(spec, "suspend"));
  return count;
}

/// Reads one group; shapes of templates that cannot be read, or ask for no GPU, are none.
class GroupReader {
 public:
  GroupReader(const LiveObject& live, const Surroundings& around, const gpu::Catalogue& gpus)
      : live_(live), around_(around), gpus_(gpus) {}

  /// A Job counts whole if it has completions, and pods beside each other.
  Result<void> job(control::Workload& group) {
    KERF_TRY(const std::optional<Field> spec, live_.part("spec"));
    KERF_TRY(const JobCount count, read_job_count(spec));
    KERF_TRY(const std::optional<Field> status, live_.part("status"));
    KERF_TRY(const std::vector<ReadCondition> conditions, read_conditions(status));
    KERF_TRY(const auto succeeded, given_integer(status, "succeeded", 0, INT32_MAX));
    if (!count.completions || count.parallelism < 2 || count.suspended) return {};
    if (is_true(conditions, "Complete") || is_true(conditions, "Failed")) return {};
    KERF_TRY(const std::optional<Field> pods, given_mapping(spec, "template"));
    add(pods, std::min(count.parallelism, *count.completions - succeeded.value_or(0)));
    finish(group);
    return {};
  }

  /// `replicas` groups of `size` pods, one of them the leader.
  Result<void> leader_worker_set(control::Workload& group) {
    KERF_TRY(const std::optional<Field> spec, live_.part("spec"));
    KERF_TRY(const auto replicas, given_integer(spec, "replicas", 0, kPodsMax));
    KERF_TRY(const std::optional<Field> both, given_mapping(spec, "leaderWorkerTemplate"));
    KERF_TRY(const auto size, given_integer(both, "size", 1, kPodsMax));
    KERF_TRY(const std::optional<Field> worker, given_mapping(both, "workerTemplate"));
    KERF_TRY(const std::optional<Field> leader, given_mapping(both, "leaderTemplate"));
    const std::int64_t groups = replicas.value_or(1);
    const std::int64_t pods = size.value_or(1);
    if (pods < 2) return {};
    add(worker, groups * (pods - 1));
    add(leader ? leader : worker, groups);
    finish(group);
    return {};
  }

  Result<void> job_set(control::Workload& group) {
    KERF_TRY(const std::optional<Field> spec, live_.part("spec"));
    KERF_TRY(const bool suspended, given_flag(spec, "suspend"));
    KERF_TRY(const std::optional<Field> status, live_.part("status"));
    KERF_TRY(const std::vector<ReadCondition> conditions, read_conditions(status));
    KERF_TRY(const std::string ended, given_text(status, "terminalState"));
    KERF_TRY(const auto succeeded, succeeded_jobs(status));
    KERF_TRY(const std::vector<Field> jobs, given_list(spec, "replicatedJobs", kLiveEntriesMax));
    for (const Field& entry : jobs) {
      KERF_TRY(const std::string name, given_text(entry, "name"));
      KERF_TRY(const auto replicas, given_integer(entry, "replicas", 0, kPodsMax));
      KERF_TRY(const std::optional<Field> made, given_mapping(entry, "template"));
      KERF_TRY(const std::optional<Field> job_spec, given_mapping(made, "spec"));
      KERF_TRY(const JobCount count, read_job_count(job_spec));
      KERF_TRY(const std::optional<Field> pods, given_mapping(job_spec, "template"));
      const auto done = succeeded.find(name);
      const std::int64_t left = replicas.value_or(1) - (done == succeeded.end() ? 0 : done->second);
      const std::int64_t each =
          std::min({count.parallelism, count.completions.value_or(count.parallelism), kPodsMax});
      add(pods, std::max<std::int64_t>(left, 0) * each);
    }
    const bool is_over =
        !ended.empty() || is_true(conditions, "Completed") || is_true(conditions, "Failed");
    if (!suspended && !is_over) finish(group);
    return {};
  }

 private:
  /// Jobs of each replicated job that have succeeded.
  static Result<std::map<std::string, std::int64_t>> succeeded_jobs(
      const std::optional<Field>& status) {
    std::map<std::string, std::int64_t> jobs;
    KERF_TRY(const std::vector<Field> entries,
             given_list(status, "replicatedJobsStatus", kLiveEntriesMax));
    for (const Field& entry : entries) {
      KERF_TRY(std::string name, given_text(entry, "name"));
      KERF_TRY(const auto count, given_integer(entry, "succeeded", 0, INT32_MAX));
      jobs.emplace(std::move(name), count.value_or(0));
    }
    return jobs;
  }

  /// `count` more pods of a template.
  void add(const std::optional<Field>& pods, std::int64_t count) {
    if (count <= 0) return;
    if (!pods) {
      unknown_ = true;
      return;
    }
    const auto shape = read(pods->node());
    if (!shape) unknown_ = true;
    else if (shape->gpu.empty()) return;  // runs anywhere
    else if (pods_ == 0) shape_ = *shape;
    else if (!(shape_ == *shape)) unknown_ = true;
    pods_ += count;
  }

  std::optional<cluster::PodShape> read(const Node& pods) const {
    const auto object = KubeObject::read("API server", live_.root(), live_.kind(), "v1");
    if (!object) return std::nullopt;
    auto shape = read_pod(*object, pods, labels_of_pods(), false, around_, gpus_);
    if (!shape) return std::nullopt;
    make_comparable(shape->shape);
    return std::move(shape->shape);
  }

  /// Labels of its pods that their templates do not have, and that stay in a shape.
  Labels labels_of_pods() const {
    if (live_.kind() == "LeaderWorkerSet")
      return {{"leaderworkerset.sigs.k8s.io/name", live_.meta().name}};
    if (live_.kind() == "JobSet") return {{"jobset.sigs.k8s.io/jobset-name", live_.meta().name}};
    return {};  // the API server has put a Job's into its template
  }

  /// Pods that differ come one by one: nobody can say which of them are missing.
  void finish(control::Workload& group) {
    if (unknown_ || pods_ > kPodsMax || live_.meta().deleted != 0) return;
    group.at_once = pods_;
    group.shape = std::move(shape_);
  }

  const LiveObject& live_;
  const Surroundings& around_;
  const gpu::Catalogue& gpus_;
  cluster::PodShape shape_;
  std::int64_t pods_ = 0;
  bool unknown_ = false;
};

/// Lists of Jobs leave the kind out of their items.
std::string_view kind_of(const Node& object) {
  const Node* spec = object.find("spec");
  if (spec != nullptr && spec->find("leaderWorkerTemplate") != nullptr) return "LeaderWorkerSet";
  if (spec != nullptr && spec->find("replicatedJobs") != nullptr) return "JobSet";
  return "Job";
}

}  // namespace

Result<control::Workload> read_workload_group(const Node& object, const Surroundings& around,
                                              const gpu::Catalogue& gpus) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, kind_of(object)));
  control::Workload group;
  group.meta = live.meta();
  group.kind = live.kind();
  group.shape.ns = group.meta.ns;
  GroupReader reader(live, around, gpus);
  if (group.kind == "Job") {
    KERF_CHECK_OK(reader.job(group));
    return group;
  }
  group.group = group_text(group.kind, group.meta.ns, group.meta.name);
  if (group.kind == "LeaderWorkerSet") KERF_CHECK_OK(reader.leader_worker_set(group));
  else if (group.kind == "JobSet") KERF_CHECK_OK(reader.job_set(group));
  return group;
}

}  // namespace kerf::codec
