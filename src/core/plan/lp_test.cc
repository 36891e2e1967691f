// LinearProgram: rows, columns and entries end up where a solver looks for them.
#include "core/plan/lp.h"

#include <gtest/gtest.h>

namespace kerf::plan {
namespace {

TEST(LinearProgram, KeepsEntriesByColumn) {
  LinearProgram lp;
  EXPECT_EQ(lp.rows(), 0);
  EXPECT_EQ(lp.columns(), 0);
  EXPECT_EQ(lp.add_row(1, LinearProgram::kInfinity), 0);
  EXPECT_EQ(lp.add_row(-LinearProgram::kInfinity, 2), 1);
  EXPECT_EQ(lp.add_column(3, 0, 4), 0);
  lp.add_entry(0, 5);
  lp.add_entry(1, 6);
  EXPECT_EQ(lp.add_column(7, -1, LinearProgram::kInfinity), 1);
  EXPECT_EQ(lp.add_column(8, 0, 0), 2);
  lp.add_entry(1, 9);
  EXPECT_EQ(lp.rows(), 2);
  EXPECT_EQ(lp.columns(), 3);
  EXPECT_EQ(lp.row_lower, (std::vector<double>{1, -LinearProgram::kInfinity}));
  EXPECT_EQ(lp.row_upper, (std::vector<double>{LinearProgram::kInfinity, 2}));
  EXPECT_EQ(lp.cost, (std::vector<double>{3, 7, 8}));
  EXPECT_EQ(lp.col_lower, (std::vector<double>{0, -1, 0}));
  EXPECT_EQ(lp.col_upper, (std::vector<double>{4, LinearProgram::kInfinity, 0}));
  EXPECT_EQ(lp.column_start, (std::vector<std::int32_t>{0, 2, 2, 3}));
  EXPECT_EQ(lp.entry_row, (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_EQ(lp.entry_value, (std::vector<double>{5, 6, 9}));
}

TEST(LinearProgramDeathTest, WantsAColumnBeforeAnEntry) {
  LinearProgram lp;
  lp.add_row(0, 1);
  EXPECT_DEATH(lp.add_entry(0, 1), "column");
}

}  // namespace
}  // namespace kerf::plan
