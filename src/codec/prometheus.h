// PrometheusReader: the samples of a metrics page in Prometheus' text format, one by one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kerf::codec {

/// One line `name{label="value",...} value [timestamp]`.
struct Sample {
  std::uint32_t line = 0;  ///< 1-based
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>> labels;  ///< in page order, names distinct
  std::string_view value;  ///< as written; a number in the format's sense: NaN and Inf too

  /// The label's value; nullptr if there is none.
  const std::string* label(std::string_view wanted) const;
};

/// Bounds on a page: TooLarge beyond them.
struct PageLimits {
  std::size_t bytes = 64u << 20;
  std::uint32_t lines = 1'000'000;
  std::size_t labels = 64;  ///< of one sample
};

/// Reads a page (text exposition format 0.0.4, as a /metrics endpoint serves it), strictly: names,
/// escapes, value and timestamp of every sample are checked, also of those the caller passes over.
/// Comments, HELP and TYPE lines are skipped. Line ends may be CRLF.
class PrometheusReader {
 public:
  /// `text` and `file` must outlive the reader and its samples.
  PrometheusReader(std::string_view text, std::string_view file, PageLimits limits = {});

  /// Reads the next sample into `out`; false at the page's end. Errors are "file:line: ...".
  Result<bool> next(Sample& out);

  /// True if the text is a metrics page and not a table: decided by its first line that is neither
  /// blank nor a comment, or by its HELP and TYPE comments if there is no such line.
  static bool recognizes(std::string_view text);

 private:
  std::string_view text_;
  std::string_view file_;
  PageLimits limits_;
  std::size_t pos_ = 0;
  std::uint32_t line_ = 0;
};

}  // namespace kerf::codec
