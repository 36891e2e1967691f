// Refusals: says in the status of a SlicePolicy that its spec cannot be read, and why.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "shell/apiserver/client.h"
#include "shell/controller/answers.h"
#include "shell/controller/watches.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// The mind never sees such a policy, so nobody else writes its status. All else in the status
/// stays as it is. Written once for each refusal of a generation, unless the status says so
/// already; again where the object changed meanwhile; only while this process leads. Nothing is
/// read for it: what Watches know is written over. Lives on the loop's thread.
class Refusals {
 public:
  /// Watches::unread_policy(): good until the loop's next function.
  using Find = std::function<const Watches::Unread*(const std::string& policy)>;
  Refusals(apiserver::Client& client, runtime::Loop& loop, telemetry::Log log,
           std::function<std::int64_t()> wall_ms, std::function<bool()> leads, Find find);
  ~Refusals();
  Refusals(const Refusals&) = delete;
  Refusals& operator=(const Refusals&) = delete;

  /// It is another than it was: it cannot be read, or can be again.
  void look_at(const std::string& policy);
  /// It leads from now on: looks at all of them.
  void lead();

 private:
  struct Refused {
    std::pair<std::string, std::int64_t> written;  ///< why, and of which generation
    std::pair<std::string, std::int64_t> asking;   ///< the same, of the request under way
    std::uint64_t asked = 0;                       ///< that request; 0 = none
    runtime::TimerId again;
  };

  void write(const std::string& policy);
  void again(const std::string& policy, std::int64_t delay_ms);
  void answered(std::uint64_t id, const apiserver::Answer& answer);

  apiserver::Client& client_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  std::function<std::int64_t()> wall_ms_;
  std::function<bool()> leads_;
  Find find_;
  std::map<std::string, Refused> refused_;
  std::uint64_t asked_ = 0;
  Answers answers_;
};

}  // namespace kerf::shell
