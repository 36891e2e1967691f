// Follow: generations against the one followed last.
#include "core/agent/follow.h"

namespace kerf::agent {

std::string OlderSpec::words() const {
  return "generation " + std::to_string(generation) + " is older than " + std::to_string(followed) +
         ", which was followed: the API server was restored? Write the spec again";
}

bool follows(const Wanted& told, const std::optional<Wanted>& wanted, const Journal& journal,
             Instant now, std::optional<OlderSpec>& older) {
  std::int64_t followed = 0;
  if (wanted && wanted->uid == told.uid) followed = wanted->generation;
  else if (journal.uid == told.uid) followed = journal.generation;
  if (told.generation < followed) {
    const bool meant = older && older->stays(now) && told.generation > older->generation;
    if (!meant) {
      if (!older || older->generation != told.generation)
        older = OlderSpec{told.generation, followed, now};
      return false;
    }
  }
  older.reset();
  return true;
}

}  // namespace kerf::agent
