// A step: hear every event, then decide once, part by part.
#include "core/agent/mind.h"

#include "base/assert.h"
#include "base/quote.h"

namespace kerf::agent {
namespace {

/// A bound on words from outside in the status, in bytes.
constexpr std::size_t kMaxWhy = 500;
/// No doubt was told for so long: the next one is looked at at once.
constexpr std::int64_t kQuietMs = 10'000;

/// Words from outside, for the status: UTF-8 without control characters, not too long.
std::string plain(std::string_view text) {
  std::string words;
  for (std::size_t at = 0; at < text.size();) {
    if (words.size() >= kMaxWhy) return words + "...";
    const std::size_t length = utf8_length(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) words += '?';
    else words += text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return words;
}

/// XIDs of the application's own making (k8s-device-plugin internal/rm/health.go): the device is
/// well.
bool is_applications(std::uint32_t xid) {
  for (const std::uint32_t known : {13U, 31U, 43U, 45U, 68U, 109U})
    if (xid == known) return true;
  return false;
}

}  // namespace

Agent::Agent(const gpu::Catalogue& catalogue, Options options)
    : mind_(std::make_unique<Mind>(catalogue, options)) {}
Agent::~Agent() = default;
Agent::Agent(Agent&&) noexcept = default;
Agent& Agent::operator=(Agent&&) noexcept = default;
std::vector<Effect> Agent::step(std::span<const Event> batch, Instant now) {
  return mind_->step(batch, now);
}
std::uint64_t Agent::hash() const { return mind_->hash(); }

std::vector<Effect> Agent::Mind::step(std::span<const Event> batch, Instant now) {
  KERF_ASSERT(now >= now_, "time does not go back");
  now_ = now;
  wake_ = kNever;
  effects_.clear();
  for (const Event& event : batch) {
    KERF_ASSERT(started_ || std::holds_alternative<Started>(event), "Started comes first");
    std::visit([this](const auto& value) { hear(value); }, event);
  }
  if (!started_) return {};
  derive();
  drain();
  ask();
  write_journal();
  drive();
  write_cdi();
  serve();
  confirm();
  report();
  wake();
  return std::move(effects_);
}

void Agent::Mind::hear(const Started& event) {
  KERF_ASSERT(!started_, "an agent starts once");
  started_ = true;
  started_at_ = now_;
  renewed_seen_ = now_;
  run_ = event.run;
  boot_id_ = event.boot_id;
  if (event.journal) journal_ = *event.journal;
  for (const CdiEntry& entry : event.cdi) cdi_[entry.device].uuid = entry.uuid;
  for (Told& told : told_) told.again = true;
}

void Agent::Mind::hear(const Kubelet& event) {
  kubelet_up_ = event.up;
  if (event.up) ++registrations_;
  // Its device manager begins with nothing. Only a list that is in flight may reach the new one.
  std::erase_if(resources_, [](const auto& entry) { return entry.second.serving == 0; });
  for (auto& [name, resource] : resources_) drop(name, resource);
  each([this](std::uint32_t, const DeviceKey&, Device& device) {
    if (device.listed.empty() || resources_.contains(device.listed)) return;
    device.quiet = now_;
    device.listed.clear();
    device.healthy = device.taken = false;
  });
  confirming_ = 0;
  confirm_retry_.ok();
}

void Agent::Mind::hear(const Wanted& event) {
  const bool another = told_uid_ != event.uid;
  if (another) {  // it has no status yet
    told_uid_ = event.uid;
    older_.reset();
    report_anew();
  }
  if (unreadable_ && (another || event.generation >= unreadable_->generation)) unreadable_.reset();
  if (!follows(event, wanted_, journal_, now_, older_)) return;
  const bool same = wanted_ && wanted_->uid == event.uid;
  if (same && event.generation != wanted_->generation) {  // whoever writes it is there
    renewed_seen_ = now_;
    away_ = false;
  }
  wanted_ = event;
}

void Agent::Mind::hear(const NotWanted&) {
  wanted_.reset();
  told_uid_.clear();
  older_.reset();
  unreadable_.reset();
}

void Agent::Mind::hear(const Unreadable& event) {
  if (told_uid_.empty() && !unreadable_) report_anew();  // there is a GpuNode now
  older_.reset();
  unreadable_ = Unreadable{event.generation, plain(event.why)};
}

void Agent::Mind::hear(const Lease& event) {
  if (!event.reachable) return;
  if (renewed_ != event.renewed) {
    // Its age is counted from when it was seen to change: clocks need not agree.
    if (renewed_ || event.renewed != 0) renewed_seen_ = now_;
    renewed_ = event.renewed;
  }
  away_ = now_ - renewed_seen_ > options_.lease_stale_ms;
}

void Agent::Mind::hear(const Xid& event) {
  if (is_applications(event.xid)) return;
  const auto index = index_of(event.gpu);
  if (!index) return doubt_told(doubted_);
  // Anybody's program can cause them on its slice: the others' operations go on meanwhile.
  doubt_told(suspect_);
  for (auto& [key, device] : gpus_[*index].devices) {
    const bool meant =
        event.gi == kNoInstance || (device.instance && device.instance->gi == event.gi);
    if (meant && device.exists()) device.lost = true;
  }
}

void Agent::Mind::doubt_told(bool& which) {
  if (now_ - doubt_heard_ >= kQuietMs) doubt_pause_.ok();
  doubt_heard_ = now_;
  which = true;
}

void Agent::Mind::hear(const Done& event) {
  if (operation_ && operation_->id == event.effect) return operated(event.code);
  if (writing_id_ != 0 && writing_id_ == event.effect) return journal_done(event.code);
  if (reporting_id_ != 0 && reporting_id_ == event.effect) return reported(event.code);
  if (const auto write = cdi_writes_.find(event.effect); write != cdi_writes_.end()) {
    const CdiWrite done = write->second;
    cdi_writes_.erase(write);
    return cdi_done(done, event.code);
  }
  for (auto& [name, resource] : resources_) {
    if (resource.serving == 0 || resource.serving != event.effect) continue;
    resource.serving = 0;
    if (resource.void_now) {
      resource.void_now = false;
    } else if (event.code == Code::Success) {
      resource.sent = next_id_;
      resource.retry.ok();
    } else {
      resource.retry.fail(now_, options_.retry_ms, options_.retry_max_ms);
    }
    return;
  }
}

EffectId Agent::Mind::emit(Action action) {
  effects_.push_back({next_id_, std::move(action)});
  return next_id_++;
}

bool Agent::Mind::due(Instant at) {
  if (now_ >= at) return true;
  if (wake_ == kNever || at < wake_) wake_ = at;
  return false;
}

void Agent::Mind::wake() {
  if (waking_ != kNever && waking_ <= now_) waking_ = kNever;
  if (wake_ == kNever || wake_ == waking_) return;
  waking_ = wake_;
  emit(WakeAt{wake_});
}

std::string Agent::Mind::foreign_resource() const {
  for (const std::string& name : foreign_plugins_) {
    if (resources_.contains(name)) return name;
    for (const Gpu& gpu : gpus_)
      for (const auto& [key, device] : gpu.devices)
        if (device.wanted && device.resource == name) return name;
  }
  return "";
}

bool Agent::Mind::frozen() const { return foreign_driver_ || !foreign_resource().empty(); }

std::optional<std::uint32_t> Agent::Mind::index_of(const std::string& uuid) const {
  for (std::uint32_t i = 0; !uuid.empty() && i < gpus_.size(); ++i)
    if (gpus_[i].seen.uuid == uuid) return i;
  return std::nullopt;
}

Device* Agent::Mind::by_id(const std::string& id) {
  const auto name = parse_device_id(id);
  if (!name || name->gpu >= gpus_.size()) return nullptr;
  auto& devices = gpus_[name->gpu].devices;
  const auto found = devices.find({name->start, name->form});
  return found == devices.end() ? nullptr : &found->second;
}

}  // namespace kerf::agent
