// What the agent's mind holds: devices by GPU, what kubelet was told, what is in flight.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/agent/shape.h"
#include "core/agent/words.h"

namespace kerf::agent {

inline constexpr Instant kNever = -1;
/// The grant of a run before this one, of which nothing is known.
inline constexpr EffectId kPerhaps = 1;

/// Counts failures in a row and says when the next try is due.
struct Retry {
  int failures = 0;
  Instant at = 0;

  void fail(Instant now, std::int64_t first_ms, std::int64_t max_ms) {
    const int doublings = std::min(failures, 16);
    at = now + std::min(first_ms << doublings, max_ms);
    ++failures;
  }
  void ok() { *this = {}; }
};

/// Who holds one device by one source.
struct Held {
  bool asked = false;  ///< by the last answer that was asked for
  bool seen = false;   ///< by the last answer at all
  bool any() const { return asked || seen; }
};

/// A device of Kerf's: wanted, standing, going, or still known to kubelet.
struct Device {
  Shape shape;

  // Derived anew in each step.
  bool wanted = false;     ///< by the spec, or, where no spec counts, by the journal
  std::string resource;    ///< under which it is to be listed
  bool published = false;  ///< wanted: offered
  std::optional<SeenInstance> instance;
  std::array<Held, kSources> held;
  std::string pod;
  bool drained = false;  ///< nobody holds it, nobody can any more: it may go

  // Remembered.
  bool stood = false;        ///< Whole, Replica: it is there, as far as nothing is cut
  bool lost = false;         ///< an XID
  int compute_failures = 0;  ///< in a row
  bool lent = false;         ///< parked, and offered because the controller is away
  std::string listed;        ///< resource in whose list it is; "" = none
  bool healthy = false;      ///< in that list
  bool taken = false;        ///< kubelet has confirmed it as allocatable, of that list
  Instant quiet = kNever;    ///< since when kubelet is known not to offer it
  EffectId grant = 0;        ///< the answer that granted it; 0 = none
  Instant granted = 0;

  bool virt() const { return shape.kind != Shape::Kind::Slice; }
  /// Something is there that takes room.
  bool exists() const { return virt() ? stood : instance.has_value(); }
  /// The one compute instance that it is to have, with its UUID.
  bool whole_compute() const {
    return instance && instance->computes.size() == 1 &&
           instance->computes[0].slices == shape.compute_slices &&
           !instance->computes[0].uuid.empty();
  }
  /// It has compute instances, and not as Kerf makes them.
  bool odd() const {
    if (!instance || instance->computes.empty()) return false;
    return instance->computes.size() > 1 || instance->computes[0].slices != shape.compute_slices;
  }
  bool held_by(Source source) const { return held[static_cast<int>(source)].any(); }
  bool is_held() const {
    return grant > kPerhaps ||
           std::any_of(held.begin(), held.end(), [](const Held& h) { return h.any(); });
  }
};

/// By start, then form: the order of everything that is listed.
using DeviceKey = std::pair<std::uint8_t, std::string>;

/// A driver operation.
struct Operation {
  enum class Kind : std::uint8_t {
    Look,
    CreateInstance,
    CreateCompute,
    DestroyCompute,
    DestroyInstance,
  };
  Kind kind = Kind::Look;
  std::uint32_t gpu = 0;
  DeviceKey key;
  EffectId id = 0;

  bool same(const Operation& other) const {
    return kind == other.kind && gpu == other.gpu && key == other.key;
  }
};

struct Gpu {
  SeenGpu seen;
  bool missing = false;  ///< in the last Look
  bool alive = false;    ///< was ever seen, and not lost, in this run
  const gpu::Model* model = nullptr;
  std::map<DeviceKey, Device> devices;
  bool ruled = false;     ///< a spec that counts says what may go
  bool followed = false;  ///< a spec or a boot layout that counts says what is to stand
  std::string illegal;    ///< why the spec does not count
  bool recalled = false;  ///< what the journal says of it was taken over
  std::vector<SeenInstance> foreign;
  bool unverified = false;  ///< a GPU instance was made since the last Look
  std::set<DeviceKey>
      begun;            ///< what was made or taken apart since the last Look, or may have been
  bool unread = false;  ///< something else was changed since
  Retry retry;
  Code code = Code::Success;  ///< of the last failure
  std::optional<Operation> failed;

  /// One without a name cannot be operated on.
  bool lost() const { return seen.lost || missing || seen.uuid.empty(); }
  /// Of what a container is given; "" = it is not complete.
  std::string uuid_of(const Device& device) const {
    if (device.virt()) return device.stood ? seen.uuid : "";
    return device.whole_compute() ? device.instance->computes[0].uuid : "";
  }
};

/// A resource as kubelet was told.
struct Resource {
  std::vector<ServedDevice> list;  ///< of the last Serve
  EffectId serving = 0;            ///< in flight
  bool void_now = false;           ///< in flight: whom it reaches is not known
  EffectId sent = 0;               ///< a Confirm with this id or a later one is about that list
  bool taken = false;              ///< kubelet has that list
  bool registered = false;         ///< kubelet has taken a list in this registration
  Retry retry;
};

/// What one source of holders said.
struct Told {
  EffectId asking = 0;  ///< in flight
  Instant asking_at = 0;
  EffectId asked_id = 0;  ///< of the last answer that could be had: its question
  Instant asked_at = kNever;
  bool answered = false;  ///< at all, if only by a failure
  Holders asked, seen;
  bool again = false;  ///< something newer is needed
  bool poll = false;   ///< somebody holds what is to be free
  int polls = 0;       ///< answers in a row that said the same
  Retry retry;
};

/// A CDI entry.
struct Cdi {
  std::string uuid;    ///< that it is for; "": it is not known to be there
  EffectId stale = 0;  ///< to be written anew once a Look with this id or a later one is answered
  Retry retry;
};

/// A CDI entry in flight.
struct CdiWrite {
  std::string device;
  std::string uuid;    ///< "" = its removal
  EffectId stale = 0;  ///< as in Cdi, of what became stale since it was asked for
};

}  // namespace kerf::agent
