// Tests of the CSV reader: what it accepts, what it refuses and with which words.
#include "codec/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::vector<std::string>> cells(const CsvTable& table) {
  std::vector<std::vector<std::string>> out;
  for (const CsvRow& row : table.rows()) out.emplace_back(row.cells.begin(), row.cells.end());
  return out;
}

CsvTable parsed(std::string text) {
  auto table = CsvTable::parse(std::move(text), "t.csv");
  EXPECT_TRUE(table) << table.error().message();
  return *std::move(table);
}

Error refused(std::string text, std::size_t max_bytes = 1000) {
  auto table = CsvTable::parse(std::move(text), "t.csv", max_bytes);
  if (!table) return table.error();
  ADD_FAILURE() << "accepted, with " << table->rows().size() << " rows";
  return Error(ErrorCode::Unavailable, "");
}

TEST(Csv, ReadsRowsWithTheirLines) {
  const CsvTable table = parsed("# prices\n#of today\nname,gpus\nT4,1\nA100,8\n");
  EXPECT_THAT(table.comments(), ElementsAre("prices", "of today"));
  EXPECT_THAT(cells(table), ElementsAre(ElementsAre("T4", "1"), ElementsAre("A100", "8")));
  EXPECT_EQ(table.rows()[0].line, 4u);
  EXPECT_EQ(table.rows()[1].line, 5u);
  EXPECT_EQ(table.column("gpus"), 1u);
  EXPECT_EQ(table.column("GPUs"), std::nullopt);
}

TEST(Csv, AcceptsTheWaysFilesEnd) {
  const auto expected = ElementsAre(ElementsAre("1", ""), ElementsAre("", "2"));
  for (const char* text : {"a,b\n1,\n,2", "a,b\n1,\n,2\n", "a,b\r\n1,\r\n,2\r\n", "a,b\r\n1,\n,2",
                           "a,b\n1,\n,2\n\n\r\n",
                           "\xef\xbb\xbf"
                           "a,b\n1,\n,2\n",
                           "\n# c\n\na,b\n1,\n,2"}) {
    EXPECT_THAT(cells(parsed(text)), expected) << text;
  }
}

TEST(Csv, ReadsQuotedCells) {
  const CsvTable table = parsed("a,b\n\"x, \"\"y\"\"\",\"two\nlines\"\n\"\",z\n");
  EXPECT_THAT(cells(table),
              ElementsAre(ElementsAre("x, \"y\"", "two\nlines"), ElementsAre("", "z")));
  EXPECT_EQ(table.rows()[1].line, 4u) << "a line inside a cell counts";
}

TEST(Csv, ViewsOutliveAMoveOfTheTable) {
  CsvTable first = parsed("a,b\nx,\"say \"\"y\"\"\"\n");
  const CsvTable second = std::move(first);
  EXPECT_THAT(cells(second), ElementsAre(ElementsAre("x", "say \"y\"")));
}

TEST(Csv, OneColumnMayHoldAnEmptyQuotedCell) {
  EXPECT_THAT(cells(parsed("a\n\"\"\nx\n")), ElementsAre(ElementsAre(""), ElementsAre("x")));
}

TEST(Csv, RefusesWithFileAndLine) {
  struct Case {
    std::string text;
    std::string words;
  };
  const Case cases[] = {
      {"", "t.csv: no header line"},
      {"# only\n# comments", "t.csv: no header line"},
      {"a,b,a\n", "t.csv:1: two columns are named 'a'"},
      {"#c\na,b\n1,2\n1,2,3\n", "t.csv:4: 3 cells, but the header has 2 columns (a, b)"},
      {"a,b\n1\n", "t.csv:2: 1 cells"},
      {"a,b\n1,2\n\n3,4\n", "t.csv:3: a blank line between rows"},
      {"a,b\n1,x\"y\n", "t.csv:2: cell 2: a quote inside the unquoted cell 'x'"},
      {"a,b\n1,2\n\"x,2\n3,4\n", "t.csv:3: cell 1: the quote that opens here is never closed"},
      {"a,b\n\"x\"y,2\n", "t.csv:2: cell 1: 'y' follows the closing quote"},
      {"a,b\n1,2\r3,4\n", "t.csv:2: cell 2: a carriage return that ends no line"},
      {std::string("a,b\n1,\0002\n", 9), "t.csv:2: a NUL byte"},
  };
  for (const Case& c : cases) {
    const Error error = refused(c.text);
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument) << c.text;
    EXPECT_THAT(error.message(), HasSubstr(c.words));
  }
}

