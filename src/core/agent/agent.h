// Agent: cuts the GPUs of one node as a transaction and serves their slices to kubelet.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/agent/words.h"
#include "core/gpu/model.h"

namespace kerf::agent {

struct Options {
  std::int64_t lease_stale_ms = 60'000;  ///< an older Lease: what is parked is offered
  /// An allocation that kubelet began before it took a list has been asked for by then.
  std::int64_t in_flight_ms = 1'000;
  /// A grant that neither PodResources nor the checkpoint shows by then is none.
  std::int64_t grant_ms = 10'000;
  std::int64_t retry_ms = 250;  ///< first back-off after a failure; doubled each time
  std::int64_t retry_max_ms = 60'000;
  /// Between Looks because of what was told; doubled while it goes on.
  std::int64_t doubt_ms = 250;
  std::int64_t doubt_max_ms = 5'000;
  std::int64_t confirm_ms = 20;         ///< kubelet has not taken a list: asked again
  std::int64_t holders_ms = 1'000;      ///< somebody holds what is to go: asked again
  std::int64_t look_every_ms = 60'000;  ///< driver and kubelet are looked at so often
};

/// The state machine of docs/agent.md. Deterministic: the same events at the same times, the same
/// effects. No I/O, no clock. Not thread-safe.
///
/// Promises to the host: one driver operation at a time, one journal, one status, one list of each
/// resource; no driver operation before Started, and none that changes anything before a Look.
/// Needs from the host: Started first; an outcome for each effect that has one, of this run only; a
/// driver operation that outlived its deadline is Done with Code::Timeout.
class Agent {
 public:
  /// The catalogue must outlive the agent.
  explicit Agent(const gpu::Catalogue& catalogue, Options options = {});
  ~Agent();
  Agent(Agent&&) noexcept;
  Agent& operator=(Agent&&) noexcept;

  std::vector<Effect> step(std::span<const Event> batch, Instant now);

  /// Of everything that decides what it does next; the same in every build.
  std::uint64_t hash() const;

 private:
  class Mind;
  std::unique_ptr<Mind> mind_;
};

}  // namespace kerf::agent
