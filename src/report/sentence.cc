// One sentence or two for each reason: what is so, and what to do where something can be done.
#include "report/sentence.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/market/market.h"

namespace kerf::report {
namespace {

using plan::Reason;
using plan::ReasonCode;

std::string_view arg(const Reason& reason, std::size_t i) {
  return i < reason.args.size() ? std::string_view(reason.args[i]) : std::string_view();
}

/// "64000m" with unit "m" -> 64000.
std::optional<std::int64_t> amount(std::string_view text, std::string_view unit) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  if (text.substr(static_cast<std::size_t>(end - text.data())) != unit) return std::nullopt;
  return value;
}

/// "64000m" -> "64 CPU", "49152Mi" -> "48 GiB", "100Mi" -> "100 MiB"; other texts as they are.
std::string readable(std::string_view text) {
  if (const auto milli = amount(text, "m"))
    return fmt::format("{} CPU", static_cast<double>(*milli) / 1000);
  if (const auto mib = amount(text, "Mi")) {
    if (*mib < 1024) return fmt::format("{} MiB", *mib);
    const std::string gib = fmt::format("{:.1f}", static_cast<double>(*mib) / 1024);
    return (gib.ends_with(".0") ? gib.substr(0, gib.size() - 2) : gib) + " GiB";
  }
  return std::string(text);
}

/// The argument as the end of a sentence.
std::string closed(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out.back() != '.' && out.back() != '!' && out.back() != '?') out += '.';
  return out;
}

/// "; the next best, whole T4, would cost $0.5260/h", or nothing.
std::string next_best(const Reason& reason) {
  if (arg(reason, 2).empty()) return {};
  if (arg(reason, 3).empty()) return fmt::format("; the next best is {}", arg(reason, 2));
  return fmt::format("; the next best, {}, would cost {}/h", arg(reason, 2), arg(reason, 3));
}

/// "; by itself, whole T4 would cost $0.5260/h", or nothing.
std::string by_itself(const Reason& reason) {
  if (arg(reason, 2).empty() || arg(reason, 3).empty()) return {};
  return fmt::format("; by itself, {} would cost {}/h", arg(reason, 2), arg(reason, 3));
}

std::string unknown_profile(const Reason& reason) {
  if (arg(reason, 1).empty())
    return fmt::format(
        "No instance type that may be bought can serve {}: none of them can be cut. Allow types "
        "that can (--types, --policy).",
        arg(reason, 0));
  return fmt::format(
      "No instance type that may be bought can serve {}. The nearest that can be had: {}. Ask for "
      "one of these, or allow types that have it (--types, --policy).",
      arg(reason, 0), arg(reason, 1));
}

/// What to do about a rule for nodes, "node selector key=value", that no planned node meets.
std::string label_advice(std::string_view rule) {
  constexpr std::string_view kOther = "Change that, or allow more types (--types, --policy).";
  if (!rule.starts_with("node selector ") && !rule.starts_with("node affinity "))
    return std::string(kOther);
  rule.remove_prefix(std::string_view("node selector ").size());
  const std::string_view key = rule.substr(0, rule.find_first_of(" ="));
  const std::string_view values = rule.substr(key.size());
  if (key == "nvidia.com/gpu.product" && values.find("-SHARED") != std::string_view::npos)
    return "Time-sliced GPUs carry this label today: leave it out, and ask for GPU memory instead, "
           "for example kerf.dev/gpu-8gi-shared.";
  if (const std::size_t at = values.find("-MIG-");
      key == "nvidia.com/gpu.product" && at != std::string_view::npos) {
    std::string_view profile = values.substr(at + 5);
    profile = profile.substr(0, profile.find_first_of(",)"));
    return fmt::format(
        "GPUs that are cut all alike carry this label today: leave it out, and ask for the slice "
        "by its name, nvidia.com/mig-{}.",
        profile);
  }
  if (key == "karpenter.sh/capacity-type")
    return "Change that, or allow this capacity (--capacity-types), with its prices (--prices).";
  if (key == "kubernetes.io/hostname") return "Planned nodes have no names yet: leave it out.";
  if (market::is_well_known_label(key)) return std::string(kOther);
  return "Nodes of today's cluster may carry this label, planned ones do not: leave it out, or "
         "give it to all planned nodes by nodeLabels in a policy (--policy).";
}

