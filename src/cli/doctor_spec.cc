// The text of `kerf doctor`. Help is a phrase; details are for the reference.
#include "cli/doctor_spec.h"

#include "cli/cluster_commands.h"

namespace kerf::cli {
namespace {

constexpr std::string_view kOutput = "Output";

std::vector<OptionSpec> output_options() {
  return {
      {.name = "--output",
       .short_name = "-o",
       .value = "FORMAT",
       .group = kOutput,
       .help = "what to print",
       .choices = "table|json",
       .unless_given = "table",
       .completes = Completes::Choices},
      {.name = "--output-file",
       .value = "FILE",
       .group = kOutput,
       .help = "write to FILE instead of standard output",
       .details = "The file is replaced as a whole at the end, or left as it was.",
       .completes = Completes::Files},
      {.name = "--all",
       .group = kOutput,
       .help = "name every object that a finding is about, not only the first few"},
      {.name = "--color",
       .value = "WHEN",
       .group = kOutput,
       .help = "colour the severity of findings",
       .details = "auto: if standard output is a terminal and NO_COLOR is not set.",
       .choices = "auto|always|never",
       .unless_given = "auto",
       .completes = Completes::Choices},
      {.name = "--ascii",
       .group = kOutput,
       .help = "print ASCII only; implied where the locale is not UTF-8"},
      {.name = "--quiet",
       .short_name = "-q",
       .group = kOutput,
       .help = "no progress and no remarks on standard error; errors only"},
  };
}

}  // namespace

CommandSpec doctor_command() {
  CommandSpec doctor{
      .name = "doctor",
      .usage = {"doctor [OPTION...]", "doctor [OPTION...] --snapshot FILE"},
      .summary = "say whether a cluster is ready for slices, and what will hurt",
      .about =
          "Looks at versions, rights, Karpenter, the GPU Operator, other device plugins and DRA "
          "drivers, GPU nodes, pods, prices, and Kerf's own parts. Each finding says what it is "
          "about and what to do; docs/reference/doctor.md lists all that there can be. It only "
          "reads; nothing is changed. The exit code is 1 if there is a problem.",
      .examples = {{"kerf doctor", "the current context"},
                   {"kerf doctor --snapshot eks.json --all", "a snapshot, with every object"},
                   {"kerf doctor -o json", "for programs"}},
  };
  for (OptionSpec option : cluster_options()) {
    if (option.name == "--selector") continue;  // findings are about the whole
    if (option.name == "--namespace") {
      option.help = "read this namespace where you may not list all of them";
      option.details = "Where you may, all namespaces are looked at.";
    }
    doctor.options.push_back(option);
  }
  for (const OptionSpec& option : output_options()) doctor.options.push_back(option);
  return doctor;
}

}  // namespace kerf::cli
