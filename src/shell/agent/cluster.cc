// Cluster: requests of the agent, and what their answers mean to its mind.
#include "shell/agent/cluster.h"

#include <sys/time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "codec/gpu_node.h"
#include "codec/timestamp.h"

namespace kerf::shell {
namespace {

using apiserver::Answer;
using apiserver::Verdict;

const apiserver::Resource kGpuNodes{"kerf.dev", "v1alpha1", "gpunodes"};
const apiserver::Resource kNodes{"", "v1", "nodes"};
const apiserver::Resource kLeases{"coordination.k8s.io", "v1", "leases"};
/// Versions of ResourceSlices, newest first: 1.34 has v1, 1.32 and 1.33 the betas.
constexpr std::array kSliceVersions = {"v1", "v1beta2", "v1beta1"};

/// The DRA driver that hands out the same GPUs.
constexpr std::string_view kForeignDriver = "gpu.nvidia.com";

std::string wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return codec::timestamp_text(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

/// Is that version newer? They are numbers; where they are not, the one that comes last counts.
bool is_newer(const std::string& version, const std::string& than) {
  const bool numbers = version.find_first_not_of("0123456789") == std::string::npos &&
                       than.find_first_not_of("0123456789") == std::string::npos;
  if (!numbers || version.size() == than.size()) return !numbers || version >= than;
  return version.size() > than.size();
}

}  // namespace

Cluster::Cluster(Options options, apiserver::Client& client, runtime::Loop& loop,
                 telemetry::Log log, Deliver deliver, Lost lost)
    : options_(std::move(options)),
      client_(client),
      loop_(loop),
      log_(std::move(log)),
      deliver_(std::move(deliver)),
      lost_(std::move(lost)) {}

Cluster::~Cluster() {
  *alive_ = false;
  if (watching_) client_.unwatch(watch_);
}

Cluster::Done Cluster::on_loop(Done done) {
  // On the client's thread this object may be gone: only what is captured is touched there.
  return [loop = &loop_, alive = alive_, done = std::move(done)](Answer answer) {
    static_cast<void>(loop->post([alive, done, answer = std::move(answer)] {
      if (*alive) done(answer);
    }));
  };
}

void Cluster::start() {
  apiserver::WatchEvents events;
  started_ = runtime::Loop::now();
  const auto post = [loop = &loop_, alive = alive_](std::function<void()> step) {
    static_cast<void>(loop->post([alive, step = std::move(step)] {
      if (*alive) step();
    }));
  };
  events.seen = [this, post](codec::Node object, const std::string& version) {
    post([this, object = std::move(object), version] { seen(object, version); });
  };
  events.gone = [this, post](const std::string&, const std::string&, const std::string&) {
    post([this] {
      there_ = false;
      uid_.clear();
      version_.clear();
      status_ = {};
      written_.reset();
      log_.info("GpuNode is gone; what stands stays");
      if (options_.follow_spec) deliver_(agent::NotWanted{});
    });
  };
  events.synced = [this, post](const std::string&) {
    post([this] {
      if (!there_ && options_.follow_spec) deliver_(agent::NotWanted{});
    });
  };
  events.trouble = [log = log_](const std::string& what, std::int64_t) {
    log.warning("GpuNode cannot be watched; it is tried again", {{"why", what}});
  };
  events.recovered = [log = log_] { log.info("GpuNode is watched again"); };
  watch_ = client_.watch(apiserver::only(kGpuNodes, "", options_.node), std::move(events));
  watching_ = true;
  look_at_node();
  if (options_.follow_spec) look_at_lease();  // a layout by hand has no controller to be away
  look_at_slices();
}

void Cluster::remember(const codec::Node& object) {
  version_ = apiserver::metadata_text(object, "resourceVersion");
  const codec::Node* status = object.find("status");
  status_ = status != nullptr ? *status : codec::Node{};
}

void Cluster::seen(const codec::Node& object, const std::string& version) {
  there_ = true;
  const std::string uid(apiserver::metadata_text(object, "uid"));
  if (uid != std::exchange(uid_, uid)) {
    written_.reset();
    version_.clear();
    lost_();
  }
  const bool newest = version_.empty() || is_newer(version, version_);
  if (newest) remember(object);
  believe(object, newest);
}

/// What the object says: what is wanted, and whether its status is still the one that was written.
void Cluster::believe(const codec::Node& object, bool newest) {
  const auto node = codec::read_gpu_node(codec::Field("GpuNode " + options_.node, object));
  if (!node) {
    log_.error("GpuNode cannot be read; the layout followed last stays",
               {{"why", node.error().message()}});
    const codec::Node* metadata = object.find("metadata");
    const codec::Node* generation = metadata != nullptr ? metadata->find("generation") : nullptr;
    if (options_.follow_spec)
      deliver_(agent::Unreadable{generation != nullptr ? generation->integer : 0,
                                 node.error().message()});
    return;
  }
  if (newest && written_ && reports_ == 0 && node->status != *written_) {
    written_.reset();  // once for each time that it was written
    lost_();
  }
  if (options_.follow_spec)
    deliver_(agent::Wanted{node->meta.uid, node->meta.generation, node->spec});
}

void Cluster::report(agent::EffectId effect, const control::GpuNodeStatus& status) {
  if (!there_) {
    deliver_(agent::Done{effect, agent::Code::NotFound});
    return;
  }
  const codec::StatusTimes times{status_.is_null() ? nullptr : &status_, wall_clock()};
  const codec::Node object = codec::gpu_node_status_object(
      options_.node, version_, codec::gpu_node_status_node(status, times));
  ++reports_;
  client_.replace({kGpuNodes, "", options_.node, "status"}, object,
                  on_loop([this, effect, status](const Answer& answer) {
                    --reports_;
                    if (answer.ok()) written_ = status;
                    reported(effect, answer);
                  }));
}

void Cluster::reported(agent::EffectId effect, const Answer& answer) {
  agent::Code code = agent::Code::Unknown;
  if (answer.ok()) {
    code = agent::Code::Success;
    const std::string version(apiserver::metadata_text(answer.object, "resourceVersion"));
    if (is_newer(version, version_)) remember(answer.object);
  } else if (answer.verdict == Verdict::NotFound) {
    code = agent::Code::NotFound;
  } else if (answer.verdict == Verdict::Refused) {
    log_.error("status is refused", {{"why", answer.message}});
  } else if (answer.verdict == Verdict::Conflict) {
    // The server's version counts, also where it is older: an etcd that was restored counts anew.
    client_.get({kGpuNodes, "", options_.node, ""}, on_loop([this](const Answer& now) {
                  if (now.ok()) remember(now.object);
                }));
  } else {
    log_.debug("status is not written", {{"why", answer.message}});
  }
  deliver_(agent::Done{effect, code});
}

void Cluster::read_node(std::function<void(Result<codec::NodeView>)> done) {
  client_.get({kNodes, "", options_.node, ""},
              on_loop([this, done = std::move(done)](const Answer& answer) {
                if (!answer.ok()) {
                  done(tl::unexpected(answer.error()));
                  return;
                }
                auto view =
                    codec::read_node_view(codec::Field("Node " + options_.node, answer.object));
                if (view) node_ = *view;
                done(std::move(view));
              }));
}

void Cluster::again(std::int64_t delay_ms, void (Cluster::*look)()) {
  loop_.after(delay_ms, [this, alive = alive_, look] {
    if (*alive) (this->*look)();
  });
}

/// Often while pods may wait for this node to be cut for the first time; else once a minute. After
/// failures less and less often, and not all nodes at once.
std::int64_t Cluster::node_pause(bool read) {
  node_failures_ = read ? 0 : std::min(node_failures_ + 1, 6);
  const bool is_new = !there_ && boot_text_.empty() && options_.follow_spec &&
                      runtime::Loop::now() - started_ < options_.new_for_ms;
  const std::int64_t pause = is_new ? options_.node_new_ms : options_.node_every_ms;
  if (read) return pause;
  const auto jitter =
      static_cast<std::int64_t>(std::hash<std::string>{}(options_.node) % 500 + 500);
  return std::min(options_.node_every_ms, jitter << node_failures_);
}

/// A node that is new has the layout that it was bought with in an annotation, which Karpenter
/// writes some time after kubelet made the Node.
void Cluster::look_at_node() {
  read_node([this](const Result<codec::NodeView>& view) {
    if (!view) log_.warning("Node cannot be read", {{"why", view.error().message()}});
    if (view && view->layout && options_.follow_spec &&
        *view->layout != std::exchange(boot_text_, *view->layout)) {
      const auto spec = codec::gpu_node_spec_from_json(*view->layout);
      if (spec) deliver_(agent::BootLayout{*spec});
      else
        log_.error("the layout that the node was bought with cannot be read",
                   {{"why", spec.error().message()}});
    }
    again(node_pause(view.has_value()), &Cluster::look_at_node);
  });
}

void Cluster::look_at_lease() {
  client_.get({kLeases, options_.lease_namespace, options_.lease, ""},
              on_loop([this](const Answer& answer) {
                agent::Lease lease;
                lease.reachable = answer.ok() || answer.verdict == Verdict::NotFound;
                if (answer.ok()) {
                  const auto view = codec::read_lease_view(
                      codec::Field("Lease " + options_.lease, answer.object));
                  if (view) lease.renewed = view->renewed_ms;
                  else log_.warning("Lease cannot be read", {{"why", view.error().message()}});
                }
                deliver_(lease);
                again(options_.lease_every_ms, &Cluster::look_at_lease);
              }));
}

void Cluster::look_at_slices() { look_at_slices_of(slices_version_); }

void Cluster::look_at_slices_of(std::size_t version) {
  const apiserver::Collection slices{{"resource.k8s.io", kSliceVersions[version], "resourceslices"},
                                     "",
                                     "spec.nodeName=" + options_.node,
                                     ""};
  client_.list(
      slices, on_loop([this, version](const Answer& answer) {
        if (answer.verdict == Verdict::NotFound && version + 1 < kSliceVersions.size()) {
          look_at_slices_of(version + 1);
          return;
        }
        again(options_.slices_every_ms, &Cluster::look_at_slices);
        if (answer.verdict == Verdict::NotFound) {  // a cluster without DRA
          slices_version_ = 0;
          deliver_(agent::ForeignDriver{false});
          return;
        }
        if (answer.ok()) slices_version_ = version;
        const auto drivers =
            answer.ok() ? codec::read_resource_slices(codec::Field("ResourceSlices", answer.object))
                        : Result<std::set<std::pair<std::string, std::string>>>(
                              tl::unexpected(answer.error()));
        if (!drivers) {
          // What was known last stays: a driver does not go away by a lost connection.
          if (!std::exchange(slices_unknown_, true))
            log_.warning("ResourceSlices cannot be read", {{"why", drivers.error().message()}});
          return;
        }
        slices_unknown_ = false;
        bool foreign = false;
        for (const auto& [driver, node] : *drivers) foreign |= driver == kForeignDriver;
        deliver_(agent::ForeignDriver{foreign});
      }));
}

}  // namespace kerf::shell
