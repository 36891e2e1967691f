// Follow: which of the specs that are told count; the mind and its chronicle judge alike.
#pragma once

#include <optional>
#include <string>

#include "core/agent/journal.h"
#include "core/agent/words.h"

namespace kerf::agent {

/// An older spec has stood for so long as the last one told: it is no list that came late.
inline constexpr std::int64_t kOlderMs = 60'000;

/// A spec that is older than the one followed last, of the same GpuNode, and nothing newer was told
/// since: a list that comes late, or an API server that was restored.
struct OlderSpec {
  std::int64_t generation = 0;
  std::int64_t followed = 0;  ///< the generation that was followed last
  Instant since = 0;

  bool stays(Instant now) const { return now >= since + kOlderMs; }
  /// For the status.
  std::string words() const;
};

/// Is what was told to be followed? `wanted`: what is followed in this run; `journal`: as last
/// written. An older spec is not, and is noted in `older`; but one that is written after an older
/// one has stood for kOlderMs is: somebody has meant it.
bool follows(const Wanted& told, const std::optional<Wanted>& wanted, const Journal& journal,
             Instant now, std::optional<OlderSpec>& older);

}  // namespace kerf::agent
