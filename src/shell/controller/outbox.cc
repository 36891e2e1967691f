// Which Event is written next, and when.
#include "shell/controller/outbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace kerf::shell {

namespace {

constexpr std::size_t kNameBytes = 200;  // of the object's name, before ".<16 digits>"

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string event_name(const std::string& object, const std::string& uid, std::uint64_t cause) {
  Hasher hasher;
  hasher.add(uid);
  hasher.add(cause);
  std::string name;
  for (const char c : object.substr(0, kNameBytes)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (is_alphanumeric(lower)) name += lower;
    else if (!name.empty() && is_alphanumeric(name.back())) name += c == '.' ? '.' : '-';
    else if (!name.empty() && name.back() == '-' && c != '.') name += '-';
  }
  while (!name.empty() && !is_alphanumeric(name.back())) name.pop_back();
  return fmt::format("{}.{:016x}", name.empty() ? "object" : name, hasher.value());
}

Outbox::Outbox(Options options, Mirror mirror) : options_(options), mirror_(std::move(mirror)) {}

bool Outbox::add(Item item, std::int64_t now) {
  item.since = now;
  if (items_.size() < options_.waiting_max) {
    items_.push_back(std::move(item));
    return true;
  }
  ++dropped_;
  if (item.copy) return false;
  const auto newest = std::find_if(items_.rbegin(), items_.rend(),
                                   [](const Item& waiting) { return waiting.copy; });
  if (newest == items_.rend()) return false;
  items_.erase(std::next(newest).base());
  items_.push_back(std::move(item));
  return false;
}

const std::string* Outbox::uid_of(const Item& item) const {
  const Watches::Known* known = mirror_.find(item.kind, item.key);
  return known == nullptr || known->uid.empty() ? nullptr : &known->uid;
}

void Outbox::drop_expired(std::int64_t now) {
  const std::size_t before = items_.size();
  std::erase_if(items_, [&](const Item& item) {
    return now >= item.since + options_.uid_ms && uid_of(item) == nullptr;
  });
  dropped_ += static_cast<std::int64_t>(before - items_.size());
}

std::optional<Outbox::Item> Outbox::take(std::int64_t now) {
  drop_expired(now);
  if (in_flight_ >= options_.in_flight_max || now < free_at_) return std::nullopt;
  auto best = items_.end();
  for (auto at = items_.begin(); at != items_.end(); ++at) {
    if (now < at->not_before || (best != items_.end() && at->copy)) continue;
    if (uid_of(*at) == nullptr) continue;
    best = at;
    if (!at->copy) break;
  }
  if (best == items_.end()) return std::nullopt;
  Item item = std::move(*best);
  items_.erase(best);
  const std::string& uid = *uid_of(item);
  // Once named it stays: the object of a later try may be another of that name.
  if (item.event.name.empty()) {
    item.event.object_uid = uid;
    item.event.name = event_name(item.key.name, uid, item.cause);
  }
  ++in_flight_;
  free_at_ = now + options_.pace_ms;
  return item;
}

void Outbox::written() { --in_flight_; }

bool Outbox::failed(Item item, bool again, std::int64_t retry_after_ms, std::int64_t now) {
  --in_flight_;
  ++item.failures;
  if (!again || item.failures >= options_.tries || items_.size() >= options_.waiting_max) {
    ++dropped_;
    return false;
  }
  item.not_before =
      now + std::max(retry_after_ms, options_.retry_ms << std::min(item.failures - 1, 8));
  items_.push_front(std::move(item));
  return true;
}

std::optional<std::int64_t> Outbox::next(std::int64_t now) const {
  if (in_flight_ >= options_.in_flight_max) return std::nullopt;
  std::optional<std::int64_t> next;
  for (const Item& item : items_) {
    const std::int64_t at =
        uid_of(item) != nullptr ? std::max(item.not_before, free_at_) : now + options_.look_ms;
    if (!next || at < *next) next = at;
  }
  return next;
}

}  // namespace kerf::shell
