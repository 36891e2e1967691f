// The CSV reader: one pass over the text; cells are views, except those with doubled quotes.
#include "codec/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/quote.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kCellBytesMax = 10'000;
constexpr std::size_t kColumnsMax = 1'000;
// A row costs more memory than its bytes: without these a table of blanks could take gigabytes.
constexpr std::size_t kRowsMax = 4u << 20;
constexpr std::size_t kCellsMax = 32u << 20;

/// Cuts the text into cells and rows. Knows nothing of headers.
class Scanner {
 public:
  Scanner(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  bool at_end() const { return pos_ == text_.size(); }
  std::uint32_t line() const { return line_; }
  bool at_comment() const { return !at_end() && text_[pos_] == '#'; }
  bool at_blank_line() const {
    return !at_end() && (text_[pos_] == '\n' || text_.substr(pos_, 2) == "\r\n");
  }

  /// The rest of the line, without its end; moves to the next.
  std::string_view take_line() {
    const std::size_t end = std::min(text_.find('\n', pos_), text_.size());
    std::string_view taken = text_.substr(pos_, end - pos_);
    if (taken.ends_with('\r')) taken.remove_suffix(1);
    pos_ = std::min(end + 1, text_.size());
    ++line_;
    return taken;
  }

  /// One row into `cells`; cells that had doubled quotes are kept in `unquoted`.
  Result<void> take_row(std::vector<std::string_view>& cells,
                        std::vector<std::unique_ptr<std::string>>& unquoted) {
    while (true) {
      KERF_TRY(const std::string_view cell, !at_end() && text_[pos_] == '"'
                                                ? quoted(cells.size() + 1, unquoted)
                                                : plain(cells.size() + 1));
      if (cell.size() > kCellBytesMax) {
        return fail(ErrorCode::TooLarge,
                    where(cells.size() + 1) + fmt::format("{} bytes in one cell; at most {} are "
                                                          "read. Is a closing quote missing?",
                                                          cell.size(), kCellBytesMax));
      }
      if (cells.size() == kColumnsMax) {
        return fail(ErrorCode::TooLarge,
                    fmt::format("{}:{}: more than {} cells in one row", file_, line_, kColumnsMax));
      }
      cells.push_back(cell);
      if (end_of_row()) return {};
      ++pos_;  // the comma
    }
  }

 private:
  std::string where(std::size_t cell) const {
    return fmt::format("{}:{}: cell {}: ", file_, line_, cell);
  }

  Result<std::string_view> plain(std::size_t cell) {
    const std::size_t end = std::min(text_.find_first_of(",\n\r\"", pos_), text_.size());
    const std::string_view taken = text_.substr(pos_, end - pos_);
    if (end < text_.size() && text_[end] == '"') {
      return invalid(where(cell) +
                     fmt::format("a quote inside the unquoted cell '{}'. A cell with quotes is "
                                 "written \"like \"\"this\"\"\"",
                                 shown(taken)));
    }
    if (end < text_.size() && text_[end] == '\r' && text_.substr(end, 2) != "\r\n") {
      return invalid(where(cell) + "a carriage return that ends no line; put the cell in quotes");
    }
    pos_ = end;
    return taken;
  }

  Result<std::string_view> quoted(std::size_t cell,
                                  std::vector<std::unique_ptr<std::string>>& unquoted) {
    const std::uint32_t opened_at = line_;
    const std::size_t begin = pos_ + 1;
    std::size_t end = begin;
    bool doubled = false;
    while (true) {
      end = text_.find('"', end);
      if (end == std::string_view::npos) {
        return invalid(fmt::format("{}:{}: cell {}: the quote that opens here is never closed",
                                   file_, opened_at, cell));
      }
      if (text_.substr(end, 2) != "\"\"") break;
      doubled = true;
      end += 2;
    }
    const std::string_view raw = text_.substr(begin, end - begin);
    line_ += static_cast<std::uint32_t>(std::count(raw.begin(), raw.end(), '\n'));
    pos_ = end + 1;
    if (!at_end() && text_[pos_] != ',' && text_[pos_] != '\n' && text_.substr(pos_, 2) != "\r\n") {
      return invalid(where(cell) + fmt::format("'{}' follows the closing quote; a comma or the end "
                                               "of the line was expected",
                                               shown(text_.substr(pos_, 1))));
    }
    if (!doubled) return raw;
    auto plain_text = std::make_unique<std::string>();
    plain_text->reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
      *plain_text += raw[i];
      if (raw[i] == '"') ++i;
    }
    const std::string_view view = *plain_text;
    unquoted.push_back(std::move(plain_text));
    return view;
  }