TEST(Csv, BoundsSizes) {
  EXPECT_EQ(refused("a\n1\n2\n", 5).code(), ErrorCode::TooLarge);
  EXPECT_TRUE(CsvTable::parse("a\n1\n2\n", "t.csv", 6));
  const Error cell = refused("a\n1\n" + std::string(10'001, 'x') + "\n", 1 << 20);
  EXPECT_EQ(cell.code(), ErrorCode::TooLarge);
  EXPECT_THAT(cell.message(), HasSubstr("t.csv:3: cell 1: 10001 bytes"));
  EXPECT_EQ(parsed("a\n" + std::string(10'000, 'x')).rows().size(), 1u);
  EXPECT_EQ(refused(std::string(2'000, ','), 1 << 20).code(), ErrorCode::TooLarge);
}

TEST(Csv, NamesTheColumnsThereAre) {
  const CsvTable table = parsed("name,price\nT4,1\n");
  EXPECT_EQ(table.require("price"), 1u);
  EXPECT_EQ(table.require("zone").error().message(),
            "t.csv: there is no column 'zone'; the columns are name, price");
}

TEST(Csv, ReadsNumbersStrictly) {
  const CsvTable table = parsed("n\n12\n-3\n0\n9223372036854775807\n0.5\n1e3\n-2.25\n");
  EXPECT_EQ(table.integer(table.rows()[0], 0), 12);
  EXPECT_EQ(table.integer(table.rows()[1], 0), -3);
  EXPECT_EQ(table.integer(table.rows()[2], 0), 0);
  EXPECT_EQ(table.integer(table.rows()[3], 0), INT64_MAX);
  EXPECT_EQ(table.real(table.rows()[4], 0), 0.5);
  EXPECT_EQ(table.real(table.rows()[5], 0), 1000.0);
  EXPECT_EQ(table.real(table.rows()[6], 0), -2.25);
}

TEST(Csv, RefusesWhatIsNoNumber) {
  for (const char* text : {"\"\"", "+1", " 1", "1 ", "0x10", "1.5", "9223372036854775808", "ten"}) {
    const CsvTable table = parsed(std::string("n\n") + text + "\n");
    const auto value = table.integer(table.rows()[0], 0);
    ASSERT_FALSE(value) << text;
    EXPECT_THAT(value.error().message(), HasSubstr("t.csv:2: n: "));
  }
  for (const char* text : {"\"\"", "+1.5", " 1", "1,5", "inf", "nan", "1e999", "0x1p3", "1.5x"}) {
    const CsvTable table =
        parsed("n\n\"" + std::string(text == std::string("\"\"") ? "" : text) + "\"\n");
    EXPECT_FALSE(table.real(table.rows()[0], 0)) << text;
  }
}

TEST(Csv, ErrorsNameFileLineAndColumn) {
  const CsvTable table = parsed("name,price\nT4,-1\n");
  const Error error = table.error(table.rows()[0], "price", "must not be negative");
  EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(error.message(), "t.csv:2: price: must not be negative");
}

TEST(Csv, ShowsControlCharactersAsQuestionMarks) {
  EXPECT_THAT(refused("a,b\n1,\x1b[31mred\"\n").message(), HasSubstr("'?[31mred'"));
}

}  // namespace
}  // namespace kerf::codec
