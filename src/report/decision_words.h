// Words that the sentences about decisions and about a policy's status share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"

namespace kerf::report {

using Args = std::span<const std::string>;

/// "" where there is none.
std::string_view arg(Args args, std::size_t index);
Args rest(Args args, std::size_t from);
/// Each as one line of valid UTF-8 (quoted_words), not shortened yet.
std::vector<std::string> cleaned(Args args);
/// Everything, separated by commas: for what no sentence is known for.
std::string joined(Args args);

/// "$0.85/h"; below a cent with four decimals.
std::string rate_text(MicroUsdPerHour rate);
/// A text that is a whole number; nullopt: it is none.
std::optional<std::int64_t> number(std::string_view text);
/// "3 pods" of "3"; a text that is no number as it is.
std::string pods_text(std::string_view count);
/// "us-east-1a, us-east-1b or us-east-1c" of "us-east-1a,us-east-1b,us-east-1c"; "any zone" of "".
std::string zones_text(std::string_view zones);

/// A text from elsewhere within a sentence: one line, valid UTF-8, at most `bytes` long (cut with
/// "..."), without a full stop at its end.
std::string quoted_words(std::string_view text, std::size_t bytes = 400);

/// "8 x A100-40 [1g.5gb@0 2g.10gb@2], A100-40 []" of the same written out; shortened.
std::string layout_text(std::string_view layouts);

/// Why a pod has no place: a plan::ReasonCode and its arguments, as a sentence that names fields of
/// a SlicePolicy where a plan names options.
std::string wait_sentence(std::string_view code, Args args);

/// What is to be done about a node that is degraded for that reason (control::Degraded as text).
std::string_view degraded_advice(std::string_view reason);
/// "nobody is on it" of "empty": why a node is given back.
std::string return_reason(std::string_view why);

}  // namespace kerf::report
