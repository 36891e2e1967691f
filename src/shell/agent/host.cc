// Host: how a run begins, how the mind is stepped, how it ends.
#include "shell/agent/host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>

#include "base/hash.h"
#include "shell/agent/host_parts.h"
#include "shell/agent/node_read.h"

namespace kerf::shell {
namespace {

constexpr std::int64_t kWithdrawalEveryMs = 200;
/// How long pods that were bound before the withdrawal take to be admitted (DESIGN, Take).
constexpr std::int64_t kAdmissionMs = 500;
constexpr std::chrono::seconds kStop{5};
constexpr std::chrono::seconds kPatience{2};  ///< of a health check with the loop

/// Differs between runs, and reads well in a log: process and start.
std::string run_name() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Hasher hasher;
  hasher.add(std::int64_t{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()});
  hasher.add(std::int64_t{::getpid()});
  return fmt::format("{:08x}", hasher.value() & 0xffffffff);
}

}  // namespace

Host::Impl::Impl(HostOptions options, const gpu::Catalogue& catalogue, telemetry::Log log)
    : options_(std::move(options)),
      catalogue_(catalogue),
      log_(std::move(log)),
      recorder_(catalogue, log_, metrics_),
      disk_(options_.disk),
      files_(options_.files),
      mind_(catalogue, options_.mind) {}

bool Host::Impl::post(agent::Event event) {
  return loop_.post([this, event = std::move(event)]() mutable { tell(std::move(event)); });
}

Result<void> Host::Impl::begin_web() {
  telemetry::add_process_metrics(metrics_);
  metrics_.gauge("kerf_agent_info", "What this agent is", {{"version", options_.version}}).set(1);
  if (!options_.metrics) return {};
  web::Server::Handlers handlers;
  handlers["/metrics"] = [this](const web::Request&) {
    return web::Response{200, metrics_.text(), std::string(telemetry::Metrics::kContentType)};
  };
  handlers["/healthz"] = [this](const web::Request&) { return healthy(); };
  handlers["/readyz"] = [this](const web::Request&) {
    return ready_ ? web::Response{200, "ready\n"}
                  : web::Response{503, "not registered with kubelet\n"};
  };
  web::Server::Options server;
  server.address = options_.metrics_address;
  server.port = options_.metrics_port;
  auto started = web::Server::start(server, std::move(handlers));
  if (!started) return tl::unexpected(std::move(started).error().within("--metrics"));
  web_ = *std::move(started);
  return {};
}

/// Well as long as the loop turns: a driver that hangs is no reason to be started again, as the
/// next run would hang in it, too.
web::Response Host::Impl::healthy() {
  auto turned = std::make_shared<std::promise<void>>();
  auto answer = turned->get_future();
  const bool posted = loop_.post([turned] { turned->set_value(); });
  if (posted && answer.wait_for(kPatience) == std::future_status::ready) return {200, "ok\n"};
  return {503, "the agent does not get to its work\n"};
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
  KERF_CHECK_OK(begin_web());
  runtime::Serial::Options disk_options;
  disk_options.name = "kerf-disk";
  disk_thread_ = std::make_unique<runtime::Serial>(disk_options);
  driver_ = std::make_unique<DriverHand>(options_.driver, catalogue_, loop_,
                                         [this](agent::Event event) { tell(std::move(event)); });
  kubelet_ = std::make_unique<kubelet::Kubelet>(
      options_.kubelet, [this](agent::Event event) { return post(std::move(event)); });
  if (!client_) return {};
  Cluster::Options cluster;
  cluster.node = options_.node;
  cluster.lease_namespace = options_.lease_namespace;
  cluster.follow_spec = !options_.layout;
  cluster_ = std::make_unique<Cluster>(cluster, *client_, loop_, log_.named("cluster"),
                                       [this](agent::Event event) { tell(std::move(event)); });
  return {};
}

void Host::Impl::start_mind() {
  agent::Started started;
  started.run = run_name();
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
  static_cast<void>(loop_.post([] {}));  // a batch for it
}

void Host::Impl::start_layout() {
  LayoutFile::Hands hands;
  hands.read = [this](std::function<void(Result<control::GpuNodeSpec>)> use) {
    driver_->ask([source = *options_.layout, &catalogue = catalogue_](
                     nvml::Driver& driver) { return read_layout(source, driver, catalogue); },
                 std::move(use));
  };
  hands.journal = [this]() -> std::optional<agent::Journal> {
    auto journal = Disk::read_journal(options_.disk.state_folder);
    if (!journal) return std::nullopt;
    return *std::move(journal);
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
  };
  hands.refuse = [this](const Error& error) {
    log_.error("layout is not followed", {{"why", error.message()}});
    if (!following_) end(Ending::How::Refused, error.message());
  };
  layout_ = std::make_unique<LayoutFile>(*options_.layout, loop_, std::move(hands));
  layout_->start();
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
  KERF_CHECK_OK(kubelet_->start());
  if (cluster_) cluster_->start();
  if (options_.layout) start_layout();
  metrics_.gauge_function("kerf_agent_driver_stuck_seconds",
                          "How long a driver operation has been past its deadline; 0: none is",
                          [this] { return static_cast<double>(stuck_ms_.load()) / 1000; });
  if (client_)
    metrics_.gauge_function("kerf_agent_api_contact_age_seconds",
                            "Since the API server answered last; -1: never in this run", [this] {
                              const auto age = client_->health().contact_age_ms;
                              return age ? static_cast<double>(*age) / 1000 : -1.0;
                            });
  read_facts();
  read_memory();
  loop_.run();
  return stop();
}

void Host::Impl::tell(agent::Event event) {
  if (const auto* done = std::get_if<agent::Done>(&event); done != nullptr && done->effect == 0) {
    own_report_done(done->code);
    return;
  }
  if (std::holds_alternative<agent::Doubt>(event)) {  // of a driver that was loaded anew
    minors_.clear();
    read_facts();
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
  wait_for_withdrawal(runtime::Loop::now() + options_.farewell_ms);
}

void Host::Impl::wait_for_withdrawal(runtime::Instant until) {
  cluster_->read_node([this, until](const Result<codec::NodeView>& node) {
    std::map<std::string, std::int64_t> held;
    for (const control::GpuStatus& gpu : reported_->gpus)
      for (const control::SliceStatus& slice : gpu.slices)
        if (!slice.resource.empty())
          held[slice.resource] += slice.state == cluster::SliceState::Used ? 1 : 0;
    bool withdrawn = node.has_value();
    for (const auto& [resource, n] : held) {
      if (!node) break;
      const auto offered = node->allocatable.find(resource);
      withdrawn = withdrawn && (offered == node->allocatable.end() || offered->second <= n);
    }
    if (withdrawn) {
      loop_.after(kAdmissionMs, [this] { end(Ending::How::Asked, ""); });
    } else if (runtime::Loop::now() >= until) {
      log_.warning("the Node still offers free slices; pods on their way to them will be rejected");
      end(Ending::How::Asked, "");
    } else {
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
