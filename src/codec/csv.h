// CSV (RFC 4180) with a header line: rows by column name, every error with file and line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::codec {

struct CsvRow {
  std::uint32_t line = 0;               ///< 1-based line where the row starts
  std::vector<std::string_view> cells;  ///< as many as the header has; views into the table's text
};

/// A parsed table; owns its text. '#' lines before the header are comments, kept without the '#'
/// and a blank after it. A byte order mark, CRLF and blank lines at either end are accepted.
class CsvTable {
 public:
  /// Refused: no header, duplicate column names, a row with another number of cells, quotes out of
  /// place, NUL bytes, a blank line between rows; as TooLarge more than `max_bytes`, 10,000 bytes
  /// in a cell, 1,000 columns, 4 Mi rows or 32 Mi cells.
  static Result<CsvTable> parse(std::string text, std::string file,
                                std::size_t max_bytes = 128u << 20);

  const std::string& file() const { return file_; }
  const std::vector<CsvRow>& rows() const { return rows_; }
  const std::vector<std::string>& comments() const { return comments_; }
  std::optional<std::size_t> column(std::string_view name) const;
  /// The column's number or an error that names the file and lists the columns there are.
  Result<std::size_t> require(std::string_view name) const;
  Error error(const CsvRow& row, std::string_view column, std::string_view message) const;

  /// Strict numbers: whole cell, no sign unless negative is allowed by T, no blanks.
  Result<std::int64_t> integer(const CsvRow& row, std::size_t column) const;
  Result<double> real(const CsvRow& row, std::size_t column) const;

 private:
  std::string file_;
  std::unique_ptr<std::string> text_;                   ///< stable address for the views
  std::vector<std::unique_ptr<std::string>> unquoted_;  ///< cells that had doubled quotes
  std::vector<std::string> header_;
  std::vector<std::string> comments_;
  std::vector<CsvRow> rows_;
};

}  // namespace kerf::codec
