// Plan documents: any text is read or refused with its file's name; a plan is the same as itself,
// and what is said of two never breaks a line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/json.h"
#include "codec/plan_file.h"
#include "report/diff.h"
#include "report/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto plan = codec::read_plan_file(text, "fuzz.json");
  if (!plan) {
    KERF_ASSERT(plan.error().message().starts_with("fuzz.json"), "an error names its file");
    return 0;
  }
  KERF_ASSERT(report::diff_of(*plan, *plan).same(), "a plan is the same as itself");
  codec::PlanFile nothing;
  nothing.file = "nothing.json";
  for (const report::PlanDiff& diff :
       {report::diff_of(*plan, nothing), report::diff_of(nothing, *plan)}) {
    const std::string kept = report::diff_table(diff, {false, false, true});
    std::string_view table = kept;
    while (!table.empty()) {
      const std::size_t end = table.find('\n');
      KERF_ASSERT(end != std::string_view::npos, "a text ends with its last line");
      KERF_ASSERT(report::columns(table.substr(0, end)) <= report::kColumnsMax,
                  "no line is too long");
      table.remove_prefix(end + 1);
    }
    KERF_ASSERT(codec::parse_json(codec::write_json(report::diff_json(diff)), "again").has_value(),
                "the document is JSON");
  }
  return 0;
}
