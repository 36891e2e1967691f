// Splits at the commas that are not within brackets, then reads each part.
#include "codec/label_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/quote.h"
#include "codec/strict_fields.h"

namespace kerf::codec {
namespace {

using cluster::Operator;
using cluster::Requirement;

constexpr std::size_t kBytesMax = 16u << 10;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

tl::unexpected<Error> wrong(std::string_view part, std::string_view why) {
  return invalid(
      fmt::format("{}: {}; expected KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), "
                  "KEY or !KEY, separated by commas",
                  quoted(part), why));
}

Result<Requirement> with_values(std::string_view part, std::string_view key, Operator op,
                                std::vector<std::string> values) {
  key = trimmed(key);
  if (!is_label_key(key)) return wrong(part, fmt::format("{} is no label key", quoted(key)));
  for (const std::string& value : values)
    if (!is_label_value(value))
      return wrong(part, fmt::format("{} is no label value", quoted(value)));
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return Requirement{std::string(key), op, std::move(values)};
}

/// The set of "KEY in (A,B)"; nullopt: the part is none of that form.
std::optional<Result<Requirement>> read_set(std::string_view part) {
  const std::size_t open = part.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  if (part.back() != ')') return wrong(part, "a bracket is not closed");
  const std::string_view head = trimmed(part.substr(0, open));
  const std::size_t blank = head.rfind(' ');
  const std::string_view word =
      blank == std::string_view::npos ? head : trimmed(head.substr(blank + 1));
  if (blank == std::string_view::npos || (word != "in" && word != "notin"))
    return wrong(part, "brackets follow in or notin");
  std::vector<std::string> values;
  std::string_view list = part.substr(open + 1, part.size() - open - 2);
  while (true) {
    const std::size_t comma = std::min(list.find(','), list.size());
    values.emplace_back(trimmed(list.substr(0, comma)));
    if (comma == list.size()) break;
    list.remove_prefix(comma + 1);
  }
  return with_values(part, head.substr(0, blank), word == "in" ? Operator::In : Operator::NotIn,
                     std::move(values));
}

Result<Requirement> read_part(std::string_view part) {
  if (part.empty()) return wrong(part, "a part is empty");
  if (auto set = read_set(part)) return *std::move(set);
  if (part.front() == '!' && part.find('=') == std::string_view::npos)
    return with_values(part, part.substr(1), Operator::DoesNotExist, {});
  const std::size_t equals = part.find('=');
  if (equals == std::string_view::npos) return with_values(part, part, Operator::Exists, {});
  std::size_t value = equals + 1;
  if (value < part.size() && part[value] == '=') ++value;
  const bool negated = equals > 0 && part[equals - 1] == '!';
  return with_values(part, part.substr(0, negated ? equals - 1 : equals),
                     negated ? Operator::NotIn : Operator::In,
                     {std::string(trimmed(part.substr(value)))});
}

}  // namespace

Result<cluster::Requirements> parse_label_selector(std::string_view text) {
  if (text.size() > kBytesMax)
    return fail(ErrorCode::TooLarge, "a label selector of more than 16 KiB");
  cluster::Requirements out;
  int depth = 0;
  std::size_t from = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && text[at] == '(') ++depth;
    if (at < text.size() && text[at] == ')') --depth;
    if (at < text.size() && (text[at] != ',' || depth > 0)) continue;
    KERF_TRY(Requirement one, read_part(trimmed(text.substr(from, at - from))));
    out.push_back(std::move(one));
    from = at + 1;
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace kerf::codec
