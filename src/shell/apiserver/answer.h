// Answer: what became of a request, told by what the caller may do about it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/document.h"

namespace kerf::apiserver {

/// Closed list.
enum class Verdict : std::uint8_t {
  Ok,
  Conflict,       ///< 409: somebody else changed it, or owns the field (apply): read again
  AlreadyExists,  ///< 409 of a create: an object of that name is there
  NotFound,       ///< 404: no such object, or no such kind
  Gone,           ///< 410: that version or continuation is no longer kept: list again
  Refused,  ///< 400, 422 and the like: `message` says why. The same again is useless. 403 also:
            ///< and there not at once; an API server that starts says it for some seconds
  Later,    ///< nothing was done; try again, not before `retry_after_ms`
  Unknown,  ///< a change that may have been made or not: observe again, never just repeat
};
std::string_view to_string(Verdict verdict);

struct Answer {
  Verdict verdict = Verdict::Unknown;
  int status = 0;                   ///< of HTTP; 0 = none came
  std::string reason;               ///< of the API server's Status: "Invalid", "Forbidden", ...
  std::string cause;                ///< its details.causes[0].reason: "DisruptionBudget", ...
  std::string message;              ///< one line for people; "" only if Ok
  std::int64_t retry_after_ms = 0;  ///< what the server asked for (at most 5 minutes)
  std::string body;                 ///< of an Ok from Client::call(); else ""
  codec::Node object;               ///< of an Ok from the typed requests: what the server sent

  bool ok() const { return verdict == Verdict::Ok; }
  /// Of an answer that is not Ok. Refused is InvalidArgument; Later and Unknown are Unavailable.
  Error error() const;
};

/// How the exchange ended, below HTTP.
enum class Ending : std::uint8_t {
  Complete,  ///< there is a status and all of the body
  NotSent,   ///< no byte of the request can have reached the server
  Broken,    ///< it may have been received; or the answer was cut off
  TooLarge,  ///< the answer was larger than allowed
};

/// What came back for a request.
struct Exchange {
  Ending ending = Ending::Broken;
  int status = 0;
  std::int64_t retry_after_ms = -1;  ///< of the header; -1 = none
  std::string body;
  std::string error;  ///< words about an ending that is not Complete
};

/// The rules. `writes` = the request changes something (not GET). On an error the API server's
/// Status object is taken from the body, if it is one; anything else is quoted, shortened.
///
/// 401 is Later: the token may be renewed at any moment. 429 and 503 were turned away: Later. Any
/// other 5xx (also 500: a store that timed out) may come after the change was made: Unknown if it
/// writes, else Later. Redirects are never followed: Refused.
Answer judge(Exchange exchange, bool writes);

/// Reads the body of an Ok into `object`. One that is no JSON object: Unknown if it writes, else
/// Later.
void read_object(Answer& answer, bool writes);

/// Members of an object's metadata; "" where there is none.
std::string_view metadata_text(const codec::Node& object, std::string_view member);

}  // namespace kerf::apiserver
