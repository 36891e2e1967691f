// Paper: the lines of a text for people as they come about, and columns in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"
#include "report/table.h"
#include "report/text.h"

namespace kerf::report {

enum class Style : std::uint8_t { Plain, Bold, Dim, Alarm };

/// Whatever is written, no line has more than kColumnsMax columns; text that goes through safe() or
/// paragraph() holds nothing that a terminal would obey.
class Paper {
 public:
  /// `month_micro_usd`: the largest sum of a month that will be written; small ones show cents.
  Paper(const TableOptions& options, std::int64_t month_micro_usd);

  const TableOptions options;

  /// A name from outside, made printable.
  std::string safe(std::string_view name) const { return printable(name, options.unicode); }
  std::string elide(std::string_view name, std::size_t width) const {
    return elided(name, width, options.unicode);
  }
  std::string_view dots() const { return options.unicode ? "…" : "..."; }

  void line(std::string_view text, Style style = Style::Plain);
  void blank() { text_ += '\n'; }
  /// Wrapped text (made printable here); further lines are indented by `hanging`.
  void paragraph(std::string_view text, Style style = Style::Plain, std::size_t indent = 0,
                 std::size_t hanging = 0);
  /// "… and 12 more (--all shows them)", indented.
  void more(std::string_view what);

  /// Dollars of a month; whole dollars, or with cents where the whole bill is small.
  std::string month(std::int64_t micro_usd) const;
  std::string hour(MicroUsdPerHour rate) const;
  int month_decimals() const { return month_decimals_; }

  std::string take() { return std::move(text_); }

 private:
  int month_decimals_;
  std::string text_;
};

/// Rows of cells in aligned columns. Cells are printable already.
class Grid {
 public:
  struct Column {
    std::string head;
    bool right = false;
    std::size_t least = 0;  ///< may be elided down to this; 0: never
  };
  explicit Grid(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void row(std::vector<std::string> cells, Style style = Style::Plain);
  /// Narrows the columns that may be elided, the widest first, until all fit.
  void print(Paper& paper, std::size_t indent) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style = Style::Plain;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace kerf::report
