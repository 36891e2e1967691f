// Flight: effects whose result is not known or not seen yet, and the objects that wait for them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "core/controller/words.h"

namespace kerf::controller {

/// Rules. An object is busy from the moment an effect on it is asked for
///  - until it is seen as it was written (Applied: that version or a later one), or gone;
///  - refused, turned away or in conflict: for a time that doubles with each failure in a row;
///  - not known (Unknown): until a version after the one it was decided on is seen, because then
///  the
///    request can do nothing any more; for requests without a version until the object is seen to
///    have changed, or has been listed anew and kLate has passed.
/// So no request can overtake another on the same object, whatever is late.
class Flight {
 public:
  static constexpr std::int64_t kLate = 60 * control::kSecond;  ///< no request lives longer
  static constexpr std::int64_t kBackOff = control::kSecond;
  static constexpr std::int64_t kBackOffMax = control::kMinute;

  using Target = std::pair<Kind, Key>;

  bool busy(Kind kind, const Key& key, Instant now) const;
  /// Asked for now; `version` as in the effect, 0 if it has none. The object must not be busy.
  EffectId ask(Kind kind, const Key& key, Version version, Instant now);
  /// A number for an effect that changes no object.
  EffectId number() { return ++last_; }
  /// What became of it: the object that it was about, if it is known.
  struct Landed {
    Kind kind = Kind::Pod;
    Key key;
    Result result = Result::Applied;
    std::string why;
  };
  /// `known`: the version as which the object is known now, 0 = it is not.
  std::optional<Landed> done(EffectId effect, const Outcome& outcome, Version known, Instant now);
  std::optional<Target> target(EffectId effect) const;
  void seen(Kind kind, const Key& key, Version version);
  void gone(Kind kind, const Key& key);
  /// The kind was listed as of that version. Those that were written before and that `there` says
  /// nothing of came and went unseen: they are returned, and free.
  std::vector<Key> synced(Kind kind, Version version, const std::function<bool(const Key&)>& there);
  /// Forgets all: the host will list everything anew.
  void clear();

  /// When an object that waits becomes free by itself at the earliest.
  std::optional<Instant> next(Instant now) const;
  void add_to(Hasher& hasher) const;

 private:
  struct Wait {
    EffectId effect = 0;
    Version decided_on = 0;
    Version written = 0;  ///< Applied: seen from this version on
    bool unknown = false;
    bool listed = false;  ///< unknown, and listed since
    Instant until = 0;    ///< not in flight: back-off ends; in flight: asked at
    bool in_flight = true;
    bool came_and_went = false;  ///< was to be created, and was seen to go before the answer came
    int failures = 0;
  };

  std::map<Target, Wait> waits_;
  std::map<EffectId, Target> effects_;
  EffectId last_ = 0;
};

}  // namespace kerf::controller
