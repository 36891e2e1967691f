// The text of `kerf doctor`. Help is a phrase; details are for the reference.
#include "cli/doctor_spec.h"

#include "cli/cluster_commands.h"
#include "cli/output_options.h"

namespace kerf::cli {
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
  const OptionSpec all{.name = "--all",
                       .group = kOutputGroup,
                       .help = "name every object that a finding is about, not only the first few"};
  for (const OptionSpec& option :
       {output_format(), output_file(), all, colour("colour the severity of findings"),
        ascii("print ASCII only; implied where the locale is not UTF-8"), quiet()})
    doctor.options.push_back(option);
  return doctor;
}

}  // namespace kerf::cli
