// Books: what kubelet says of its devices.
#include "shell/kubelet/books.h"

#include <algorithm>
#include <utility>

#include "codec/kubelet_checkpoint.h"
#include "core/agent/shape.h"
#include "shell/kubelet/messages.h"
#include "shell/runtime/files.h"

namespace kerf::kubelet {
namespace {

/// A burst of allocations is looked at once.
constexpr std::chrono::milliseconds kSoon{20};
/// How long kubelet may take to write its checkpoint, a file with fsync.
constexpr std::chrono::milliseconds kRewrite{1'000};
/// For the same devices kubelet is made to write its checkpoint no more often than that: an init
/// container's are in the checkpoint and not in List for as long as it lives.
constexpr std::chrono::milliseconds kRewriteAgain{5'000};
/// Unasked, twice as long after each time, up to that.
constexpr std::chrono::milliseconds kRewriteSeldom{600'000};
/// How much less is looked while nothing is there that could end.
constexpr int kCalmHolders = 10;
constexpr int kCalmForeign = 6;

bool any_of_ours(const std::vector<agent::Holder>& holders) {
  return std::any_of(holders.begin(), holders.end(), [](const auto& holder) {
    return agent::parse_device_id(holder.device).has_value();
  });
}

/// Devices of ours that the checkpoint has and List has not.
std::set<std::string> only_in(const std::vector<agent::Holder>& checkpoint,
                              const std::vector<agent::Holder>& list) {
  std::set<std::string> shown;
  std::set<std::string> only;
  for (const agent::Holder& holder : list) shown.insert(holder.device);
  for (const agent::Holder& holder : checkpoint)
    if (agent::parse_device_id(holder.device) && !shown.contains(holder.device))
      only.insert(holder.device);
  return only;
}

}  // namespace

Books::Books(Hub& hub, Client& client, Presence& presence, Plugins& plugins)
    : hub_(hub), client_(client), presence_(presence), plugins_(plugins) {}

void Books::start() {
  const auto holders = [this] { look_at_holders(); };
  holders_timer_ = hub_.after(hub_.options().holders_every, holders);
  foreign_timer_ = hub_.after(hub_.options().foreign_every, [this] { look_at_foreign(); });
}

// --- Asked ---------------------------------------------------------------------------------------

void Books::confirm(agent::EffectId effect) {
  const std::uint64_t epoch = presence_.epoch();
  if (!presence_.up()) return hub_.tell(agent::Confirmed{effect, false, {}});
  client_.allocatable(hub_.options().ask_deadline, [this, effect, epoch](Result<Healthy> result) {
    if (!believed(result.has_value(), epoch)) return hub_.tell(agent::Confirmed{effect, false, {}});
    hear_foreign(*result);
    hub_.tell(agent::Confirmed{effect, true, std::move(*result)});
  });
}

void Books::ask(agent::EffectId effect, agent::Source source) {
  switch (source) {
    case agent::Source::PodResources: return ask_pod_resources(effect);
    case agent::Source::Checkpoint: return ask_checkpoint(effect);
    case agent::Source::Processes: break;
  }
  hub_.tell(agent::Holders{effect, source, false, {}, {}});
}

void Books::ask_pod_resources(agent::EffectId effect) {
  const std::uint64_t epoch = presence_.epoch();
  agent::Holders unknown{effect, agent::Source::PodResources, false, {}, {}};
  if (!presence_.up()) return hub_.tell(std::move(unknown));
  client_.list(hub_.options().ask_deadline,
               [this, epoch, unknown](Result<std::vector<agent::Holder>> result) mutable {
                 if (!believed(result.has_value(), epoch)) return hub_.tell(std::move(unknown));
                 if (result->empty()) {
                   const agent::Holders checkpoint = read_checkpoint();
                   if (!checkpoint.known || !checkpoint.devices.empty())
                     return hub_.tell(std::move(unknown));
                 }
                 answer({unknown.effect, unknown.source, true, std::move(*result), {}});
               });
}

agent::Holders Books::read_checkpoint() {
  agent::Holders holders{0, agent::Source::Checkpoint, false, {}, {}};
  const std::string& path = hub_.options().checkpoint;
  const auto text = runtime::read_file(path, codec::kCheckpointBytesMax);
  if (!text) {
    // kubelet writes it with the first list that it gets. One that was there and is gone says
    // nothing.
    const bool never = text.error().code() == ErrorCode::NotFound && presence_.up() &&
                       !had_checkpoint_ && !plugins_.wrote();
    holders.known = never;
    return holders;
  }
  auto checkpoint = codec::read_kubelet_checkpoint(*text, path);
  if (!checkpoint) return holders;
  had_checkpoint_ = true;
  holders.known = true;
  holders.devices = std::move(checkpoint->devices);
  std::sort(holders.devices.begin(), holders.devices.end());
  const auto end = std::unique(holders.devices.begin(), holders.devices.end());
  holders.devices.erase(end, holders.devices.end());
  return holders;
}

void Books::ask_checkpoint(agent::EffectId effect) {
  agent::Holders read = read_checkpoint();
  read.effect = effect;
  if (!any_of_ours(read.devices) || !presence_.up()) return answer(std::move(read));
  const std::uint64_t epoch = presence_.epoch();
  client_.list(hub_.options().ask_deadline,
               [this, epoch, read](Result<std::vector<agent::Holder>> result) mutable {
                 if (!believed(result.has_value(), epoch)) return answer(std::move(read));
                 const agent::EffectId of = read.effect;
                 rewrite(of, std::move(read), *result);
               });
}

void Books::rewrite(agent::EffectId effect, agent::Holders read,
                    const std::vector<agent::Holder>& list) {
  std::set<std::string> only_noted = only_in(read.devices, list);
  const bool again =
      only_noted != rewritten_for_ || runtime::Loop::now() - rewritten_at_ >= kRewriteAgain.count();
  if (only_noted.empty() || !again || !make_it_write(effect, std::move(only_noted)))
    answer(std::move(read));
}

bool Books::make_it_write(agent::EffectId effect, std::set<std::string> only_noted) {
  if (!plugins_.write_again()) return false;
  rewritten_for_ = std::move(only_noted);
  rewritten_at_ = runtime::Loop::now();
  rewrites_.push_back({effect, hub_.after(kRewrite, [this] { answer_rewrites(); })});
  return true;
}

void Books::answer_rewrites() {
  for (const Rewrite& waiting : std::exchange(rewrites_, {})) {
    hub_.cancel(waiting.deadline);
    agent::Holders read = read_checkpoint();
    read.effect = waiting.effect;
    if (read.known || waiting.effect != 0) answer(std::move(read));
  }
}

void Books::answer(agent::Holders holders) {
  if (holders.known) {
    auto& last = holders.source == agent::Source::PodResources ? shown_ : noted_;
    const bool begins = last != holders.devices && any_of_ours(holders.devices);
    last = holders.devices;
    if (begins && holders.source == agent::Source::PodResources) {
      hub_.cancel(holders_timer_);
      holders_timer_ = hub_.after(hub_.options().holders_every, [this] { look_at_holders(); });
    }
  }
  hub_.tell(std::move(holders));
}

// --- Unasked -------------------------------------------------------------------------------------

void Books::came(std::function<void()> then) {
  had_checkpoint_ = false;
  const std::uint64_t epoch = presence_.epoch();
  client_.allocatable(hub_.options().ask_deadline,
                      [this, epoch, then = std::move(then)](Result<Healthy> result) {
                        if (epoch != presence_.epoch()) return;
                        if (result) hear_foreign(*result);
                        then();
                      });
}

void Books::left() {
  shown_.reset();
  hub_.cancel(ended_timer_);
  answer_rewrites();
}

void Books::checkpoint_changed() {
  answer_rewrites();
  const agent::Holders read = read_checkpoint();
  if (read.known && noted_ != read.devices) answer(read);
  look_soon();
}

void Books::look_soon() {
  hub_.cancel(soon_);
  soon_ = hub_.after(kSoon, [this] {
    look_at_holders();
    look_at_foreign();
  });
}

void Books::look_at_holders() {
  hub_.cancel(holders_timer_);
  const bool held = shown_ && any_of_ours(*shown_);
  const auto pause = hub_.options().holders_every * (held ? 1 : kCalmHolders);
  holders_timer_ = hub_.after(pause, [this] { look_at_holders(); });
  if (!presence_.up() || listing_) return;
  listing_ = true;
  const std::uint64_t epoch = presence_.epoch();
  client_.list(hub_.options().ask_deadline,
               [this, epoch](Result<std::vector<agent::Holder>> result) {
                 listing_ = false;
                 if (epoch != presence_.epoch()) return;
                 if (!result) return void(presence_.check());
                 if (shown_ != *result) answer({0, agent::Source::PodResources, true, *result, {}});
                 look_for_ended(*result);
               });
}

void Books::look_for_ended(const std::vector<agent::Holder>& list) {
  hub_.cancel(ended_timer_);
  std::set<std::string> only_noted;
  if (noted_) only_noted = only_in(*noted_, list);
  if (only_noted.empty()) return rewritten_for_.clear();
  const bool same = std::includes(rewritten_for_.begin(), rewritten_for_.end(), only_noted.begin(),
                                  only_noted.end());
  if (same) rewritten_for_ = only_noted;
  else ended_pause_ = kRewriteAgain;
  auto wait = hub_.options().holders_every;  // until a list may be sent once more
  const auto ago = std::chrono::milliseconds(runtime::Loop::now() - rewritten_at_);
  if (same && ago < ended_pause_) {
    wait = ended_pause_ - ago;
  } else if (make_it_write(0, std::move(only_noted))) {
    if (same) ended_pause_ = std::min(2 * ended_pause_, kRewriteSeldom);
    wait = ended_pause_;
  }
  ended_timer_ = hub_.after(wait, [this] { look_at_holders(); });
}

void Books::look_at_foreign() {
  hub_.cancel(foreign_timer_);
  const auto pause = hub_.options().foreign_every * (foreign_.empty() ? kCalmForeign : 1);
  foreign_timer_ = hub_.after(pause, [this] { look_at_foreign(); });
  if (!presence_.up() || looking_) return;
  looking_ = true;
  const std::uint64_t epoch = presence_.epoch();
  client_.allocatable(hub_.options().ask_deadline, [this, epoch](Result<Healthy> result) {
    looking_ = false;
    if (result && epoch == presence_.epoch()) hear_foreign(*result);
  });
}

void Books::hear_foreign(const Healthy& healthy) {
  std::set<std::string> found = foreign_in(healthy);
  if (found != foreign_) {
    foreign_ = found;
    hub_.cancel(foreign_timer_);
    foreign_timer_ = hub_.after(hub_.options().foreign_every, [this] { look_at_foreign(); });
    hub_.tell(agent::ForeignPlugins{found});
  }
  plugins_.taken_over(found);
}

}  // namespace kerf::kubelet
