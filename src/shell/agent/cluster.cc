// Cluster: requests of the agent, and what their answers mean to its mind.
#include "shell/agent/cluster.h"

#include <sys/time.h>

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
const apiserver::Resource kResourceSlices{"resource.k8s.io", "v1", "resourceslices"};

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
                 telemetry::Log log, Deliver deliver)
    : options_(std::move(options)),
      client_(client),
      loop_(loop),
      log_(std::move(log)),
      deliver_(std::move(deliver)) {}

Cluster::~Cluster() {
  *alive_ = false;
  if (watching_) client_.unwatch(watch_);
}

Cluster::Done Cluster::on_loop(Done done) {
  return [this, alive = alive_, done = std::move(done)](Answer answer) {
    auto step = [alive, done, answer = std::move(answer)] {
      if (*alive) done(answer);
    };
    // A queue that is full: the answer is lost, as it can be on the way. What waits for it has a
    // deadline or asks again.
    static_cast<void>(loop_.post(std::move(step)));
  };
}

void Cluster::start() {
  apiserver::WatchEvents events;
  const auto post = [this, alive = alive_](std::function<void()> step) {
    static_cast<void>(loop_.post([alive, step = std::move(step)] {
      if (*alive) step();
    }));
  };
  events.seen = [this, post](codec::Node object, const std::string& version) {
    post([this, object = std::move(object), version] { seen(object, version); });
  };
  events.gone = [this, post](const std::string&, const std::string&, const std::string&) {
    post([this] {
      there_ = false;
      version_.clear();
      status_ = {};
      log_.info("GpuNode is gone; what stands stays");
      if (options_.follow_spec) deliver_(agent::NotWanted{});
    });
  };
  events.synced = [this, post] {
    post([this] {
      if (!there_ && options_.follow_spec) deliver_(agent::NotWanted{});
    });
  };
  events.trouble = [this](const std::string& what, std::int64_t) {
    log_.warning("GpuNode cannot be watched; it is tried again", {{"why", what}});
  };
  events.recovered = [this] { log_.info("GpuNode is watched again"); };
  watch_ = client_.watch(apiserver::only(kGpuNodes, "", options_.node), std::move(events));
  watching_ = true;
  look_at_node();
  look_at_lease();
  look_at_slices();
}

void Cluster::remember(const codec::Node& object) {
  version_ = apiserver::metadata_text(object, "resourceVersion");
  const codec::Node* status = object.find("status");
  status_ = status != nullptr ? *status : codec::Node{};
}

void Cluster::seen(const codec::Node& object, const std::string& version) {
  there_ = true;
  if (version_.empty() || is_newer(version, version_)) remember(object);
  if (!options_.follow_spec) return;
  const auto node = codec::read_gpu_node(codec::Field("GpuNode " + options_.node, object));
  if (!node) {
    log_.error("GpuNode cannot be read; the layout followed last stays",
               {{"why", node.error().message()}});
    return;
  }
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
  client_.replace({kGpuNodes, "", options_.node, "status"}, object,
                  on_loop([this, effect](const Answer& answer) {
                    agent::Code code = agent::Code::Unknown;
                    if (answer.ok()) {
                      code = agent::Code::Success;
                      const auto version =
                          apiserver::metadata_text(answer.object, "resourceVersion");
                      if (is_newer(std::string(version), version_)) remember(answer.object);
                    } else if (answer.verdict == Verdict::NotFound) {
                      code = agent::Code::NotFound;
                    } else if (answer.verdict == Verdict::Refused) {
                      log_.error("status is refused", {{"why", answer.message}});
                    } else {
                      log_.debug("status is not written", {{"why", answer.message}});
                    }
                    deliver_(agent::Done{effect, code});
                  }));
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

/// A node that is new has the layout that it was bought with in an annotation.
void Cluster::look_at_node() {
  read_node([this](const Result<codec::NodeView>& view) {
    if (!view) log_.warning("Node cannot be read", {{"why", view.error().message()}});
    again(view ? options_.node_every_ms : options_.node_retry_ms, &Cluster::look_at_node);
    if (!view || !view->layout || boot_told_ || !options_.follow_spec) return;
    boot_told_ = true;
    const auto spec = codec::gpu_node_spec_from_json(*view->layout);
    if (spec) deliver_(agent::BootLayout{*spec});
    else
      log_.error("the layout that the node was bought with cannot be read",
                 {{"why", spec.error().message()}});
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

void Cluster::look_at_slices() {
  apiserver::Collection slices{kResourceSlices, "", "spec.nodeName=" + options_.node, ""};
  client_.list(
      slices, on_loop([this](const Answer& answer) {
        again(options_.slices_every_ms, &Cluster::look_at_slices);
        if (answer.verdict == Verdict::NotFound) {  // a cluster without DRA
          deliver_(agent::ForeignDriver{false});
          return;
        }
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
