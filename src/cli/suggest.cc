// Nearness of words: edits of one letter, where two letters exchanged count as one.
#include "cli/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kerf::cli {
namespace {

/// Longer words come from files given by mistake; nothing that Kerf knows is near to them.
constexpr std::size_t kLettersMax = 64;

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + other});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known,
                                 std::size_t count) {
  if (word.empty() || word.size() > kLettersMax) return {};
  std::vector<std::pair<std::size_t, const std::string*>> found;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLettersMax) continue;
    const std::size_t distance = edits(word, candidate);
    const std::size_t allowed =
        std::max<std::size_t>(1, std::min(word.size(), candidate.size()) / 4);
    const bool begins = word.size() >= 3 && candidate.starts_with(word);
    if (distance <= allowed || begins) found.emplace_back(begins ? 1 : distance, &candidate);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (std::size_t i = 0; i < found.size() && i < count; ++i) out.push_back(*found[i].second);
  return out;
}

std::string did_you_mean(const std::vector<std::string>& words) {
  if (words.empty()) return {};
  return fmt::format("; did you mean {}?", fmt::join(words, " or "));
}

}  // namespace kerf::cli
