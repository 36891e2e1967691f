// Wiring of `kerf doctor`: what was read of a cluster to the checks, what they found to people.
#include "cli/doctor_command.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "cli/cluster_input.h"
#include "cli/files.h"
#include "cli/plan_arguments.h"
#include "cli/terminal.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "doctor/doctor.h"
#include "doctor/printed.h"

namespace kerf::cli {
namespace {

std::int64_t now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

std::string render(const doctor::Diagnosis& diagnosis, const PlanArguments& arguments,
                   const Surroundings& around) {
  if (arguments.output == OutputFormat::Json) return codec::write_json(doctor::json(diagnosis));
  return doctor::text(diagnosis, {.colour = wants_colour(arguments.colour, around,
                                                         arguments.output_file.has_value()),
                                  .unicode = around.utf8 && !arguments.ascii,
                                  .all = arguments.all});
}

Result<ExitCode> examine_and_print(const PlanArguments& arguments) {
  const Surroundings around = Surroundings::look();
  if (arguments.output_file) KERF_CHECK_OK(check_writable(*arguments.output_file));
  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !arguments.quiet);
  KERF_TRY(const codec::ClusterReading reading,
           read_reading(arguments, [&](std::string_view what) { progress.show(what); }));
  // Types and models are the same in every region; what may be bought does not matter here.
  KERF_TRY(const market::Market known, codec::builtin_market(codec::builtin_regions().front()));
  const doctor::Diagnosis diagnosis = doctor::examine(reading, known, now_ms());
  const std::string text = render(diagnosis, arguments, around);
  progress.erase();
  KERF_CHECK_OK(arguments.output_file ? write_file(*arguments.output_file, text)
                                      : write_stdout(text));
  return diagnosis.count(doctor::Severity::Problem) == 0 ? kPlaced : kUnplaced;
}

}  // namespace

ExitCode run_doctor(const ParsedOptions& parsed) {
  const auto arguments = read_plan_arguments(parsed);
  if (!arguments) {
    say(fmt::format("kerf doctor: {}\nSee kerf doctor --help.", arguments.error().message()));
    return kBadInput;
  }
  const auto code = examine_and_print(*arguments);
  if (code) return *code;
  say(fmt::format("kerf doctor: {}", code.error().message()));
  return kBadInput;
}

}  // namespace kerf::cli
