// The words of a policy's status: conditions, next steps, summary.
#include <fmt/format.h>

#include <optional>

#include "report/decision.h"
#include "report/decision_words.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using control::Condition;
using control::NextStep;

constexpr std::string_view kMetricsAdvice =
    "See that Karpenter's pods run and that the controller may read their metrics port "
    "(--karpenter-metrics).";

/// " (<why>)", or nothing.
std::string in_brackets(std::string_view why) {
  const std::string words = quoted_words(why);
  return words.empty() ? "" : " (" + words + ")";
}

std::string accepted(const Condition& condition) {
  if (condition.ok) return "The spec is valid and in force.";
  return fmt::format(
      "The spec is not valid and has no effect: {}. Correct the field that is named.",
      quoted_words(arg(condition.args, 0)));
}

std::string prices(const Condition& condition) {
  const Args args = condition.args;
  if (condition.ok)
    return fmt::format("Prices and availability are those of {}.",
                       arg(args, 0).empty() ? "Karpenter's metrics" : quoted_words(arg(args, 0)));
  if (condition.reason == "Stale")
    return fmt::format(
        "Prices are older than {} min{}. Pods are placed and nodes bought as before; nothing is "
        "moved for money. {}",
        arg(args, 0), in_brackets(arg(args, 1)), kMetricsAdvice);
  return fmt::format(
      "Prices are those of the table that Kerf brings along{}: on demand only, and not of today. "
      "Pods are placed and nodes bought by them; nothing is moved for money. {}",
      in_brackets(arg(args, 0)), kMetricsAdvice);
}

std::string node_classes(const Condition& condition) {
  const std::string what = quoted_words(arg(condition.args, 0));
  if (condition.ok) return "Both NodeClasses are there and ready.";
  if (condition.reason == "NotNamed")
    return fmt::format(
        "spec.nodeClasses.{0} is not set: nodes with {1} GPUs cannot be bought. Name the NodeClass "
        "that makes them.",
        what, what == "cut" ? "cut" : "whole");
  if (condition.reason == "NotFound")
    return fmt::format(
        "There is no NodeClass {0}: nodes of it cannot be bought. Create it, or correct "
        "spec.nodeClasses.",
        what);
  return fmt::format(
      "NodeClass {} is not Ready: nodes of it cannot be bought. Its own conditions say what is "
      "missing (kubectl describe).",
      what);
}

std::string served(const Condition& condition) {
  const Args args = condition.args;
  if (condition.reason == "NothingAsked") return "No pod that it governs asks for a GPU.";
  if (condition.ok) return "No pod waits that could not be given a place.";
  return fmt::format("{} cannot be given a place, for example {}: {}", pods_text(arg(args, 0)),
                     quoted_words(arg(args, 1)), wait_sentence(arg(args, 2), rest(args, 3)));
}

std::string healthy(const Condition& condition) {
  const Args args = condition.args;
  if (condition.ok) return "No node that it bought is degraded.";
  const bool one = arg(args, 0) == "1";
  if (condition.reason == "NodesNotReady")
    return fmt::format(
        "{} not ready{} {}. Nothing new goes there; if it stays so for 20 min and nobody runs on "
        "it, it is given back. kubectl describe node has kubelet's words.",
        one ? "1 node is" : quoted_words(arg(args, 0)) + " nodes are degraded or",
        one ? ":" : ", for example", quoted_words(arg(args, 1)));
  std::string text = fmt::format("{} degraded{} {} ({})",
                                 one ? "1 node is" : quoted_words(arg(args, 0)) + " nodes are",
                                 one ? ":" : ", for example", arg(args, 1), arg(args, 2));
  const std::string words = quoted_words(arg(args, 3));
  if (!words.empty()) text += (one ? ", " : ": ") + words;
  return text + ". " + std::string(degraded_advice(arg(args, 2)));
}

/// "2 p4d.24xlarge and 1 g6.xlarge".
std::string fleet_text(Args fleet) {
  std::string text;
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    if (i > 0) text += i + 1 == fleet.size() ? " and " : ", ";
    text += quoted_words(fleet[i]);
  }
  return quoted_words(text);
}

/// "$16.75/h less"; "" where the figures cannot be compared.
std::string difference(MicroUsdPerHour now, MicroUsdPerHour then) {
  if (now == then) return "as much as now";
  return rate_text(now > then ? now - then : then - now) + (now > then ? " less" : " more");
}

/// "$1,037.85" as format_usd() writes it.
std::optional<MicroUsdPerHour> read_usd(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != '$' && c != ',') digits += c;
  const auto rate = parse_usd_per_hour(digits);
  if (!rate) return std::nullopt;
  return *rate;
}

