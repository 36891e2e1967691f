// metadata and conditions of live objects, which all kinds have in the same form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/lenient_fields.h"
#include "core/control/object.h"

namespace kerf::codec {

/// Leniently: what is absent has its default. resourceVersion is a number where it is given
/// (Kubernetes' own word since 1.35); anything else is an error, and so is a time that is none.
/// At most 10,000 labels and as many annotations of up to 1 MiB.
Result<control::Meta> read_metadata(const std::optional<Field>& metadata);

/// A point in time, milliseconds since 1970; 0 if it is not given.
Result<control::Instant> given_time(const std::optional<Field>& mapping, std::string_view key);

/// One entry of status.conditions; times are 0 where they are not given.
struct ReadCondition {
  std::string type;
  std::string status;  ///< "True", "False", "Unknown"
  std::string reason;
  std::string message;
  control::Instant transition = 0;
  control::Instant probe = 0;
};
/// At most 1,000; messages of up to 1 MiB. No status: none.
Result<std::vector<ReadCondition>> read_conditions(const std::optional<Field>& status);
/// nullptr: there is none of that type.
const ReadCondition* find_condition(const std::vector<ReadCondition>& conditions,
                                    std::string_view type);
/// There is one of that type, and it is True.
bool is_true(const std::vector<ReadCondition>& conditions, std::string_view type);

/// What a condition that is written has beside its words.
struct ConditionTimes {
  /// The status as it was seen last, or nullptr: a condition that has the status (True, False) that
  /// it had keeps its lastTransitionTime.
  const Node* previous = nullptr;
  std::string now;  ///< timestamp_text()
  std::int64_t observed_generation = 0;
};
/// An entry of status.conditions. A message is cut, between characters, to what one may hold.
Node condition_node(const ConditionTimes& times, std::string_view type, bool holds,
                    std::string_view reason, const std::string& message);

/// At most `bytes_max` bytes: where it is longer it ends in "...", after a whole character.
std::string cut_text(const std::string& text, std::size_t bytes_max);

}  // namespace kerf::codec
