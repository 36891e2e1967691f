// Host: how a run begins, how the mind is stepped, how it ends.
#include "shell/agent/host.h"

#include <algorithm>
#include <chrono>
#include <csignal>

#include "base/hash.h"
#include "shell/agent/host_parts.h"
#include "shell/agent/node_read.h"
#include "shell/runtime/run_name.h"

namespace kerf::shell {
namespace {

constexpr std::int64_t kWithdrawalEveryMs = 200;
/// How long pods that were bound before the withdrawal take to be admitted (DESIGN, Take).
constexpr std::int64_t kAdmissionMs = 500;
constexpr std::chrono::seconds kStop{5};
constexpr std::size_t kQueueMax = 1u << 20;
constexpr int kUnaskedMax = 4096;

}  // namespace

Host::Impl::Impl(HostOptions options, const gpu::Catalogue& catalogue, telemetry::Log log)
    : options_(std::move(options)),
      catalogue_(catalogue),
      log_(std::move(log)),
      loop_(runtime::Loop::Options{kQueueMax}),
      recorder_(catalogue, log_, metrics_),
      disk_(options_.disk),
      files_(options_.files),
      mind_(catalogue, options_.mind) {}

/// What kubelet asks is bounded here; outcomes are by the effects in flight, and none may be lost.
bool Host::Impl::post(agent::Event event) {
  if (unasked_.load() >= kUnaskedMax) return false;
  ++unasked_;
  return loop_.post([this, event = std::move(event)]() mutable {
    --unasked_;
    tell(std::move(event));
  });
}

/// A driver that hangs is no reason to be started again, as the next run would hang in it, too:
/// what counts is that the loop turns.
Result<void> Host::Impl::begin_web() {
  web_ = std::make_unique<web::StatusPages>(
      web::StatusPages::Options{options_.metrics_address, options_.metrics_port,
                                "the agent does not get to its work\n"},
      metrics_, loop_, log_, [this] {
        return ready_ ? web::Response{200, "ready\n"}
                      : web::Response{503, "not registered with kubelet\n"};
      });
  return web_->start();
}

Result<void> Host::Impl::begin_client() {
  if (!options_.api) return {};
  apiserver::Client::Options client;
  client.credentials = *options_.api;
  client.user_agent = "kerfd-agent/" + options_.version;
  client.field_manager = "kerf-agent";
  Hasher seed;
  seed.add(std::string_view(options_.node));
  client.seed = seed.value();
  KERF_TRY(client_, apiserver::Client::start(client));
  return {};
}

Result<void> Host::Impl::begin() {
  KERF_CHECK_OK(begin_client());  // before anything is made on the machine
  if (const auto opened = disk_.open(); !opened) {
    if (opened.error().code() == ErrorCode::Conflict)
      return tl::unexpected(Error(opened.error()).within("another agent runs on this node"));
    // What stands is served all the same; nothing is cut without a journal.
    recorder_.failed("state folder cannot be used", opened.error().message());
  }
  telemetry::add_process_metrics(metrics_);
  metrics_.gauge("kerf_agent_info", "What this agent is", {{"version", options_.version}}).set(1);
  if (options_.metrics) KERF_CHECK_OK(begin_web());
  runtime::Serial::Options disk_options;
  disk_options.name = "kerf-disk";
  disk_thread_ = std::make_unique<runtime::Serial>(disk_options);
  driver_ = std::make_unique<DriverHand>(
      options_.driver, catalogue_, loop_, [this](agent::Event event) { tell(std::move(event)); },
      [this] { driver_reloaded(); });
  kubelet_ = std::make_unique<kubelet::Kubelet>(
      options_.kubelet, [this](agent::Event event) { return post(std::move(event)); });
  if (!client_) return {};
  Cluster::Options cluster;
  cluster.node = options_.node;
  cluster.lease_namespace = options_.lease_namespace;
  cluster.follow_spec = !options_.layout;
  cluster_ = std::make_unique<Cluster>(
      cluster, *client_, loop_, log_.named("cluster"),
      [this](agent::Event event) { tell(std::move(event)); },
      [this] {
        const runtime::Instant now = runtime::Loop::now();
        if (!reported_ || now - lost_at_ < kLostEveryMs) return;
        lost_at_ = now;
        report_own();
      });
  return {};
}

void Host::Impl::start_mind() {
  agent::Started started;
  started.run = runtime::run_name();
  started.boot_id = boot_id();
  Disk::Found found = disk_.read();
  for (const std::string& trouble : found.troubles)
    log_.warning("left by a run before", {{"what", trouble}});
  log_.info("agent starts", {{"version", options_.version},
                             {"node", options_.node},
                             {"run", started.run},
                             {"boot", started.boot_id},
                             {"journal", found.journal.has_value()},
                             {"cdi_entries", found.cdi.size()}});
  started.journal = std::move(found.journal);
  started.cdi = std::move(found.cdi);
  tell(std::move(started));
  tell(agent::CdiStale{});               // the driver may be another one than that run's
  static_cast<void>(loop_.post([] {}));  // a batch for it
}

void Host::Impl::start_layout() {
  LayoutFile::Hands hands;
  hands.read = [this](std::function<void(Result<control::GpuNodeSpec>)> use) {
    if (options_.layout->mig_config) {
      driver_->ask([source = *options_.layout, &catalogue = catalogue_](
                       nvml::Driver& driver) { return read_layout(source, driver, catalogue); },
                   [use = std::move(use)](Result<Result<control::GpuNodeSpec>> spec) {
                     if (spec) use(*std::move(spec));
                     else use(tl::unexpected(std::move(spec).error()));
                   });
      return;
    }
    const bool taken = disk_thread_->submit([this, use] {
      auto spec = read_layout(*options_.layout);
      static_cast<void>(loop_.post([use, spec = std::move(spec)] { use(spec); }));
    });
    if (!taken) use(fail(ErrorCode::Unavailable, "too much waits for the disk"));
  };
  hands.journal = [this]() -> Result<std::optional<agent::Journal>> {
    auto journal = Disk::read_journal(options_.disk.state_folder);
    if (journal) return std::optional(*std::move(journal));
    if (journal.error().code() == ErrorCode::NotFound) return std::optional<agent::Journal>();
    return tl::unexpected(std::move(journal).error());
  };
  hands.cordoned = [this](std::function<void(Result<bool>)> use) {
    if (!cluster_) {
      use(fail(ErrorCode::Unavailable, "no API server is asked"));
      return;
    }
    cluster_->read_node([use = std::move(use)](Result<codec::NodeView> node) {
      use(node.map([](const codec::NodeView& view) { return view.unschedulable; }));
    });
  };
  hands.follow = [this](agent::Wanted wanted) {
    log_.info("layout is followed", {{"file", options_.layout->path}, {"uid", wanted.uid}});
    following_ = true;
    tell(std::move(wanted));
    if (const auto started = start_kubelet(); !started)
      end(Ending::How::Refused, started.error().message());
  };
  hands.refuse = [this](const Error& error) { refused(error); };
  hands.warn = [this](const Error& error) {
    log_.warning("layout file", {{"what", error.message()}});
  };
  layout_ = std::make_unique<LayoutFile>(*options_.layout, loop_, std::move(hands));
  layout_->start();
}

/// Before anything was served a layout that cannot be followed ends the agent. What may pass (the
/// API server is away, the driver is not there yet) does not: what stands is served, and it is
/// tried again.
void Host::Impl::refused(const Error& error) {
  log_.error("layout is not followed", {{"why", error.message()}});
  if (following_ || kubelet_started_) return;
  if (error.code() != ErrorCode::Unavailable) {
    end(Ending::How::Refused, error.message());
    return;
  }
  if (const auto started = start_kubelet(); !started)
    end(Ending::How::Refused, started.error().message());
}

Result<void> Host::Impl::start_kubelet() {
  if (std::exchange(kubelet_started_, true)) return {};
  return kubelet_->start();
}

Result<Ending> Host::Impl::run() {
  KERF_CHECK_OK(begin());
  loop_.set_after_batch([this] { step(); });
  loop_.on_signal({SIGTERM, SIGINT}, [this](int signal) {
    log_.info("asked to end", {{"signal", signal}});
    say_goodbye();
  });
  loop_.on_signal({SIGHUP}, [this](int) {
    if (layout_) layout_->again();
  });
  start_mind();
  if (!options_.layout) KERF_CHECK_OK(start_kubelet());
  if (cluster_) cluster_->start();
  if (options_.layout) start_layout();
  metrics_.gauge_function("kerf_agent_driver_stuck_seconds",
                          "How long a driver operation has been past its deadline; 0: none is",
                          [this] { return static_cast<double>(stuck_ms_.load()) / 1000; });
  metrics_.gauge_function("kerf_agent_disk_stuck_seconds",
                          "How long a file has been read or written; 0: not for long",
                          [this] { return static_cast<double>(disk_stuck_ms_.load()) / 1000; });
  metrics_.gauge_function("kerf_agent_driver_libraries",
                          "1 if CDI entries bring the driver's libraries into containers",
                          [this] { return libraries_ ? 1.0 : 0.0; });
  if (client_)
    metrics_.gauge_function("kerf_agent_api_contact_age_seconds",
                            "Since the API server answered last; -1: never in this run", [this] {
                              const auto age = client_->health().contact_age_ms;
                              return age ? static_cast<double>(*age) / 1000 : -1.0;
                            });
  read_facts();
  read_memory();
  look_at_files();
  loop_.run();
  return stop();
}

void Host::Impl::tell(agent::Event event) {
  if (const auto* done = std::get_if<agent::Done>(&event); done != nullptr && done->effect == 0) {
    own_report_done(done->code);
    return;
  }
  inbox_.push_back(std::move(event));
}

void Host::Impl::step() {
  if (inbox_.empty()) return;
  const std::vector<agent::Event> batch = std::exchange(inbox_, {});
  const agent::Instant now = runtime::Loop::now();
  const std::vector<agent::Effect> effects = mind_.step(batch, now);
  recorder_.observe(batch, effects, now);
  for (const agent::Effect& effect : effects) act(effect);
  // What was answered at once is the next batch's, which nothing else may bring.
  if (!inbox_.empty()) static_cast<void>(loop_.post([] {}));
}

/// Whoever sends pods here is told first. What kubelet has free when its plugin is gone is no
/// longer there for a pod that is on its way.
void Host::Impl::say_goodbye() {
  if (std::exchange(leaving_, true)) {  // asked twice: now
    end(Ending::How::Asked, "");
    return;
  }
  ready_ = false;
  if (!cluster_ || !reported_) {
    end(Ending::How::Asked, "");
    return;
  }
  report_own();
  const runtime::Instant until = runtime::Loop::now() + options_.farewell_ms;
  loop_.at(until + kWithdrawalEveryMs, [this] {  // also if the API server does not answer
    log_.warning("the Node still offers slices; pods on their way to them will be rejected");
    end(Ending::How::Asked, "");
  });
  wait_for_withdrawal(until);
}

void Host::Impl::wait_for_withdrawal(runtime::Instant until) {
  cluster_->read_node([this, until](const Result<codec::NodeView>& node) {
    // Also of what is held: whoever ends now makes room for a pod that would come too late.
    const auto offers = [&](const control::SliceStatus& slice) {
      const auto offered = node->allocatable.find(slice.resource);
      return offered != node->allocatable.end() && offered->second > 0;
    };
    const bool withdrawn =
        node.has_value() &&
        std::none_of(reported_->gpus.begin(), reported_->gpus.end(), [&](const auto& gpu) {
          return std::any_of(gpu.slices.begin(), gpu.slices.end(), offers);
        });
    if (withdrawn) {
      loop_.after(kAdmissionMs, [this] { end(Ending::How::Asked, ""); });
    } else if (runtime::Loop::now() < until) {
      loop_.after(kWithdrawalEveryMs, [this, until] { wait_for_withdrawal(until); });
    }
  });
}

void Host::Impl::end(Ending::How how, std::string why) {
  ending_.how = how;
  ending_.why = std::move(why);
  loop_.quit();
}

Ending Host::Impl::stop() {
  kubelet_->stop();
  web_.reset();
  layout_.reset();
  cluster_.reset();
  client_.reset();
  const bool disk = disk_thread_->stop(kStop);
  const bool driver = driver_->stop(kStop);
  ending_.stuck = !disk || !driver;
  log_.info("agent ends", {{"stuck", ending_.stuck}});
  log_.flush(true);
  return ending_;
}

Host::Host(HostOptions options, const gpu::Catalogue& catalogue, telemetry::Log log)
    : impl_(std::make_unique<Impl>(std::move(options), catalogue, std::move(log))) {}
Host::~Host() = default;
Result<Ending> Host::run() { return impl_->run(); }

}  // namespace kerf::shell
