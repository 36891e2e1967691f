// What the controller's mind is told and what it asks for: its two vocabularies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/control/objects.h"
#include "core/controller/record.h"
#include "core/controller/solve.h"
#include "core/market/market.h"

namespace kerf::controller {

using control::Instant;
using control::Key;
using control::Kind;
using control::Version;

/// Numbers an effect of this run; never 0.
using EffectId = std::uint64_t;

// --- What it is told -----------------------------------------------------------------------------

/// An object is there with this value. May come twice, or late: an older version is not believed.
struct Seen {
  control::Object object;
};
/// An object is not there any more. `uid`: the one that is gone; another may have its name by now.
struct Gone {
  Kind kind = Kind::Pod;
  Key key;
  std::string uid;
  bool stays = false;  ///< it is there, but of no use: it may come back under this uid
};
/// Everything of that kind was said: after the first list, and after each list anew (a watch that
/// expired, an outcome that is not known). What was not said again since the last Synced of the
/// kind is still there unless Gone said otherwise: the host compares, not the mind.
struct Synced {
  Kind kind = Kind::Pod;
  Version version = 0;  ///< of the list: everything written up to here is in it
};
/// This process decides from now on. Terms grow. The host lists every kind anew after it and says
/// Synced: what was said before may be from another's term.
struct Leading {
  std::uint64_t term = 0;
};
/// Another process may decide. Whatever is in flight may still happen.
struct Following {};
/// What can be bought now, as of `as_of`. Null: no prices could be had; the last ones stand.
struct Offerings {
  std::shared_ptr<const market::Market> market;
  Instant as_of = 0;
  market::NodeOverhead overhead;  ///< DaemonSets of a GPU node
  std::string source = {};        ///< for people: where the prices are from
  std::string trouble = {};       ///< why they are not Karpenter's of now; "" = they are
};

enum class Result : std::uint8_t {
  Applied,    ///< done; `version` is the object's
  Conflict,   ///< it was changed meanwhile, or is there already: not done
  Refused,    ///< not done, and doing it again is useless for now; `why` says why
  Later,      ///< not done; nothing is wrong with it, the API server takes it another time
  Forbidden,  ///< not done: rights are missing, or something in the cluster does not want it
  Unknown,  ///< it may have been done, or may be yet: the host lists the kind anew and says Synced
};
struct Outcome {
  Result result = Result::Applied;
  Version version = 0;
  std::string why;
};
struct Done {
  EffectId effect = 0;
  Outcome outcome;
};
/// The answer to a Solve.
struct Solved {
  EffectId effect = 0;
  std::shared_ptr<const Solution> solution;
};
/// What was worked out beside a Solve for Search::Compare, by means that the mind does not use.
struct Bounded {
  EffectId effect = 0;
  std::optional<MicroUsdPerHour> bound;
  std::optional<MicroUsdPerHour> whole_gpus;
};
/// The time of the last WakeAt has come.
struct Woke {};

using Event =
    std::variant<Seen, Gone, Synced, Leading, Following, Offerings, Done, Solved, Bounded, Woke>;

// --- What it asks for ----------------------------------------------------------------------------
// One request each. `version` is that of the object it was decided on: the API server refuses it if
// the object is another by now (Conflict); 0 = the object must not be there.

/// Creates or changes the spec of a GpuNode, and the annotation kUsdPerHour.
struct PutLayout {
  std::string node;
  Version version = 0;
  control::GpuNodeSpec spec;
  MicroUsdPerHour price = {};  ///< of the node
};
/// Creates a NodeClaim; its name is the same whenever the same need is decided again.
struct CreateClaim {
  control::NodeClaim claim;
};
/// Deletes it, if it still has that uid.
struct DeleteClaim {
  std::string name;
  std::string uid;
};
/// Sets status.nominatedNodeName of a pod; "" clears it.
struct Nominate {
  Key pod;
  std::string uid;
  Version version = 0;
  std::string node;
};
/// Raises extended resources in capacity and allocatable of a Node's status to these amounts: what
/// its kubelet has confirmed and will write itself by its next status.
struct Publish {
  std::string node;
  Version version = 0;
  control::Amounts amounts;
};
/// Lowers them in allocatable, before the layout is changed.
struct Withdraw {
  std::string node;
  Version version = 0;
  control::Amounts amounts;
};
/// Asks the eviction API. Refused: a PodDisruptionBudget does not allow it now.
struct Evict {
  Key pod;
  std::string uid;
};
/// Labels to set and to remove, and whether the startup taint goes.
struct PatchNode {
  std::string node;
  Version version = 0;
  control::Labels labels;
  bool remove_uncut = false;
  std::vector<std::string> remove_labels = {};
};
struct PutStatus {
  std::string policy;
  Version version = 0;
  control::PolicyStatus status;
};
/// A decision for people: an Event on the object, a line in the log. Has no outcome.
struct Note {
  Record record;
};
/// Work out an answer, elsewhere and in its time. Pure: controller::solve().
struct Solve {
  std::shared_ptr<const Problem> problem;
};
/// Say Woke then; the last one counts. Has no outcome.
struct WakeAt {
  Instant at = 0;
};

using Action = std::variant<PutLayout, CreateClaim, DeleteClaim, Nominate, Publish, Withdraw, Evict,
                            PatchNode, PutStatus, Note, Solve, WakeAt>;
struct Effect {
  EffectId id = 0;
  Action action;
};

}  // namespace kerf::controller