  /// True at a line's end, which is taken; false at a comma.
  bool end_of_row() {
    if (at_end()) return true;
    if (text_[pos_] == ',') return false;
    pos_ += text_[pos_] == '\r' ? 2 : 1;
    ++line_;
    return true;
  }

  std::string_view text_;
  std::string_view file_;
  std::size_t pos_ = 0;
  std::uint32_t line_ = 1;
};

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += shown(name);
  }
  return out;
}

}  // namespace

Result<CsvTable> CsvTable::parse(std::string text, std::string file, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    return fail(ErrorCode::TooLarge,
                fmt::format("{}: {} bytes; at most {} are read", file, text.size(), max_bytes));
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string::npos) {
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
    return invalid(fmt::format("{}:{}: a NUL byte; this is not a text file", file, line));
  }
  CsvTable table;
  table.file_ = std::move(file);
  table.text_ = std::make_unique<std::string>(std::move(text));
  std::string_view all = *table.text_;
  if (all.starts_with("\xef\xbb\xbf")) all.remove_prefix(3);  // the mark that spreadsheets write

  Scanner scanner(all, table.file_);
  while (scanner.at_comment() || scanner.at_blank_line()) {
    std::string_view line = scanner.take_line();
    if (line.empty()) continue;
    line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    table.comments_.emplace_back(line);
  }
  if (scanner.at_end()) {
    return invalid(
        fmt::format("{}: no header line; the first line names the columns", table.file_));
  }
  const std::uint32_t header_line = scanner.line();
  std::vector<std::string_view> names;
  KERF_CHECK_OK(scanner.take_row(names, table.unquoted_));
  for (const std::string_view name : names) {
    if (std::find(table.header_.begin(), table.header_.end(), name) != table.header_.end()) {
      return invalid(
          fmt::format("{}:{}: two columns are named '{}'", table.file_, header_line, shown(name)));
    }
    table.header_.emplace_back(name);
  }

  std::size_t cells = 0;
  while (!scanner.at_end()) {
    CsvRow row;
    row.line = scanner.line();
    if (scanner.at_blank_line()) {
      scanner.take_line();
      while (scanner.at_blank_line()) scanner.take_line();
      if (scanner.at_end()) break;  // blank lines at the end do no harm
      return invalid(fmt::format("{}:{}: a blank line between rows", table.file_, row.line));
    }
    row.cells.reserve(names.size());
    KERF_CHECK_OK(scanner.take_row(row.cells, table.unquoted_));
    if (row.cells.size() != names.size()) {
      return invalid(fmt::format("{}:{}: {} cells, but the header has {} columns ({})", table.file_,
                                 row.line, row.cells.size(), names.size(), joined(table.header_)));
    }
    cells += row.cells.size();
    table.rows_.push_back(std::move(row));
    if (table.rows_.size() > kRowsMax || cells > kCellsMax) {
      return fail(ErrorCode::TooLarge, fmt::format("{}: more than {} rows or {} cells", table.file_,
                                                   kRowsMax, kCellsMax));
    }
  }
  return table;
}

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found == header_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - header_.begin());
}

Result<std::size_t> CsvTable::require(std::string_view name) const {
  if (const auto found = column(name)) return *found;
  return invalid(
      fmt::format("{}: there is no column '{}'; the columns are {}", file_, name, joined(header_)));
}

Error CsvTable::error(const CsvRow& row, std::string_view column, std::string_view message) const {
  return Error(ErrorCode::InvalidArgument,
               fmt::format("{}:{}: {}: {}", file_, row.line, column, message));
}

Result<std::int64_t> CsvTable::integer(const CsvRow& row, std::size_t column) const {
  const std::string_view cell = row.cells[column];
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (code == std::errc::result_out_of_range) {
    return tl::unexpected(error(row, header_[column],
                                fmt::format("'{}' is too large for a 64-bit number", shown(cell))));
  }
  if (code != std::errc() || end != cell.data() + cell.size()) {
    return tl::unexpected(
        error(row, header_[column], fmt::format("expected a whole number, got '{}'", shown(cell))));
  }
  return value;
}

Result<double> CsvTable::real(const CsvRow& row, std::size_t column) const {
  const std::string_view cell = row.cells[column];
  double value = 0;
  const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (code != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) {
    return tl::unexpected(
        error(row, header_[column], fmt::format("expected a number, got '{}'", shown(cell))));
  }
  return value;
}

}  // namespace kerf::codec