std::string would(const NextStep& step) {
  const std::string fleet = fleet_text(rest(step.args, 1));
  std::string text = fmt::format("Its pods cost {}/h now; bought anew they would cost {}",
                                 quoted_words(arg(step.args, 0)), rate_text(step.price));
  if (const auto now = read_usd(arg(step.args, 0)))
    text += fmt::format(", {}", difference(*now, step.price));
  if (!fleet.empty()) text += ": " + fleet;
  return text + ".";
}

}  // namespace

std::string message(const Condition& told) {
  Condition condition = told;
  condition.args = cleaned(told.args);
  switch (condition.type) {
    case Condition::Type::Accepted: return accepted(condition);
    case Condition::Type::PricesCurrent: return prices(condition);
    case Condition::Type::NodeClassesReady: return node_classes(condition);
    case Condition::Type::PodsServed: return served(condition);
    case Condition::Type::NodesHealthy: return healthy(condition);
  }
  return joined(condition.args);
}

std::string message(const NextStep& told) {
  NextStep step = told;
  step.args = cleaned(told.args);
  const Args args = step.args;
  const std::string first = quoted_words(arg(args, 0));
  if (step.what == "Buy" && args.size() >= 3)
    return fmt::format("Buys {} for {}, for {}: NodeClaim {}.", quoted_words(arg(args, 1)),
                       rate_text(step.price), pods_text(arg(args, 2)), first);
  if (step.what == "Wait" && args.size() >= 2)
    return fmt::format("{} waits: {}", first, wait_sentence(arg(args, 1), rest(args, 2)));
  if (step.what == "Move" && args.size() >= 3)
    return fmt::format("Moves {} from {} to {}.", first, quoted_words(arg(args, 1)),
                       quoted_words(arg(args, 2)));
  if (step.what == "Return" && !args.empty())
    return fmt::format("Gives {} back, which costs {}: {}.", first, rate_text(step.price),
                       return_reason(arg(args, 1)));
  if (step.what == "Would" && !args.empty()) return would(step);
  return joined(args).empty() ? step.what + "." : step.what + ": " + joined(args) + ".";
}

std::string summary(const control::Figures& figures, control::Mode mode) {
  const bool observe = mode == control::Mode::Observe;
  if (figures.pods == 0 && figures.bill.micro == 0)
    return "No pod asks for a GPU, and no node costs anything.";
  std::string text;
  if (figures.pods == 0) {
    text = fmt::format("No pod asks for a GPU; the nodes that are there cost {} now",
                       rate_text(figures.bill));
  } else {
    text = counted(figures.pods, "pod", "pods");
    if (figures.pending > 0) text += fmt::format(" ({} pending)", with_thousands(figures.pending));
    text += fmt::format(" cost{} {} now", figures.pods == 1 ? "s" : "", rate_text(figures.bill));
    if (figures.could_be)
      text += fmt::format("; bought anew {} would cost {}", figures.pods == 1 ? "it" : "they",
                          rate_text(*figures.could_be));
    if (figures.bound)
      text += fmt::format("; no fleet costs less than {}", rate_text(*figures.bound));
  }
  text += ".";
  if (figures.pods > 0 && figures.whole_gpus)
    text += fmt::format(" On whole GPUs {} would cost {}.", figures.pods == 1 ? "it" : "they",
                        rate_text(*figures.whole_gpus));
  if (figures.pods > 0 && figures.could_be && figures.unserved > 0)
    text += fmt::format(
        " {} left out of these figures: nothing that may be bought serves {}.",
        figures.unserved == 1 ? "1 pod is" : with_thousands(figures.unserved) + " pods are",
        figures.unserved == 1 ? "it" : "them");
  if (!observe) return text;
  if (figures.could_be && figures.pods > 0 && figures.unserved == 0 && figures.pending == 0 &&
      *figures.could_be < figures.bill)
    text += fmt::format(" spec.mode is Observe: nothing is changed; Act could save {}.",
                        rate_text(figures.bill - *figures.could_be));
  else text += " spec.mode is Observe: nothing is changed.";
  return text;
}

codec::StatusWords words_of(const control::PolicyStatus& status, control::Mode mode) {
  codec::StatusWords words;
  for (const Condition& condition : status.conditions)
    words.conditions.push_back(message(condition));
  for (const NextStep& step : status.next) words.next.push_back(message(step));
  words.summary = summary(status.figures, mode);
  return words;
}

}  // namespace kerf::report
