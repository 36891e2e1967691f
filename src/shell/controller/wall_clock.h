// WallClock: milliseconds since 1970 that never go back, for a mind that must not see time reverse.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kerf::shell {

/// Where the system's clock is set back it stands still until that has caught up; where that would
/// take more than a minute, it goes on from where it was at the new clock's pace. Not thread-safe.
class WallClock {
 public:
  static constexpr std::int64_t kStandMs = 60'000;

  std::int64_t now() {
    using namespace std::chrono;
    return at(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
  }

  /// The same where the system's clock says `system`.
  std::int64_t at(std::int64_t system) {
    if (system >= last_) ahead_ = 0;
    else if (last_ - (system + ahead_) > kStandMs) ahead_ = last_ - system;
    last_ = std::max(last_, system + ahead_);
    return last_;
  }

 private:
  std::int64_t last_ = 0;
  std::int64_t ahead_ = 0;
};

}  // namespace kerf::shell
