// Requests: each effect of the controller's mind as one request, and what became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "codec/live_writes.h"
#include "core/controller/words.h"
#include "shell/apiserver/client.h"
#include "shell/controller/mirror.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// What an answer means to the mind. Ok is Applied with the object's version (0 for a deletion or
/// eviction: the object changes, or goes); Conflict, AlreadyExists and NotFound are Conflict; 400,
/// 422 and the like are Refused, and of an eviction what a PodDisruptionBudget forbids; 403, 429,
/// 503 and what was not sent are Later; Unknown is Unknown.
controller::Outcome outcome_of(const controller::Action& action, const apiserver::Answer& answer);

/// PutLayout, CreateClaim, DeleteClaim, Nominate, Publish, Withdraw, Evict, PatchNode, PutStatus.
/// Merge patches, and the status, with metadata.resourceVersion of the version decided on;
/// creations by name; deletions and evictions with the uid. An effect whose object is not known any
/// more, or is known as another by now, is Conflict without a request. After Unknown the kind is
/// listed anew. Lives on the loop's thread; every effect is answered exactly once, on a later turn
/// of the loop, unless this object is gone by then: then nothing is called.
class Requests {
 public:
  struct Options {
    codec::NodeClassKind node_class;
  };
  struct Events {
    std::function<void(controller::Done)> done;
    /// After done() with Unknown.
    std::function<void(control::Kind)> relist;
    /// Before done(), if a request was made. For metrics and log.
    std::function<void(const controller::Effect&, const apiserver::Answer&, std::int64_t ms)>
        answered;
  };
  /// The value of `status`, with the words that go with it (codec::policy_status_node), made when
  /// it is written. `previous`: the status that the object has, or nullptr.
  using Words =
      std::function<codec::Node(const controller::PutStatus&, const codec::Node* previous)>;

  /// `client` and `loop` must outlive it; what `mirror` needs too.
  Requests(Options options, apiserver::Client& client, Mirror mirror, runtime::Loop& loop,
           const telemetry::Log& log, Events events, Words words);
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  /// Not Note, Solve, WakeAt. Its id must not be in flight.
  void carry_out(const controller::Effect& effect);
  /// Effects that are not answered yet.
  std::size_t in_flight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
