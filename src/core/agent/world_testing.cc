// What the node does with the agent's effects, and how its kubelet and its pods behave.
#include "core/agent/world_testing.h"

#include <algorithm>
#include <sstream>

#include "base/assert.h"
#include "codec/catalogue.h"

namespace kerf::agent {
namespace {

using FactKind = Fact::Kind;
constexpr std::int64_t kInFlightMs = 900;  ///< kubelet's call reaches the agent by then

}  // namespace

control::WantedGpu cut(const std::string& text) {
  control::WantedGpu gpu;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    control::WantedSlice slice;
    slice.published = word[0] != '!';
    if (!slice.published) word.erase(0, 1);
    const std::size_t at = word.find('@');
    const std::size_t name = word.find('=');
    slice.form = word.substr(0, at);
    slice.start = static_cast<std::uint8_t>(std::stoi(word.substr(at + 1)));
    slice.resource = name != std::string::npos       ? word.substr(name + 1)
                     : slice.form == "whole"         ? "nvidia.com/gpu"
                     : slice.form.starts_with("rep") ? "kerf.dev/gpu-5gi-shared"
                                                     : "nvidia.com/mig-" + slice.form;
    if (name == std::string::npos)
      std::replace(slice.resource.begin(), slice.resource.end(), '+', '.');
    gpu.slices.push_back(slice);
  }
  return gpu;
}

World::World(const std::vector<std::string>& boards, bool mode, std::uint64_t seed)
    : driver([&] {
        simgpu::Config config;
        for (const std::string& board : boards) config.gpus.push_back({board, "", -1});
        config.seed = seed;
        return config;
      }()),
      mode_(mode) {
  set_mode();
}

void World::set_mode() {
  for (std::size_t i = 0; i < driver.config().gpus.size(); ++i) {
    if (mode_) driver.set_mig_mode(driver.device_by_index(static_cast<int>(i)).value, true);
    if (mode_) continue;
    const auto gpu = static_cast<std::uint32_t>(i);
    trace.push_back({FactKind::Created, control::device_id(gpu, "whole", 0), "", {}});
    for (const int replicas : {2, 4})
      for (std::uint8_t start = 0; start < replicas; ++start)
        trace.push_back({FactKind::Created,
                         control::device_id(gpu, "replica/" + std::to_string(replicas), start),
                         "",
                         {}});
  }
}

void World::start() {
  agent_ = std::make_unique<Agent>(codec::builtin_catalogue(), options);
  waiting.clear();
  wake_at = -1;
  // kubelet's streams end: all devices of those endpoints are unhealthy to it, calls fail.
  incoming_.clear();
  for (auto& [name, list] : lists_) {
    for (ServedDevice& served : list) served.healthy = false;
    trace.push_back({FactKind::Taken, "", name, list});
  }
  std::erase_if(pods, [this](const Pod& pod) {
    if (pod.admitted || pod.device.empty()) return false;
    trace.push_back({FactKind::Broken, pod.device, pod.resource, {}});
    return true;
  });
  Started started{"run" + std::to_string(++runs_), "boot" + std::to_string(boots_), {}, {}};
  if (journal_ && !journal_lost) started.journal = journal_from_text(*journal_).value();
  for (const auto& [device, uuid] : cdi_) started.cdi.push_back({device, uuid});
  deliver(started);
  deliver(CdiStale{});
  if (kubelet_up) deliver(Kubelet{true});
  if (boot_layout_ && api_up) deliver(*boot_layout_);
  if (wanted_ && api_up) deliver(*wanted_);
}

void World::restart_kubelet() {
  incoming_.clear();
  lists_.clear();
  std::erase_if(pods, [](const Pod& pod) { return !pod.admitted; });
  trace.push_back({FactKind::Reset, "", "", {}});
  kubelet_up = true;
  if (agent_) deliver(Kubelet{true});
}

