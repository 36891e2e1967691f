// The one text form of a layout: printing, and reading with errors that name the alternatives.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/quote.h"
#include "core/gpu/geometry.h"
#include "core/gpu/legality.h"

namespace kerf::gpu {
namespace {

constexpr std::size_t kTextBytesMax = 4096;

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// Levenshtein distance; both short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// Names the models meant: one name begins with the other, else the fewest letters differ.
std::string unknown_model(const Catalogue& catalogue, std::string_view word) {
  const std::string wanted = lowered(word.substr(0, 64));
  std::string begins;
  std::string close;
  std::size_t closest = 64;
  std::string all;
  for (const Model& model : catalogue.models) {
    const std::string key = lowered(model.key);
    all += (all.empty() ? "" : ", ") + model.key;
    if (wanted.size() >= 2 && (key.starts_with(wanted) || wanted.starts_with(key))) {
      begins += (begins.empty() ? "" : " or ") + model.key;
    }
    const std::size_t letters = distance(wanted, key);
    if (letters * 3 > key.size() || letters > closest) continue;
    if (letters < closest) close.clear();
    closest = letters;
    close += (close.empty() ? "" : " or ") + model.key;
  }
  const std::string& near = begins.empty() ? close : begins;
  if (!near.empty()) {
    return fmt::format("unknown GPU model '{}'; did you mean {}?", shown(word), near);
  }
  return fmt::format("unknown GPU model '{}'; the models are {}", shown(word), all);
}

std::string name_of(const Model& model, Placed placed) {
  return fmt::format("{}@{}", model.profiles[placed.profile].name, placed.start);
}

std::string profile_names(const Model& model) {
  std::string out;
  for (const Profile& profile : model.profiles) out += (out.empty() ? "" : ", ") + profile.name;
  return out;
}

Result<Placed> parse_slice(const Model& model, std::string_view word) {
  const std::size_t at = word.find('@');
  if (at == std::string_view::npos) {
    return invalid(fmt::format("'{}': expected PROFILE@START, e.g. {}", shown(word),
                               name_of(model, {0, model.profiles[0].starts[0]})));
  }
  const auto profile = model.profile_named(word.substr(0, at));
  if (!profile) {
    return invalid(fmt::format("'{}': {} has no profile '{}'; it has {}", shown(word), model.key,
                               shown(word.substr(0, at)), profile_names(model)));
  }
  const std::vector<std::uint8_t>& starts = model.profiles[*profile].starts;
  const std::string_view digits = word.substr(at + 1);
  unsigned start = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), start);
  const bool number = code == std::errc() && end == digits.data() + digits.size() && start < 256;
  if (!number || !std::binary_search(starts.begin(), starts.end(), start)) {
    return invalid(fmt::format("'{}': {} can start at {} on {}, not at '{}'", shown(word),
                               model.profiles[*profile].name, fmt::join(starts, ", "), model.key,
                               shown(digits)));
  }
  return Placed{static_cast<std::uint8_t>(*profile), static_cast<std::uint8_t>(start)};
}

/// Why `placed` does not fit beside the slices before it.
std::string refusal(const Model& model, const Usage& usage, Usage::Conflict conflict, Placed placed,
                    const Layout& others) {
  const Profile& profile = model.profiles[placed.profile];
  if (conflict == Usage::Conflict::Slots) {
    for (const Placed other : others) {
      const int first = std::max(placed.start, other.start);
      const int last =
          std::min(placed.start + profile.slots, other.start + model.profiles[other.profile].slots);
      if (first < last) {
        return fmt::format("{} and {} overlap in slot {}", name_of(model, other),
                           name_of(model, placed), first);
      }
    }
  }
  if (conflict == Usage::Conflict::Instances) {
    return fmt::format("'{}' is one too many: {} has at most {} of {}", name_of(model, placed),
                       model.key, profile.max_instances, profile.name);
  }
  const Usage::Shortage shortage = usage.shortage(placed);
  return fmt::format("'{}' needs {} {}, but the slices before it use {} of the {} of {}",
                     name_of(model, placed), shortage.needed, shortage.kind, shortage.used,
                     shortage.limit, model.key);
}

/// The next word, up to a blank or the end.
std::string_view take_word(std::string_view& rest) {
  const std::size_t begin = std::min(rest.find_first_not_of(' '), rest.size());
  const std::size_t end = std::min(rest.find(' ', begin), rest.size());
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

}  // namespace

std::string format_layout(const Model& model, std::span<const Placed> layout) {
  Layout sorted(layout.begin(), layout.end());
  std::sort(sorted.begin(), sorted.end(), before);
  std::string out = model.key + " [";
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0) out += ' ';
    out += model.profiles.at(sorted[i].profile).name;
    out += '@';
    out += std::to_string(sorted[i].start);
  }
  return out + ']';
}

Result<ParsedLayout> parse_layout(const Catalogue& catalogue, std::string_view text) {
  constexpr std::string_view kExample = "A100-40 [2g.10gb@0 1g.5gb@2 3g.20gb@4]";
  if (text.size() > kTextBytesMax) {
    return fail(ErrorCode::TooLarge, fmt::format("a layout of {} bytes; at most {} are read",
                                                 text.size(), kTextBytesMax));
  }
  const std::size_t open = text.find('[');
  const std::size_t close = text.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
      text.find_first_not_of(' ', close + 1) != std::string_view::npos) {
    return invalid(fmt::format("'{}' is no layout; expected MODEL [PROFILE@START ...], e.g. {}",
                               shown(text), kExample));
  }
  std::string_view head = text.substr(0, open);
  const std::string_view key = take_word(head);
  if (const std::string_view more = take_word(head); key.empty() || !more.empty()) {
    return invalid(
        fmt::format("'{}': one GPU model is expected before '[', e.g. {}", shown(text), kExample));
  }
  ParsedLayout parsed;
  parsed.model = catalogue.find(key);
  if (parsed.model == nullptr) return fail(ErrorCode::NotFound, unknown_model(catalogue, key));
  const Model& model = *parsed.model;
  if (!model.cuttable()) {
    return fail(
        ErrorCode::Unsupported,
        model.profiles.empty()
            ? fmt::format("{} has no MIG: it is never cut", model.key)
            : fmt::format("the placements of {} are not known: it is never cut", model.key));
  }
  Usage usage(model);
  std::string_view rest = text.substr(open + 1, close - open - 1);
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    KERF_TRY(const Placed placed, parse_slice(model, word));
    const Usage::Conflict conflict = usage.conflict(placed);
    if (conflict != Usage::Conflict::None) {
      return invalid(refusal(model, usage, conflict, placed, parsed.layout));
    }
    usage.add(placed);
    parsed.layout.push_back(placed);
  }
  std::sort(parsed.layout.begin(), parsed.layout.end(), before);
  return parsed;
}

}  // namespace kerf::gpu
