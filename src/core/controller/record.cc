// Names of decisions.
#include "core/controller/record.h"

namespace kerf::controller {

const char* to_string(What what) {
  switch (what) {
    case What::Place: return "Place";
    case What::Buy: return "Buy";
    case What::Wait: return "Wait";
    case What::Disagrees: return "SchedulerDisagrees";
    case What::GaveUp: return "GaveUp";
    case What::Cut: return "Cut";
    case What::Return: return "Return";
    case What::Failed: return "Failed";
    case What::Lost: return "Lost";
    case What::Refused: return "Refused";
    case What::Move: return "Move";
    case What::MoveOff: return "MoveOff";
    case What::Would: return "Would";
  }
  return "";
}

}  // namespace kerf::controller