std::string too_large(const Reason& reason) {
  const std::string_view what = arg(reason, 0);
  const std::string asked = readable(arg(reason, 1));
  const std::string most = readable(arg(reason, 2));
  if (what == "gpus")
    return fmt::format(
        "No node has room for it whole: it asks for {}, and the largest node that it may run on "
        "has {}. Ask for less for each pod, or allow larger types (--types, --policy).",
        asked, most);
  const std::string_view name = what == "cpu" ? "CPU" : what == "disk" ? "ephemeral storage" : what;
  if (amount(arg(reason, 2), "m") == 0 || amount(arg(reason, 2), "Mi") == 0)
    return fmt::format(
        "It asks for {}, and DaemonSets leave no {} on any node that it may run on. Say what they "
        "really take of a GPU node with --daemonsets.",
        asked, name);
  // The disk of a node is its root volume: no larger type has more.
  return fmt::format(
      "It asks for more {} than any node that it may run on can give: {} of at most {}. Ask for "
      "less, or {}.",
      name, asked, most,
      what == "disk" ? "plan nodes with a larger root volume (--root-volume)"
                     : "allow larger types (--types, --policy)");
}

}  // namespace

std::string sentence(const Reason& reason) {
  switch (reason.code) {
    case ReasonCode::CheapestForm:
      return fmt::format("{} costs least: {}/h{}.", arg(reason, 0), arg(reason, 1),
                         next_best(reason));
    case ReasonCode::OnlyForm:
      return fmt::format("{} is the only form on offer that serves the request: {}/h.",
                         arg(reason, 0), arg(reason, 1));
    case ReasonCode::FillsRoom:
      return fmt::format("{} for {}/h, in room of a node that other pods need too{}.",
                         arg(reason, 0), arg(reason, 1), by_itself(reason));
    case ReasonCode::PartOfFleet:
      return fmt::format("{} for {}/h, as the cheapest fleet found for all pods has it{}.",
                         arg(reason, 0), arg(reason, 1), by_itself(reason));
    case ReasonCode::Unsupported:
      return fmt::format("{}: {}", arg(reason, 0), closed(arg(reason, 1)));
    case ReasonCode::UnknownProfile: return unknown_profile(reason);
    case ReasonCode::NoModelThatLarge:
      return fmt::format(
          "No GPU that may be bought is large enough for {}: the largest has {} GB. Ask for less, "
          "or allow types with larger GPUs (--types, --policy).",
          arg(reason, 0), arg(reason, 1));
    case ReasonCode::NoTypeMatches:
      return fmt::format("No instance type that may be bought meets: {}. {}", arg(reason, 0),
                         label_advice(arg(reason, 0)));
    case ReasonCode::TooLargeForNode: return too_large(reason);
    case ReasonCode::NoZone:
      return fmt::format(
          "No zone is left for it: {}. Allow more zones in the policy, or loosen the constraint.",
          arg(reason, 0));
    case ReasonCode::ConflictingPods:
      return fmt::format("Its required pod (anti-)affinity cannot be met: {}",
                         closed(arg(reason, 0)));
    case ReasonCode::LimitPerHour:
      return fmt::format(
          "The policy's limit of {}/h is reached by pods of higher priority or lower cost. Raise "
          "spec.limits.usdPerHour of the policy, or ask for less.",
          arg(reason, 0));
    case ReasonCode::LimitGpus:
      return fmt::format(
          "The policy's limit of {} GPUs is reached by pods of higher priority or lower cost. "
          "Raise spec.limits.gpus of the policy, or ask for less.",
          arg(reason, 0));
    case ReasonCode::OwnedUsedUp:
      return fmt::format(
          "Only owned nodes ({}) can serve it, and pods of higher priority or lower cost have them "
          "all. Allow types that can be bought for it (--types, --policy), or ask for less.",
          arg(reason, 0));
  }
  return "?";
}

}  // namespace kerf::report