void World::reboot() {
  agent_.reset();
  waiting.clear();
  incoming_.clear();
  lists_.clear();
  cdi_.clear();
  said_to_stand_.clear();
  std::erase_if(pods, [](const Pod& pod) { return !pod.admitted; });
  trace.push_back({FactKind::Rebooted, "", "", {}});
  for (const auto& gpu : driver.state().gpus)
    for (const auto& instance : gpu.instances)
      for (const auto& compute : instance.compute_instances)
        for (const std::uint32_t pid : std::vector(compute.pids)) end_process(pid);
  ++boots_;
  driver.reboot();
  set_mode();
  now += 60'000;
  start();
}

void World::want(std::vector<control::WantedGpu> gpus) {
  const std::int64_t generation = wanted_ ? wanted_->generation + 1 : 1;
  wanted_ = Wanted{"uid", generation, {std::move(gpus)}};
  if (agent_) deliver(*wanted_);
}

void World::want_at_boot(std::vector<control::WantedGpu> gpus) {
  boot_layout_ = BootLayout{{std::move(gpus)}};
  if (agent_) deliver(*boot_layout_);
}

void World::tell(Event event) { deliver(std::move(event)); }

bool World::pick(Pod pod) {
  for (const ServedDevice& served : lists_[pod.resource]) {
    const bool taken = std::any_of(pods.begin(), pods.end(),
                                   [&](const Pod& other) { return other.device == served.id; });
    if (!served.healthy || taken) continue;
    pod.device = served.id;
    pod.picked = now;
    trace.push_back({FactKind::Picked, pod.device, pod.resource, {}});
    pods.push_back(std::move(pod));
    return true;
  }
  return false;
}

void World::call(Pod& pod) {
  pod.call = ++calls_;
  deliver(Allocate{pod.call, pod.resource, {pod.device}});
}

void World::answered(const Answer& answer) {
  const auto found = std::find_if(pods.begin(), pods.end(),
                                  [&](const Pod& pod) { return pod.call == answer.call; });
  KERF_ASSERT(found != pods.end(), "every answer has its call");
  if (!answer.granted) {
    // What broke meanwhile is nobody's to give.
    const bool broken = answer.why.ends_with("is broken");
    trace.push_back(
        {broken ? FactKind::Broken : FactKind::Refused, found->device, found->resource, {}});
    pods.erase(found);
    return;
  }
  found->admitted = true;
  trace.push_back({FactKind::Granted, found->device, found->resource, {}});
  // The container gets what the CDI entry says: it has to be what stands there now.
  if (cdi_[found->device] != uuid_of(found->device))
    trace.push_back({FactKind::Refused, "a stale device: " + found->device, "", {}});
  trace.push_back({FactKind::Held, found->device, "", {}});
}

void World::end(const std::string& name) {
  const auto found =
      std::find_if(pods.begin(), pods.end(), [&](const Pod& pod) { return pod.name == name; });
  if (found == pods.end()) return;
  trace.push_back({FactKind::Released, found->device, "", {}});
  pods.erase(found);
}

Pod* World::pod(const std::string& name) {
  for (Pod& pod : pods)
    if (pod.name == name) return &pod;
  return nullptr;
}

void World::say_pods() {
  Holders seen = holders(Source::PodResources);
  deliver(seen);
}

void World::run_process(const std::string& device, std::uint32_t pid) {
  if (driver.process_start(uuid_of(device), pid))
    trace.push_back({FactKind::Held, device, std::to_string(pid), {}});
}

void World::end_process(std::uint32_t pid) {
  driver.process_exit(pid);
  for (std::size_t i = trace.size(); i-- > 0;)
    if (trace[i].kind == FactKind::Held && trace[i].resource == std::to_string(pid)) {
      trace.push_back({FactKind::Released, trace[i].device, "", {}});
      return;
    }
}

void World::take_lists(bool all) {
  for (Incoming& next : incoming_) --next.ticks;
  while (!incoming_.empty() && (all || incoming_.front().ticks <= 0)) {
    lists_[incoming_.front().resource] = incoming_.front().list;
    trace.push_back({FactKind::Taken, "", incoming_.front().resource, incoming_.front().list});
    incoming_.erase(incoming_.begin());
  }
}

