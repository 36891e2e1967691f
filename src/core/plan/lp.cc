// Building a linear program column by column.
#include "core/plan/lp.h"

#include "base/assert.h"

namespace kerf::plan {

std::int32_t LinearProgram::add_row(double lower, double upper) {
  row_lower.push_back(lower);
  row_upper.push_back(upper);
  return rows() - 1;
}

std::int32_t LinearProgram::add_column(double column_cost, double lower, double upper) {
  cost.push_back(column_cost);
  col_lower.push_back(lower);
  col_upper.push_back(upper);
  column_start.push_back(column_start.back());
  return columns() - 1;
}

void LinearProgram::add_entry(std::int32_t row, double value) {
  KERF_ASSERT(columns() > 0, "entries belong to the column opened last");
  entry_row.push_back(row);
  entry_value.push_back(value);
  ++column_start.back();
}

}  // namespace kerf::plan
