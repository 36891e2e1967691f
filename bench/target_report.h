// What kerf_target_bench reports: rows of what, target, seen and met, as a table, JSON and
// Markdown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/document.h"

namespace kerf::bench {

struct Row {
  int part = 0;
  std::string what, target, seen;
  std::optional<bool> met;  ///< nullopt: not measured; `seen` says why
  codec::Node figures = codec::Node::mapping();
};

class Report {
 public:
  /// Prints the head of the table.
  Report(int runs, const std::string& solver);
  /// Prints the row as it is added.
  void add(Row row);

  double loop() const { return loop_; }  ///< seconds of the calibration loop
  bool all_met() const;
  codec::Node json() const;
  /// The rows as a Markdown table below a line that says on what machine they were measured.
  std::string markdown() const;

 private:
  double loop_;
  int runs_;
  std::string solver_;
  std::vector<Row> rows_;
};

/// The file with what stands between the lines `<!-- figures -->` and `<!-- /figures -->` replaced,
/// and nothing else changed. False, with a message on stderr, where there is no such place.
bool replace_figures(const std::string& path, const std::string& figures);

}  // namespace kerf::bench