void World::tick() {
  take_lists(false);
  if (!waiting.empty()) {
    const std::size_t next = waiting.size() == 1 ? 0 : choose(waiting.size());
    const Effect effect = waiting[next];
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(next));
    if (crash && crash(true)) return start();
    Event event = outcome(effect);
    if (crash && crash(false)) return start();
    now += 1;
    return deliver(std::move(event));
  }
  if (!incoming_.empty() && (wake_at < 0 || wake_at > now + 1)) {
    now += 1;
    return;
  }
  for (Pod& pod : pods) {
    if (pod.device.empty() || pod.call != 0 || wake_at < pod.picked + kInFlightMs) continue;
    now = std::max(now, pod.picked + kInFlightMs);
    return call(pod);
  }
  KERF_ASSERT(wake_at >= 0, "the agent sleeps for ever");
  now = std::max(now + 1, wake_at);
  wake_at = -1;
  deliver(Woke{});
}

void World::settle() {
  for (int ticks = 0; ticks < 20'000; ++ticks) {
    if (waiting.empty() && incoming_.empty() && wake_at - now > 3'000) return;
    tick();
  }
  KERF_ASSERT(false, "the agent does not come to rest");
}

void World::run_for(std::int64_t ms) {
  const Instant end = now + ms;
  for (int ticks = 0; now < end; ++ticks) {
    KERF_ASSERT(ticks < 20'000, "the agent does too much");
    const bool calls =
        std::any_of(pods.begin(), pods.end(), [](const Pod& pod) { return pod.call == 0; });
    if (waiting.empty() && incoming_.empty() && !calls && wake_at > end) now = end;
    else tick();
  }
}

void World::deliver(Event event) {
  const std::vector<Event> batch = {std::move(event)};
  std::vector<Effect> effects = agent_->step(batch, now);
  if (watch) watch(batch, effects, now);
  for (Effect& effect : effects) {
    if (const auto* answer = std::get_if<Answer>(&effect.action)) {
      answered(*answer);
    } else if (const auto* wake = std::get_if<WakeAt>(&effect.action)) {
      wake_at = wake->at;
    } else if (const auto* prefer = std::get_if<Prefer>(&effect.action)) {
      preferred = *prefer;
    } else {
      if (const auto* report = std::get_if<Report>(&effect.action)) {
        Fact fact{FactKind::Reported, "", "", {}};
        for (std::uint32_t i = 0; i < report->status.gpus.size(); ++i)
          for (const control::SliceStatus& slice : report->status.gpus[i].slices)
            if (slice.published)
              fact.list.push_back({control::device_id(i, slice.form, slice.start), true});
        trace.push_back(std::move(fact));
      }
      waiting.push_back(std::move(effect));
    }
  }
}

Event World::outcome(const Effect& effect) {
  log.push_back(effect.action);
  std::optional<Code> code;
  if (const auto scripted = fault ? fault(effect.action) : std::nullopt) {
    code = scripted->first;
    if (scripted->second) operate(effect.action);
  } else {
    code = operate(effect.action);
  }
  note_standing();
  if (std::holds_alternative<Look>(effect.action)) {
    return Looked{effect.id, *code, *code == Code::Success ? look() : std::vector<SeenGpu>{}};
  }
  if (std::holds_alternative<Confirm>(effect.action)) {
    Confirmed confirmed{effect.id, *code == Code::Success && kubelet_up, {}};
    for (const auto& [name, list] : lists_)
      for (const ServedDevice& served : list)
        if (served.healthy) confirmed.healthy[name].insert(served.id);
    return confirmed;
  }
  if (const auto* question = std::get_if<AskHolders>(&effect.action)) {
    Holders answer = holders(question->source);
    answer.effect = effect.id;
    answer.known = *code == Code::Success;
    return answer;
  }
  return Done{effect.id, *code};
}

std::string World::slices() const {
  constexpr const char* kStates[] = {"Creating", "Free", "Used", "Retiring", "Lost"};
  std::string text;
  for (const control::GpuStatus& gpu : status.gpus)
    for (const control::SliceStatus& slice : gpu.slices) {
      text += (text.empty() ? "" : ", ") + slice.form + "@" + std::to_string(slice.start) + " " +
              kStates[static_cast<int>(slice.state)] + (slice.published ? " published" : "") +
              (slice.pod.empty() ? "" : " " + slice.pod);
    }
  return text;
}

}  // namespace kerf::agent
