// One sentence or two for each kind of decision.
#include "report/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "report/decision_words.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using controller::Record;
using controller::What;

/// What is done, as one word for the `action` of an Event.
std::string_view action_of(What what) {
  switch (what) {
    case What::Place: return "Place";
    case What::Buy: return "Buy";
    case What::Wait: return "Wait";
    case What::Disagrees: return "LeaveAlone";
    case What::GaveUp: return "StopBuying";
    case What::Lost: return "ReportLoss";
    case What::Cut: return "Cut";
    case What::Return: return "Return";
    case What::Failed: return "PlaceElsewhere";
    case What::Refused: return "BuyElsewhere";
    case What::Move: return "Move";
    case What::MoveOff: return "StopMove";
    case What::Would: return "Compare";
  }
  return "Decide";
}

const controller::Alternative* buying(const Record& record) {
  const auto found = std::find_if(record.others.begin(), record.others.end(),
                                  [](const auto& other) { return other.what == "buy"; });
  return found == record.others.end() ? nullptr : &*found;
}

std::string place(const Record& record) {
  const std::string node = quoted_words(arg(record.args, 0));
  const std::string devices = quoted_words(arg(record.args, 1));
  const std::string_view how = arg(record.args, 2);
  std::string text;
  if (how == "cut")
    text = fmt::format("Goes to {}, cut for it on {}, which is paid for.", devices, node);
  else if (how == "opened")
    text =
        fmt::format("Goes to {} on {} once other pods have moved out of its way.", devices, node);
  else text = fmt::format("Goes to {} on {}, which stands free.", devices, node);
  if (arg(record.args, 3) == "coming") text += " That node is on its way.";
  text += " That adds nothing to the bill";
  const controller::Alternative* buy = buying(record);
  if (buy == nullptr) text += ".";
  else if (buy->price.micro > 0)
    text += fmt::format("; bought for, it would cost {}.", rate_text(buy->price));
  else text += "; nothing that may be bought would serve it.";
  if (record.price.micro > 0) {
    text += fmt::format(" It takes room from pods that are expected next, worth {}",
                        rate_text(record.price));
    text += record.others.size() > 1 ? ": the least of all places compared." : ".";
  }
  return text;
}

/// "p4d.24xlarge (on-demand, us-east-1a)".
std::string offering(const Record& record) {
  return fmt::format("{} ({}, {})", arg(record.args, 0), arg(record.args, 1),
                     zones_text(arg(record.args, 2)));
}

std::string buy(const Record& record) {
  std::string text =
      fmt::format("Buys {} for {} as NodeClaim {}, for {}", offering(record),
                  rate_text(record.price), record.about.name, pods_text(arg(record.args, 3)));
  const auto pods = number(arg(record.args, 3));
  const std::int64_t waiting = std::ssize(record.pods);
  // The others move there, or are room that is kept free.
  if (pods && waiting < *pods)
    text += fmt::format(", of which {} {} now", waiting, waiting == 1 ? "waits" : "wait");
  text += ".";
  if (!record.others.empty() && record.others.front().price.micro > 0)
    text += fmt::format(" A node for each pod, for all that is bought now, would cost {}.",
                        rate_text(record.others.front().price));
  return text;
}

std::string buy_for_pod(const Record& record) {
  const auto pods = number(arg(record.args, 3));
  std::string with;
  if (pods && *pods > 1)
    with = fmt::format(", for this pod and {}", counted(*pods - 1, "other", "others"));
  return fmt::format("A node is bought: {} for {}{}. NodeClaim {}.", offering(record),
                     rate_text(record.price), with, record.about.name);
}

std::string disagrees(const Record& record) {
  return fmt::format(
      "Its place on {} stands and is offered, and the scheduler does not bind it: \"{}\". Kerf "
      "leaves it alone for a while, then tries again. Look for the rule that the scheduler names "
      "in the pod's spec, and for taints and resources of the node.",
      arg(record.args, 0), quoted_words(arg(record.args, 1)));
}

std::string gave_up(const Record& record) {
  const auto bought = number(arg(record.args, 0));
  return fmt::format(
      "{} bought for it, and it is still pending: Kerf buys no more for this pod. Its other "
      "events say why it was not bound. Once that is mended, delete the pod, so that its owner "
      "makes another.",
      bought == 1 ? "A node was"
      : bought    ? fmt::format("{} nodes were", *bought)
                  : std::string("Nodes were"));
}

std::string lost(const Record& record) {
  return fmt::format(
      "It runs on, but {} on {} is lost: what it does on the GPU fails. Delete the pod, so that "
      "its owner makes another, which gets another slice.",
      record.args.size() > 1 ? joined(rest(record.args, 1)) : "a slice of it", arg(record.args, 0));
}

