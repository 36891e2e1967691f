// Output options, each stated once.
#include "cli/output_options.h"

namespace kerf::cli {

OptionSpec output_format() {
  return {.name = "--output",
          .short_name = "-o",
          .value = "FORMAT",
          .group = kOutputGroup,
          .help = "what to print",
          .choices = "table|json",
          .unless_given = "table",
          .completes = Completes::Choices};
}

OptionSpec output_file(std::string_view details) {
  return {.name = "--output-file",
          .value = "FILE",
          .group = kOutputGroup,
          .help = "write to FILE instead of standard output",
          .details = details,
          .completes = Completes::Files};
}

OptionSpec colour(std::string_view help) {
  return {.name = "--color",
          .value = "WHEN",
          .group = kOutputGroup,
          .help = help,
          .details = "auto: if standard output is a terminal and NO_COLOR is not set.",
          .choices = "auto|always|never",
          .unless_given = "auto",
          .completes = Completes::Choices};
}

OptionSpec ascii(std::string_view help) {
  return {.name = "--ascii", .group = kOutputGroup, .help = help};
}

OptionSpec quiet() {
  return {.name = "--quiet",
          .short_name = "-q",
          .group = kOutputGroup,
          .help = "no progress and no remarks on standard error; errors only"};
}

std::vector<OptionSpec> report_options(std::string_view all) {
  return {output_format(), output_file(), {.name = "--all", .group = kOutputGroup, .help = all},
          colour(),        ascii(),       quiet()};
}

}  // namespace kerf::cli
