// Finds the workload that an option names.
#include "codec/overrides.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/quote.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kListedMax = 10;

bool same_kind(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// The kind that a word names: kubectl's short and plural names ("deploy", "jobs"), or the word.
std::string_view kind_named(std::string_view word) {
  struct Names {
    std::string_view kind, brief;
  };
  static constexpr Names kNames[] = {{"Deployment", "deploy"},
                                     {"StatefulSet", "sts"},
                                     {"ReplicaSet", "rs"},
                                     {"ReplicationController", "rc"},
                                     {"DaemonSet", "ds"},
                                     {"LeaderWorkerSet", "lws"},
                                     {"CronJob", "cj"},
                                     {"Job", "job"},
                                     {"Pod", "po"}};
  for (const auto& [kind, brief] : kNames) {
    const bool plural = !word.empty() && (word.back() == 's' || word.back() == 'S') &&
                        same_kind(word.substr(0, word.size() - 1), kind);
    if (plural || same_kind(word, brief)) return kind;
  }
  return word;
}

bool means(std::string_view key, const OverrideTarget& target) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return key == target.name;
  const std::string_view first = key.substr(0, slash);
  const std::string_view rest = key.substr(slash + 1);
  if (rest == target.name) return first == target.ns || same_kind(kind_named(first), target.kind);
  return same_kind(kind_named(first), target.kind) && rest == target.ns + "/" + target.name;
}

std::string listed(const std::vector<const OverrideTarget*>& targets) {
  std::string text;
  for (std::size_t i = 0; i < std::min(targets.size(), kListedMax); ++i) {
    text += fmt::format("{}{} {}/{}", i == 0 ? "" : ", ", targets[i]->kind, targets[i]->ns,
                        targets[i]->name);
  }
  if (targets.size() > kListedMax) {
    text += fmt::format(" and {} more", targets.size() - kListedMax);
  }
  return text;
}

}  // namespace

Result<std::size_t> find_target(std::string_view option, std::string_view key,
                                const std::vector<OverrideTarget>& targets) {
  std::vector<const OverrideTarget*> meant;
  std::vector<const OverrideTarget*> all;
  for (const OverrideTarget& target : targets) {
    all.push_back(&target);
    if (means(key, target)) meant.push_back(&target);
  }
  if (meant.size() == 1) return meant[0]->object;
  if (meant.empty()) {
    return fail(ErrorCode::NotFound,
                fmt::format("{} {}: the input has no such workload; it has {}", option, quoted(key),
                            all.empty() ? "none that this option is for" : listed(all)));
  }
  return invalid(
      fmt::format("{} {}: this means {}; write namespace/name, kind/name or "
                  "kind/namespace/name",
                  option, quoted(key), listed(meant)));
}

}  // namespace kerf::codec