std::string cut(const Record& record) {
  const std::string wanted = layout_text(arg(record.args, 1));
  if (arg(record.args, 0).empty()) return fmt::format("First layout: {}.", wanted);
  return fmt::format("New layout: {}. Before: {}. What is in use stays.", wanted,
                     layout_text(arg(record.args, 0)));
}

std::string given_back(const Record& record) {
  const std::string_view why = arg(record.args, 0);
  std::string text = fmt::format("Gives {} back: {}.", record.about.name, return_reason(why));
  if (record.price.micro > 0) text += fmt::format(" It cost {}.", rate_text(record.price));
  if (why == "never-came")
    text += fmt::format(
        " What waits for it is placed elsewhere. Look in Karpenter's log for {}, at the "
        "instance's console output, and whether kerfd agent ran on it.",
        record.about.name);
  return text;
}

std::string failed(const Record& record) {
  const std::string_view reason = arg(record.args, 0);
  const std::string words = quoted_words(arg(record.args, 1));
  std::string text = "Its layout was not reached in time";
  if (!reason.empty()) text += fmt::format(" ({})", reason);
  if (!words.empty()) text += ": " + words;
  return text + ". What was to be placed there goes elsewhere. " +
         std::string(degraded_advice(reason));
}

std::string refused(const Record& record) {
  if (record.args.size() > 2)
    return fmt::format(
        "{} in {} could not be had: the API server does not let Kerf create NodeClaim {}: {}. "
        "Kerf tries the next cheapest, and this one again in some minutes.",
        arg(record.args, 0), zones_text(arg(record.args, 1)), record.about.name,
        quoted_words(arg(record.args, 2)));
  return fmt::format(
      "{} in {} could not be had: NodeClaim {} was refused. Kerf buys the next cheapest, and tries "
      "this one again in some minutes. If it goes on, Karpenter's log says why.",
      arg(record.args, 0), zones_text(arg(record.args, 1)), record.about.name);
}

std::string move(const Record& record) {
  return fmt::format("Evicted, to move from {} to {}, where its slice stands{}.",
                     arg(record.args, 0), arg(record.args, 1),
                     record.price.micro > 0
                         ? ": part of a change that saves " + rate_text(record.price)
                         : std::string(", before the node it is on goes"));
}

std::string move_off(const Record& record) {
  const std::string why = quoted_words(arg(record.args, 0));
  return fmt::format("Its move is given up{}. Kerf tries another way after the cool-down.",
                     why.empty() ? "" : ": " + why);
}

std::string sentence_of(const Record& record) {
  switch (record.what) {
    case What::Place: return place(record);
    case What::Buy: return buy(record);
    case What::Wait:
      return "Cannot be placed: " + wait_sentence(arg(record.args, 0), rest(record.args, 1));
    case What::Disagrees: return disagrees(record);
    case What::GaveUp: return gave_up(record);
    case What::Lost: return lost(record);
    case What::Cut: return cut(record);
    case What::Return: return given_back(record);
    case What::Failed: return failed(record);
    case What::Refused: return refused(record);
    case What::Move: return move(record);
    case What::MoveOff: return move_off(record);
    case What::Would:
      return message(control::NextStep{"Would", record.args, record.price}) +
             " With spec.mode: Act Kerf works towards that, for what spec.buysFor names.";
  }
  return joined(record.args);
}

/// So many arguments are needed for a sentence that says something.
std::size_t args_needed(What what) {
  switch (what) {
    case What::Place: return 2;
    case What::Buy: return 4;
    case What::Disagrees:
    case What::Cut:
    case What::Refused:
    case What::Move: return 2;
    case What::Wait:
    case What::GaveUp:
    case What::Lost:
    case What::Return:
    case What::Failed:
    case What::MoveOff:
    case What::Would: return 1;
  }
  return 0;
}

Record cleaned(Record record) {
  record.args = report::cleaned(record.args);
  return record;
}

Told told(const Record& record, std::string sentence) {
  const auto index = static_cast<std::size_t>(record.what);
  Told told;
  told.action = action_of(record.what);
  if (index < reasons().size()) {
    told.reason = reasons()[index].reason;
    told.warning = reasons()[index].warning;
  }
  if (record.args.size() < args_needed(record.what)) {
    sentence = controller::to_string(record.what);
    if (!record.args.empty()) sentence += ": " + joined(record.args);
    sentence += ".";
  }
  told.sentence = std::move(sentence);
  return told;
}

}  // namespace

Told tell(const Record& record) {
  const Record clean = cleaned(record);
  return told(clean, sentence_of(clean));
}

Told tell_pod(const Record& record) {
  if (record.kind == control::Kind::Pod) return tell(record);
  const Record clean = cleaned(record);
  if (record.what == What::Buy) return told(clean, buy_for_pod(clean));
  Told about = told(clean, sentence_of(clean));
  about.sentence =
      fmt::format("{} {}: {}", control::to_string(record.kind), record.about.name, about.sentence);
  return about;
}

}  // namespace kerf::report
