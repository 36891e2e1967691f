// What the controller decided, as sentences: for Events, log, and a policy's status.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "codec/policy_status.h"
#include "core/control/slice_policy.h"
#include "core/controller/record.h"

namespace kerf::report {

// All of it is for people, and takes whatever arguments come: where they are fewer than a sentence
// needs, or of a kind that is not known here, they are said as they are. Texts of others (the
// scheduler's, an agent's) are one line and shortened, so that what to do is never cut off.

/// How one record is told to people.
struct Told {
  std::string reason;  ///< of an Event: "NodeBought", "SliceFound", "LayoutChanged" ...
  std::string action;  ///< of an Event: "Buy", "Place" ...
  bool warning = false;
  std::string sentence;  ///< one to four sentences, with the dollars; no trailing newline
};
Told tell(const controller::Record& record);
/// The same about one of the pods that a claim or node is for (record.pods).
Told tell_pod(const controller::Record& record);

/// The message of a condition; what to do about it if it is not ok.
std::string message(const control::Condition& condition);
/// args: Buy [claim, type, pods]; Wait [pod, reason code, its arguments ...]; Move [pod, from, to];
/// Return [node, why]; Would as in the record.
std::string message(const control::NextStep& step);
/// "12 pods cost $37.85/h now; bought anew they would cost $21.10/h; no fleet costs less than
/// $20.90/h. On whole GPUs they would cost $52.00/h." In Observe also what Act would save.
std::string summary(const control::Figures& figures, control::Mode mode);
/// All the words of a status.
codec::StatusWords words_of(const control::PolicyStatus& status, control::Mode mode);

/// A reason of Events; docs/reference/events.md lists the same.
struct ReasonHelp {
  std::string_view reason;
  std::string_view kinds;  ///< of the objects it is told on: "NodeClaim, SlicePolicy, Pod"
  bool warning = false;
  std::string_view meaning;
  std::string_view to_do;  ///< "" = nothing
};
/// All of them, in the order of controller::What.
std::span<const ReasonHelp> reasons();

/// A reason of a condition; docs/reference/conditions.md lists the same.
struct ConditionHelp {
  control::Condition::Type type = control::Condition::Type::Accepted;
  std::string_view reason;
  bool ok = true;
  std::string_view meaning;
  std::string_view to_do;  ///< "" = nothing
};
/// All of them, by type, the good ones first.
std::span<const ConditionHelp> condition_reasons();

}  // namespace kerf::report
