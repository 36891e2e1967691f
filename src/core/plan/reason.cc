// Names of reason codes as JSON prints them.
#include "core/plan/reason.h"

namespace kerf::plan {

std::string_view to_string(ReasonCode code) {
  switch (code) {
    case ReasonCode::CheapestForm: return "CheapestForm";
    case ReasonCode::OnlyForm: return "OnlyForm";
    case ReasonCode::FillsRoom: return "FillsRoom";
    case ReasonCode::PartOfFleet: return "PartOfFleet";
    case ReasonCode::Unsupported: return "Unsupported";
    case ReasonCode::UnknownProfile: return "UnknownProfile";
    case ReasonCode::NoModelThatLarge: return "NoModelThatLarge";
    case ReasonCode::NoTypeMatches: return "NoTypeMatches";
    case ReasonCode::TooLargeForNode: return "TooLargeForNode";
    case ReasonCode::NoZone: return "NoZone";
    case ReasonCode::ConflictingPods: return "ConflictingPods";
    case ReasonCode::LimitPerHour: return "LimitPerHour";
    case ReasonCode::LimitGpus: return "LimitGpus";
    case ReasonCode::OwnedUsedUp: return "OwnedUsedUp";
  }
  return "?";
}

}  // namespace kerf::plan
