// Reason: why something was decided, as a closed code with arguments; report/ makes sentences.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kerf::plan {

enum class ReasonCode : std::uint8_t {
  // Why a pod is where it is. args: [form, node type]
  /// Nothing else would cost the pod less; args: [form, $/h share, next form, its $/h]. The next
  /// form's price is what the pod would pay if its like were served by that form alone.
  CheapestForm,
  OnlyForm,     ///< nothing else can serve the request; args: [form, $/h share]
  FillsRoom,    ///< dearer than the next form, on a node that other pods need too; the same args
  PartOfFleet,  ///< dearer than the next form, because of what it leaves to others; the same args
  // Why a pod is not placed.
  Unsupported,       ///< args: [field, why]
  UnknownProfile,    ///< no allowed type has the profile; args: [resource, near profiles joined]
  NoModelThatLarge,  ///< args: [resource, largest nominal GB on offer]
  NoTypeMatches,    ///< selectors, affinity, architecture or taints exclude all; args: [constraint]
  TooLargeForNode,  ///< args: [cpu|memory|disk|gpus, asked, most that any admissible node has]
  NoZone,           ///< spread, anti-affinity or volumes leave no zone; args: [constraint]
  ConflictingPods,  ///< required (anti-)affinity cannot be met together; args: [constraint]
  LimitPerHour,     ///< the policy's $/h limit; args: [limit]
  LimitGpus,        ///< args: [limit]
  /// Only owned nodes can serve it and others have them all; args: [types, joined]
  OwnedUsedUp,
};

struct Reason {
  ReasonCode code = ReasonCode::OnlyForm;
  std::vector<std::string> args;
  bool operator==(const Reason&) const = default;
};

/// The code as JSON prints it: "CheapestForm".
std::string_view to_string(ReasonCode code);

}  // namespace kerf::plan
