// Parts of sentences: money, zones, layouts, reasons, and other people's words made safe.
#include "report/decision_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "core/plan/reason.h"
#include "report/sentence.h"
#include "report/text.h"

namespace kerf::report {
namespace {

constexpr std::size_t kLayoutBytes = 400;
constexpr std::size_t kArgBytes = 8192;

/// What sentence() says to somebody who plans -> to somebody who has a policy in a cluster.
constexpr std::pair<std::string_view, std::string_view> kPlaces[] = {
    {" (--types, --policy)", " (spec.instanceTypes and spec.families of the SlicePolicy)"},
    {"allow this capacity (--capacity-types), with its prices (--prices)",
     "allow this capacity (spec.capacityTypes of the SlicePolicy)"},
    {"Nodes of today's cluster may carry this label, planned ones do not: leave it out, or give it "
     "to all planned nodes by nodeLabels in a policy (--policy)",
     "Nodes that Kerf buys do not carry this label: leave it out, or give it to all of them by "
     "spec.nodeLabels of the SlicePolicy"},
    {"Say what they really take of a GPU node with --daemonsets",
     "Lower what DaemonSets request on GPU nodes"},
    {"plan nodes with a larger root volume (--root-volume)",
     "give nodes a larger root volume in their NodeClass"},
};

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::optional<plan::ReasonCode> code_of(std::string_view text) {
  using plan::ReasonCode;
  static constexpr std::array kCodes = {
      ReasonCode::CheapestForm,     ReasonCode::OnlyForm,        ReasonCode::FillsRoom,
      ReasonCode::PartOfFleet,      ReasonCode::Unsupported,     ReasonCode::UnknownProfile,
      ReasonCode::NoModelThatLarge, ReasonCode::NoTypeMatches,   ReasonCode::TooLargeForNode,
      ReasonCode::NoZone,           ReasonCode::ConflictingPods, ReasonCode::LimitPerHour,
      ReasonCode::LimitGpus};
  const auto* found = std::find_if(kCodes.begin(), kCodes.end(),
                                   [&](ReasonCode code) { return plan::to_string(code) == text; });
  if (found == kCodes.end()) return std::nullopt;
  return *found;
}

}  // namespace

std::string_view arg(Args args, std::size_t index) {
  return index < args.size() ? std::string_view(args[index]) : std::string_view();
}

Args rest(Args args, std::size_t from) { return args.subspan(std::min(from, args.size())); }

std::vector<std::string> cleaned(Args args) {
  std::vector<std::string> clean;
  for (const std::string& one : args) clean.push_back(quoted_words(one, kArgBytes));
  return clean;
}

std::string joined(Args args) {
  std::string text;
  for (const std::string& one : args) {
    if (one.empty()) continue;
    text += (text.empty() ? "" : ", ") + quoted_words(one);
  }
  return text;
}

std::string rate_text(MicroUsdPerHour rate) {
  const bool tiny = rate.micro != 0 && std::abs(rate.micro) < 10'000;
  return format_usd(rate, tiny ? 4 : 2) + "/h";
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string pods_text(std::string_view count) {
  if (const auto n = number(count)) return counted(*n, "pod", "pods");
  return count.empty() ? "pods" : quoted_words(count) + " pods";
}

std::string zones_text(std::string_view zones) {
  if (zones.empty()) return "any zone";
  std::string text(zones);
  const std::size_t last = text.rfind(',');
  if (last != std::string::npos) text.replace(last, 1, " or ");
  replace_all(text, ",", ", ");
  return quoted_words(text);
}

std::string quoted_words(std::string_view text, std::size_t bytes) {
  std::string line;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool blank = length == 0 || byte <= ' ' || byte == 0x7f;
    const std::string_view piece = blank ? " " : text.substr(i, length);
    i += std::max<std::size_t>(length, 1);
    if (blank && (line.empty() || line.back() == ' ')) continue;
    if (line.size() + piece.size() > bytes) return line + "...";
    line += piece;
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.')) line.pop_back();
  return line;
}

std::string layout_text(std::string_view layouts) {
  std::vector<std::pair<std::string, int>> groups;
  while (!layouts.empty()) {
    const std::size_t end = layouts.find(']');
    const std::size_t length = end == std::string_view::npos ? layouts.size() : end + 1;
    const std::string one(layouts.substr(0, length));
    layouts.remove_prefix(length);
    while (layouts.starts_with(' ')) layouts.remove_prefix(1);
    if (!groups.empty() && groups.back().first == one) ++groups.back().second;
    else groups.emplace_back(one, 1);
  }
  std::string text;
  for (const auto& [layout, times] : groups) {
    text += text.empty() ? "" : ", ";
    text += times == 1 ? layout : fmt::format("{} x {}", times, layout);
  }
  return quoted_words(text, kLayoutBytes);
}

/// Of what only the controller knows; nullopt: a reason of the planner's.
std::optional<std::string> own_sentence(std::string_view code, Args args) {
  if (code == "NotTolerated")
    return "It does not tolerate kerf.dev/slices, a taint of all nodes that Kerf buys. Apply "
           "deploy/admission-tolerations.yaml (Kubernetes 1.36), or add the toleration "
           "{key: kerf.dev/slices, operator: Exists} to its template.";
  if (code == "SchedulerDisagrees")
    return "The scheduler refused it where its slice was offered; its Event has the words. It is "
           "looked at again after 30 min.";
  if (code == "PurchasesSpent")
    return "Nodes were bought for it twice, and it did not come to run; its Event says more.";
  if (code == "RefusedNow" && args.size() >= 2)
    return fmt::format(
        "{} could not be launched a moment ago, and will be tried again within some minutes. Of "
        "what else may be bought: {}",
        zones_text(args[0]), wait_sentence(args[1], args.subspan(2)));
  if (code == "LimitPerHour" && args.size() == 2)
    return fmt::format(
        "The policy's limit is {}/h, of which {}/h is spent: the node that it needs does not fit. "
        "Raise spec.limits.usdPerHour, or wait until others end.",
        quoted_words(args[0]), quoted_words(args[1]));
  if (code == "LimitGpus" && args.size() == 2)
    return fmt::format(
        "The policy's limit is {} GPUs, and it has {}: the node that it needs does not fit. Raise "
        "spec.limits.gpus, or wait until others end.",
        quoted_words(args[0]), quoted_words(args[1]));
  if (code == "NamespaceBudget" && args.size() == 5) {
    std::string text = fmt::format("The budget of namespace {} is used up:", quoted_words(args[0]));
    if (!args[1].empty())
      text +=
          fmt::format(" {}/h, of which {}/h is held", quoted_words(args[1]), quoted_words(args[2]));
    if (!args[3].empty())
      text += fmt::format("{} {} GPUs, of which {} are held", args[1].empty() ? "" : ";",
                          quoted_words(args[3]), quoted_words(args[4]));
    return text + ". Raise it in spec.budgets, or wait until others of the namespace end.";
  }
  return std::nullopt;
}

std::string wait_sentence(std::string_view code, Args args) {
  const std::optional<plan::ReasonCode> known = code_of(code);
  if (code == "NodeClassNotReady" && !args.empty())
    return args[0].empty()
               ? "The policy names no NodeClass for such a node: set spec.nodeClasses."
               : fmt::format(
                     "Its node would be made from the NodeClass {}, which is not there or not "
                     "Ready: kubectl describe it.",
                     quoted_words(args[0]));
  if (std::optional<std::string> own = own_sentence(code, args)) return *std::move(own);
  if (!known) {
    if (args.empty()) return code.empty() ? "No reason is known." : std::string(code) + ".";
    return fmt::format("{}: {}.", code, joined(args));
  }
  plan::Reason reason{*known, {}};
  for (const std::string& one : args) reason.args.push_back(quoted_words(one));
  std::string text = sentence(reason);
  for (const auto& [option, field] : kPlaces) replace_all(text, option, field);
  return text;
}

std::string_view degraded_advice(std::string_view reason) {
  constexpr std::pair<std::string_view, std::string_view> kAdvice[] = {
      {"",
       "Its agent reports no fault: look whether the pod of kerfd agent runs on this node, and at "
       "its log."},
      {"ForeignPlugin",
       "Keep the other device plugin off this node: nvidia.com/gpu.deploy.operands=false for the "
       "GPU Operator, an affinity for NVIDIA's chart."},
      {"ForeignDriver", "Keep NVIDIA's DRA driver off this node."},
      {"ForeignInstances",
       "If nobody needs these GPU instances, remove them on the node: nvidia-smi mig -dci, then "
       "nvidia-smi mig -dgi."},
      {"ModeOff",
       "MIG mode changes at boot only: journalctl -u kerf-mig-mode on the node says why it is off; "
       "without that unit the node has the wrong NodeClass."},
      {"GpuLost", "Drain and replace the node."},
      {"CutFailed",
       "See what holds the GPU on the node (fuser -v /dev/nvidia*); if it stays, drain and replace "
       "the node."},
      {"IllegalLayout",
       "kerfd agent --inventory on the node lists what its driver can cut; a newer driver may know "
       "more."},
  };
  for (const auto& [known, advice] : kAdvice)
    if (known == reason) return advice;
  return "docs/reference/gpunode.md says what to do.";
}

std::string return_reason(std::string_view why) {
  constexpr std::pair<std::string_view, std::string_view> kReasons[] = {
      {"empty", "nobody is on it"},
      {"freed", "its pods have moved to room that is paid for anyway"},
      {"opened", "its pods have moved to room that is paid for anyway"},
      {"replaced", "its pods have moved to a node that costs less"},
      {"expires", "its pods have moved before its expireAfter ends it"},
      {"drifted", "its NodeClass has changed since it was made, and its pods have moved"},
      {"never-came", "it has not become a node in service in time"},
      {"lost", "its node has not been ready for too long"},
  };
  for (const auto& [known, text] : kReasons)
    if (known == why) return std::string(text);
  return why.empty() ? "it is not needed" : quoted_words(why);
}

}  // namespace kerf::report
