// Error: names of codes and the prefix that each layer adds.
#include "base/result.h"

namespace kerf {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument: return "InvalidArgument";
    case ErrorCode::NotFound: return "NotFound";
    case ErrorCode::Unsupported: return "Unsupported";
    case ErrorCode::TooLarge: return "TooLarge";
    case ErrorCode::Conflict: return "Conflict";
    case ErrorCode::Expired: return "Expired";
    case ErrorCode::Unavailable: return "Unavailable";
  }
  return "?";
}

Error Error::within(std::string_view doing) && {
  message_.insert(0, ": ").insert(0, doing);
  return std::move(*this);
}

}  // namespace kerf
