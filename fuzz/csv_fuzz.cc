// CSV: any text becomes a table whose rows all have the header's cells, or is refused.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kerf::codec::CsvTable;
  const auto table = CsvTable::parse(std::string(data, data + size), "fuzz.csv", 1 << 16);
  if (!table) {
    KERF_ASSERT(table.error().message().starts_with("fuzz.csv:"), "errors name the file");
    return 0;
  }
  std::uint32_t line = 0;
  for (const kerf::codec::CsvRow& row : table->rows()) {
    KERF_ASSERT(row.line > line, "rows come in the order of their lines");
    line = row.line;
    KERF_ASSERT(row.cells.size() == table->rows()[0].cells.size(), "rows have the same cells");
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const auto integer = table->integer(row, i);
      const auto real = table->real(row, i);
      KERF_ASSERT(!integer || real, "a whole number is a number");
    }
  }
  return 0;
}
