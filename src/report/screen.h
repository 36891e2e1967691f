// Screen: the lines of the table as they come about, and the sections that write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"
#include "report/table.h"
#include "report/text.h"

namespace kerf::report {

// Short names, because members of Screen are called as the namespaces are.
using market::Market;
using plan::Plan;

enum class Style : std::uint8_t { Plain, Bold, Dim, Alarm };

/// What the sections read, and the text that they add to. Whatever is written, no line has more
/// than kColumnsMax columns; text that goes through safe() or paragraph() holds nothing that a
/// terminal would obey.
class Screen {
 public:
  Screen(const Plan& plan, const cluster::Demand& demand, const Market& market,
         const cluster::Policy& policy, const TableOptions& options);

  const Plan& plan;
  const cluster::Demand& demand;
  const Market& market;
  const cluster::Policy& policy;
  const TableOptions& options;

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
  void print(Screen& screen, std::size_t indent) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style = Style::Plain;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

// The sections, from top to bottom.
void write_headline(Screen& screen);
void write_levers(Screen& screen);
/// What is owned and used, and what it would cost; part of the headline.
void write_owned(Screen& screen);
void write_workloads(Screen& screen);
void write_fleet(Screen& screen);
void write_use(Screen& screen);
void write_unplaced(Screen& screen);
void write_notes(Screen& screen);

}  // namespace kerf::report
