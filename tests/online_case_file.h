// OnlineCase: a case about a running cluster (tests/online_cases/*.txt, explained in its README):
// what stands, one question, and the answer expected.
#pragma once

#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "case_words.h"
#include "core/cluster/node.h"
#include "core/online/consolidate.h"
#include "core/online/place.h"

namespace kerf::tests {

/// A pod that runs, with its devices.
struct Seated {
  cluster::Running pod;  ///< shape and node as in OnlineCase::standing
  std::vector<online::DeviceAt> devices;
};

/// What happens between the proposals and their turn.
struct Event {
  enum class Kind { NodeKept, NodeClosed, NodeGone, PodGone, Budget, Limits, Runs };
  Kind kind = Kind::Limits;
  std::uint32_t index = 0;           ///< node, pod or budget
  std::int64_t allowed = 0;          ///< Budget
  online::ConsolidateLimits limits;  ///< Limits: from now on
  Seated seated;                     ///< Runs
};

enum class Question { None, Place, Consolidate, OpenSlot };

struct OnlineCase {
  market::Market market;
  cluster::Policy policy;
  cluster::Snapshot standing;
  Words budgets;             ///< names, by index in standing.budgets
  cluster::Demand expected;  ///< a workload of n pods comes n times as often as one of 1

  Question question = Question::None;
  cluster::Demand pending;           ///< Place; OpenSlot: one pod
  online::ConsolidateLimits limits;  ///< Consolidate, OpenSlot
  MicroUsdPerHour worth;             ///< OpenSlot
  std::vector<Event> then;

  /// The answer, lines as written.
  Words placed, bought, unplaced, proposals, refused;
  std::string bill;  ///< "$13.76 to $6.88", "$6.88"
};

/// Reads a case; a line that is not understood throws std::runtime_error with the case's name, the
/// line's number and what was expected.
OnlineCase read_online_case(std::istream& in, const std::string& name);

/// The answer in the form of a case's lines. Nodes have their names in `standing`, which is as it
/// was before the answer is carried out (placed_lines: after).
Words placed_lines(const online::Decision& decision, const cluster::Demand& pending,
                   const online::Standing& standing);
/// "free a b: saves $6.88, 2 moves", then its moves; the first line alone is what refusals name.
Words proposal_lines(const online::Proposal& proposal, const online::Standing& standing);
std::string device_text(const online::DeviceAt& device, const gpu::Model& model);

}  // namespace kerf::tests
