// Controller: decides which GPU is cut how and which node is bought or given back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/controller/overview.h"
#include "core/controller/words.h"

namespace kerf::controller {

/// How long things are waited for, and how much is done at once.
struct Options {
  std::int64_t batch_idle_ms = control::kSecond;       ///< no new pod for so long: buy
  std::int64_t batch_max_ms = 10 * control::kSecond;   ///< buy at the latest
  std::int64_t withdraw_ms = 500;                      ///< facts: measured, see docs/control.md
  std::int64_t park_after_ms = 30 * control::kSecond;  ///< a free slice stays offered for so long
  std::int64_t vain_ms = 15 * control::kSecond;    ///< nobody was helped: the same is asked again
  std::int64_t refused_ms = 5 * control::kMinute;  ///< an offering that failed is out
  std::int64_t layout_deadline_ms = 2 * control::kMinute;  ///< a layout not reached: another way
  std::int64_t node_deadline_ms = 20 * control::kMinute;   ///< a claim, no node in service
  std::int64_t disagree_ms = 30 * control::kSecond;        ///< offered, and still unschedulable
  std::int64_t disagree_silent_ms = 6 * control::kMinute;  ///< ... without another word of it
  std::int64_t disagree_again_ms = 30 * control::kMinute;  ///< until it is tried again
  std::int64_t move_deadline_ms = 5 * control::kMinute;
  std::int64_t empty_ms = 2 * control::kMinute;  ///< a node without pods for so long is given back
  std::int64_t consolidate_every_ms = control::kMinute;
  std::int64_t settle_ms = 30 * control::kSecond;     ///< nothing changed for so long: consolidate
  std::int64_t price_age_ms = 30 * control::kMinute;  ///< older prices: no move for money
  std::int64_t status_every_ms = 30 * control::kSecond;
  int unlaunched = 5;  ///< claims without an instance at once
  int purchases_per_pod = 2;
  std::int64_t buy_steps = 2000;
};

/// The state machine of DESIGN §6. Deterministic: the same events at the same times, the same
/// effects. No I/O, no clock. Not thread-safe.
///
/// Promises to the host: nothing but WakeAt before every kind is Synced and Offerings came, or
/// while Following; each effect is asked for once, and what it changes is not touched again before
/// its outcome is known and, if Applied, seen.
class Controller {
 public:
  /// `tables`: kept from one run to the next by whoever has several; null: its own.
  explicit Controller(Options options = {}, std::shared_ptr<online::SliceTables> tables = nullptr);
  ~Controller();
  Controller(Controller&&) noexcept;
  Controller& operator=(Controller&&) noexcept;

  std::vector<Effect> step(std::span<const Event> batch, Instant now);

  /// The fleet as of the last step; empty while it does not lead or knows too little.
  Overview overview() const;

  /// Of everything that decides what it does next; the same in every build.
  std::uint64_t hash() const;

 private:
  class Mind;
  std::unique_ptr<Mind> mind_;
};

}  // namespace kerf::controller
