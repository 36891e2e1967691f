// Lines, paragraphs and columns of a text for people.
#include "report/paper.h"

#include <fmt/format.h>

#include <algorithm>

namespace kerf::report {
namespace {

constexpr std::int64_t kMicro = 1'000'000;
constexpr std::int64_t kWholeDollarsFrom = 1000 * kMicro;  ///< monthly bill; below it cents count
constexpr std::size_t kGap = 2;                            ///< blanks between columns

std::string_view escape(Style style) {
  switch (style) {
    case Style::Plain: return "";
    case Style::Bold: return "\x1b[1m";
    case Style::Dim: return "\x1b[2m";
    case Style::Alarm: return "\x1b[1;31m";
  }
  return "";
}

}  // namespace

Paper::Paper(const TableOptions& options_in, std::int64_t month_micro_usd)
    : options(options_in), month_decimals_(month_micro_usd < kWholeDollarsFrom ? 2 : 0) {}

void Paper::line(std::string_view text, Style style) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  const std::string fitting = elide(text, kColumnsMax);
  if (!options.colour || style == Style::Plain || fitting.empty()) {
    text_ += fitting;
  } else {
    text_ += escape(style);
    text_ += fitting;
    text_ += "\x1b[0m";
  }
  text_ += '\n';
}

void Paper::paragraph(std::string_view text, Style style, std::size_t indent, std::size_t hanging) {
  const std::string clean = safe(text);
  const std::vector<std::string> lines = wrapped(clean, kColumnsMax - indent - hanging);
  for (std::size_t i = 0; i < lines.size(); ++i)
    line(std::string(i == 0 ? indent : indent + hanging, ' ') + lines[i], style);
}

void Paper::more(std::string_view what) {
  line(fmt::format("  {} and {} (--all shows them)", dots(), what), Style::Dim);
}

std::string Paper::month(std::int64_t micro_usd) const {
  const std::int64_t least = month_decimals_ == 0 ? kMicro / 2 : kMicro / 200;
  if (micro_usd > 0 && micro_usd < least) return month_decimals_ == 0 ? "<$1" : "<$0.01";
  return format_usd({micro_usd}, month_decimals_);
}

std::string Paper::hour(MicroUsdPerHour rate) const {
  if (rate.micro > 0 && rate.micro < kMicro / 200) return "<$0.01/h";
  return format_usd(rate) + "/h";
}

void Grid::row(std::vector<std::string> cells, Style style) {
  cells.resize(columns_.size());
  rows_.push_back({std::move(cells), style});
}

void Grid::print(Paper& paper, std::size_t indent) const {
  std::vector<std::size_t> widths;
  std::size_t total = indent + kGap * (columns_.size() - 1);
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = columns(columns_[c].head);
    for (const Row& row : rows_) width = std::max(width, columns(row.cells[c]));
    widths.push_back(width);
    total += width;
  }
  while (total > kColumnsMax) {
    std::size_t widest = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].least == 0 || widths[c] <= columns_[c].least) continue;
      if (widest == columns_.size() || widths[c] > widths[widest]) widest = c;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  const auto print_row = [&](const std::vector<std::string>& cells, Style style) {
    std::string text(indent, ' ');
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) text.append(kGap, ' ');
      const std::string cell = paper.elide(cells[c], widths[c]);
      text += columns_[c].right ? padded_left(cell, widths[c]) : padded(cell, widths[c]);
    }
    paper.line(text, style);
  };
  std::vector<std::string> heads;
  for (const Column& column : columns_) heads.push_back(column.head);
  if (std::any_of(heads.begin(), heads.end(), [](const auto& head) { return !head.empty(); }))
    print_row(heads, Style::Dim);
  for (const Row& row : rows_) print_row(row.cells, row.style);
}

}  // namespace kerf::report
