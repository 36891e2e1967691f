// The text of every command and option. Help is a phrase; details are sentences for the reference.
#include "cli/commands.h"

#include <algorithm>

#include "cli/cluster_commands.h"
#include "cli/doctor_spec.h"
#include "cli/insight_commands.h"
#include "cli/output_options.h"

namespace kerf::cli {
namespace {

constexpr std::string_view kInput = "Input";
constexpr std::string_view kMarket = "Prices and what may be bought";
constexpr std::string_view kNodes = "Nodes";
constexpr std::string_view kOutput = kOutputGroup;
constexpr std::string_view kEffort = "Effort";
constexpr std::string_view kRun = "Run";

std::vector<OptionSpec> input_options() {
  return {
      {.name = "--trace",
       .value = "PODS.csv",
       .group = kInput,
       .help = "plan a pod list in the openb format instead of manifests",
       .details = "Needs the columns name, cpu_milli, memory_mib, num_gpu and gpu_milli. - is "
                  "standard input.",
       .completes = Completes::Files},
      {.name = "--map",
       .value = "RULE",
       .group = kInput,
       .help = "how a part of a GPU in the trace becomes a request",
       .details = "memory: a profile with the fewest memory slots that cover the part. nearest: "
                  "the profile whose compute slices are nearest to it. share: a portable request "
                  "for that part of the memory of --reference-gpu. whole: a whole GPU.",
       .choices = "memory|nearest|share|whole",
       .unless_given = "memory",
       .completes = Completes::Choices},
      {.name = "--reference-gpu",
       .value = "MODEL",
       .group = kInput,
       .help = "the GPU whose parts the trace means, for --map share",
       .completes = Completes::GpuModels},
      {.name = "--replicas",
       .value = "NAME=N",
       .group = kInput,
       .help = "plan N replicas of a workload",
       .details = "NAME is a name, namespace/name or kind/name, the kind as kubectl takes it: "
                  "deploy/web. A name that is nowhere in the input is an error.",
       .repeats = true},
      {.name = "--hours",
       .value = "NAME=H",
       .group = kInput,
       .help = "hours a month that a Job or CronJob runs, for the monthly cost",
       .details = "A month has 730 hours. Without it Jobs count in the cost of an hour, and not "
                  "in that of the month.",
       .repeats = true},
      {.name = "--jobs",
       .value = "WHERE",
       .group = kInput,
       .help = "where Jobs and CronJobs run: on shared nodes, or apart on their own",
       .details =
           "shared plans all pods together, at least cost while everything runs. apart gives "
           "Jobs nodes of their own: dearer while they run, and often cheaper by the month. "
           "auto is shared, or apart where the hours given (--hours) make that cheaper.",
       .choices = "auto|shared|apart",
       .unless_given = "auto",
       .completes = Completes::Choices},
  };
}

std::vector<OptionSpec> gpu_options() {
  return {{.name = "--gpu",
           .value = "MODEL",
           .group = "Cluster",
           .help = "the GPU of pods that ask for a whole one where nothing says which",
           .details =
               "A request for nvidia.com/gpu that says nothing else keeps the model that its "
               "pod, the other pods of its workload or its node pool have today. Where there "
               "is none the pod is not planned unless this is given.",
           .completes = Completes::GpuModels}};
}

std::vector<OptionSpec> market_options() {
  return {
      {.name = "--region",
       .value = "REGION",
       .group = kMarket,
       .help = "the region to plan for",
       .details = "With a price file that is for one region only, that region.",
       .unless_given = "the cluster's, else us-east-1",
       .completes = Completes::Regions},
      {.name = "--price-region",
       .value = "REGION",
       .group = kMarket,
       .help = "plan for --region at the prices of this region",
       .details = "For a region whose prices you do not have. The first line of the output says "
                  "so. Prices by zone become one price for each type, the lowest.",
       .completes = Completes::Regions},
      {.name = "--prices",
       .value = "FILE",
       .group = kMarket,
       .help = "a price table (CSV) or a saved page of Karpenter's metrics",
       .details = "A table has the columns instance_type and usd_per_hour, and may have region, "
                  "zone and capacity_type. The file replaces the shipped prices. - is standard "
                  "input.",
       .completes = Completes::Files},
      {.name = "--discount",
       .value = "[CAPACITY=]PERCENT",
       .group = kMarket,
       .help = "take PERCENT off the prices of one capacity type, or of all",
       .details = "From 0 to 100, decimals count: --discount 12.5 or --discount on-demand=28. One "
                  "with a capacity type goes before one without.",
       .repeats = true},
      {.name = "--types",
       .value = "LIST",
       .group = kMarket,
       .help = "buy only these instance types: g6.xlarge,p4d.*",
       .details = "Names or patterns with *, separated by commas. Replaces the instance types and "
                  "families of the policy.",
       .completes = Completes::InstanceTypes},
      {.name = "--capacity-types",
       .value = "LIST",
       .group = kMarket,
       .help = "buy only capacity of these types",
       .details = "Separated by commas. Replaces those of the policy.",
       .choices = "on-demand|spot|reserved",
       .unless_given = "on-demand",
       .completes = Completes::Choices},
      {.name = "--zones",
       .value = "LIST",
       .group = kMarket,
       .help = "buy only in these zones: us-east-1a,us-east-1b",
       .details = "Separated by commas. Replaces those of the policy."},
      {.name = "--owned",
       .value = "TYPE=N",
       .group = kMarket,
       .help = "N nodes of this type are owned or reserved already, and cost nothing more",
       .details =
           "They may be used whatever types and capacity the policy buys, in any zone that it "
           "allows, and carry the label karpenter.sh/capacity-type=reserved. The bill is "
           "what is paid anew.",
       .repeats = true},
      {.name = "--owned-only",
       .group = kMarket,
       .help = "buy nothing: how many of the pods fit on what is owned, and what is left over"},
      {.name = "--policy",
       .value = "FILE",
       .group = kMarket,
       .help = "a SlicePolicy manifest: types, zones, limits, headroom",
       .completes = Completes::Files},
  };
}

std::vector<OptionSpec> node_options() {
  return {
      {.name = "--daemonsets",
       .value = "CPU,MEMORY",
       .group = kNodes,
       .help = "what DaemonSets take of every node: 800m,1Gi",
       .details = "Replaces what DaemonSets in the input ask for."},
      {.name = "--root-volume",
       .value = "GIB",
       .group = kNodes,
       .help = "a node's root volume, for ephemeral storage",
       .unless_given = "200"},
  };
}

std::vector<OptionSpec> output_options() {
  return {
      output_format(),
      output_file("The file is replaced as a whole when the plan is done, or left as it was."),
      {.name = "--check",
       .group = kOutput,
       .help = "verify the plan with code that shares nothing with the planner",
       .details = "A plan that does not hold is not printed: what is wrong goes to standard error, "
                  "and the exit code is 3."},
      {.name = "--certificate",
       .value = "FILE",
       .group = kOutput,
       .help = "write the proof of the bound to FILE, for kerf verify",
       .details = "JSON: docs/reference/certificate.md. The search that it takes is part of the "
                  "plan's.",
       .completes = Completes::Files},
      {.name = "--levers",
       .group = kOutput,
       .help = "say what types, slicing, spot and owned nodes save, each by itself",
       .details =
           "Plans again for each of them, so it takes longer. The parts add up to the saving "
           "against whole GPUs on demand as Karpenter packs them. The plan of a cluster has them "
           "always, against what the cluster costs today."},
      {.name = "--all",
       .group = kOutput,
       .help = "list every workload and node, not only the first screen"},
      colour(),
      ascii(),
      quiet(),
  };
}

std::vector<OptionSpec> effort_options() {
  return {
      {.name = "--effort",
       .value = "LEVEL",
       .group = kEffort,
       .help = "how much is spent on a cheaper plan and a tighter bound, 1 to 5",
       .details = "1 answers at once, most often within 2 % of the cheapest possible. 3 is within "
                  "0.3 % on large inputs, and most often optimal on small ones. 4 and 5 close "
                  "what is left. Counted in steps, so the same input gives the same plan.",
       .choices = "1|2|3|4|5",
       .unless_given = "3; 1 for clusters of more than 3,000 pods",
       .completes = Completes::Choices},
  };
}

CommandSpec plan_command() {
  CommandSpec plan{
      .name = "plan",
      .usage = {"plan [OPTION...]", "plan [OPTION...] --snapshot FILE", "plan [OPTION...] PATH...",
                "plan [OPTION...] --trace PODS.csv"},
      .summary = "what your cluster's GPUs cost, what they could cost, and by which lever",
      .about =
          "Without input it reads the cluster of the current context through kubectl, and says "
          "what "
          "its GPU nodes cost, what the same pods would cost on nodes that are bought and cut "
          "well, "
          "and what makes the difference. With manifests it says which EC2 GPU nodes to buy for "
          "them and how to cut each GPU. Either way it says how far that is from the cheapest "
          "possible. It only reads; nothing is bought or changed.",
      .argument = "PATH",
      .argument_help =
          "a manifest, a folder (with its subfolders: *.yaml, *.yml, *.json), or - for "
          "standard input",
      .completes = Completes::Files,
      .many_arguments = true,
      .examples = {{"kerf plan", "the cluster of the current context"},
                   {"kerf plan --context prod -n ml", "one namespace of another"},
                   {"kerf plan --snapshot prod.json --owned p5.48xlarge=4", "what if"},
                   {"kerf plan deploy/", "every manifest in a folder"},
                   {"helm template ./chart | kerf plan -", "a Helm chart"},
                   {"kerf plan deploy/ --types 'g6.*,p4d.*' --replicas web=12", "what if"},
                   {"kerf plan deploy/ --region eu-west-1 --price-region us-east-1",
                    "a region without shipped prices"},
                   {"kerf plan deploy/ -o json --output-file plan.json", "for programs"}},
  };
  for (const auto& options : {cluster_options(), gpu_options(), input_options(), market_options(),
                              node_options(), output_options(), effort_options()}) {
    plan.options.insert(plan.options.end(), options.begin(), options.end());
  }
  return plan;
}

CommandSpec verify_command() {
  CommandSpec verify{
      .name = "verify",
      .usage = {"verify [OPTION...] FILE PATH...", "verify [OPTION...] FILE --snapshot FILE",
                "verify [OPTION...] FILE --trace PODS.csv"},
      .summary = "check a plan's certificate: that no fleet for these pods costs less",
      .about =
          "Checks a certificate that kerf plan --certificate wrote against the input that the plan "
          "was made from: that its fleet serves the pods, what it costs, and the proof that no "
          "fleet costs less than the bound. Shares no code with the planner and uses no solver. "
          "Give the input, prices and policy as for kerf plan.",
      .argument = "FILE PATH",
      .argument_help = "the certificate, then manifests or folders as for kerf plan",
      .completes = Completes::Files,
      .many_arguments = true,
      .examples = {{"kerf plan deploy/ --certificate proof.json", "make one"},
                   {"kerf verify proof.json deploy/", "check it"},
                   {"kerf verify proof.json --snapshot prod.json", "of a cluster's plan"},
                   {"kerf verify proof.json deploy/ -o json", "for programs"}},
  };
  for (const auto& options :
       {cluster_options(), gpu_options(), input_options(), market_options(), node_options()}) {
    verify.options.insert(verify.options.end(), options.begin(), options.end());
  }
  verify.options.push_back(output_format());
  verify.options.push_back(quiet());
  return verify;
}

std::vector<OptionSpec> simulate_options() {
  return {
      {.name = "--strategy",
       .value = "STRATEGY",
       .group = kRun,
       .help = "run the scenario with Kerf, with whole GPUs, or with both",
       .details = "whole-gpu is the same cluster without Kerf: each device asked for is a whole "
                  "GPU, and a model of a Karpenter NodePool buys, packs and consolidates nodes.",
       .choices = "kerf|whole-gpu|both",
       .unless_given = "both",
       .completes = Completes::Choices},
      {.name = "--seed",
       .value = "N",
       .group = kRun,
       .help = "the number that everything drawn by chance follows from",
       .details = "Replaces the seed of the scenario. With --swarm: of the first cluster; the "
                  "others have the numbers after it.",
       .unless_given = "the scenario's, or 1"},
      {.name = "--faults",
       .value = "FILE",
       .group = kRun,
       .help = "a list of faults that happen too",
       .completes = Completes::Files,
       .repeats = true},
      {.name = "--swarm",
       .value = "N",
       .group = kRun,
       .help = "instead of a scenario: N small clusters drawn by chance, faults included",
       .details = "Each is watched for broken promises. A cluster with one is named with the "
                  "command that runs it again."},
      output_format(),
      output_file(),
      ascii("print ASCII only; implied where the locale is not UTF-8"),
      quiet(),
  };
}

CommandSpec simulate_command() {
  return {
      .name = "simulate",
      .usage = {"simulate [OPTION...] SCENARIO", "simulate [OPTION...] --swarm N"},
      .summary = "run a simulated cluster with Kerf and with whole GPUs, and compare",
      .about =
          "Runs a cluster that a scenario describes: pods come and go, nodes are bought, GPUs "
          "are cut, prices move, things fail. Prints what each strategy cost, how long pods "
          "waited, what was moved and cut, and whether Kerf kept its promises. The same "
          "scenario and seed print the same bytes. Nothing outside is read or changed.",
      .argument = "SCENARIO",
      .argument_help = "a scenario in YAML (docs/reference/scenario.md), or - for standard input",
      .completes = Completes::Files,
      .options = simulate_options(),
      .examples = {{"kerf simulate examples/scenarios/notebooks.yaml", "what would it cost"},
                   {"kerf simulate day.yaml --seed 2 -o json", "another draw, for programs"},
                   {"kerf simulate day.yaml --faults faults.yaml", "and things fail"},
                   {"kerf simulate --swarm 100", "does Kerf keep its promises"}},
  };
}

CommandSpec completion_command() {
  return {
      .name = "completion",
      .usage = {"completion bash|zsh|fish"},
      .summary = "print a completion script for your shell",
      .about = "Prints a script that completes commands, options, their values and files.",
      .argument = "SHELL",
      .argument_help = "bash, zsh or fish",
      .argument_choices = "bash|zsh|fish",
      .completes = Completes::Choices,
      .examples = {{"source <(kerf completion bash)", "this bash"},
                   {"kerf completion zsh > \"${fpath[1]}/_kerf\"", "every zsh"},
                   {"kerf completion fish > ~/.config/fish/completions/kerf.fish", "every fish"}},
  };
}

/// Those that say what stands come before the completion of shells.
std::vector<CommandSpec> with_insight(std::vector<CommandSpec> all) {
  const std::vector<CommandSpec> more = insight_commands(market_options());
  const auto at = std::find_if(all.begin(), all.end(),
                               [](const CommandSpec& one) { return one.name == "completion"; });
  all.insert(at, more.begin(), more.end());
  return all;
}

}  // namespace

const std::vector<CommandSpec>& commands() {
  static const std::vector<CommandSpec> all = with_insight({
      plan_command(),
      verify_command(),
      simulate_command(),
      snapshot_command(),
      doctor_command(),
      completion_command(),
      {.name = "version",
       .usage = {"version"},
       .summary = "print the version, the solver's version and the shipped prices' date",
       .about = "Prints the version. Plans repeat byte for byte for one version of Kerf and of the "
                "solver."},
      {.name = "help",
       .usage = {"help [COMMAND]"},
       .summary = "explain a command",
       .about = "Explains a command; the same as kerf COMMAND --help.",
       .argument = "COMMAND",
       .argument_help = "the command's name",
       .argument_choices = "plan|status|cost|why|doctor|diff|snapshot|verify|simulate|completion|"
                           "version|help",
       .completes = Completes::Choices},
      {.name = "reference",
       .usage = {"reference"},
       .summary = "print the reference of the command line in Markdown",
       .about = "Prints the reference of the command line in Markdown: docs/reference/cli.md.",
       .hidden = true},
  });
  return all;
}

const CommandSpec* find_command(std::string_view name) {
  for (const CommandSpec& command : commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

const std::vector<OptionSpec>& common_options() {
  static const std::vector<OptionSpec> options = {
      {.name = "--help", .short_name = "-h", .group = "Help", .help = "show this and exit"},
  };
  return options;
}

std::vector<OptionSpec> all_options(const CommandSpec& command) {
  std::vector<OptionSpec> options = command.options;
  options.insert(options.end(), common_options().begin(), common_options().end());
  return options;
}

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> out;
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    out.push_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return out;
}

std::span<const ExitSpec> exit_codes() {
  static constexpr ExitSpec kCodes[] = {
      {kPlaced,
       "plan: all pods are placed; verify: the certificate holds; simulate: no promise was broken; "
       "doctor: no problem was found; diff: the plans are compared, whether they differ or not; "
       "snapshot, status, cost, why, completion, version, help: what was asked is printed"},
      {kUnplaced,
       "plan: some pods cannot be placed, and the plan says why; verify: the certificate does not "
       "hold; simulate: a promise was broken; doctor: a problem was found"},
      {kBadInput,
       "bad input or usage, a cluster that cannot be read, or output that cannot be "
       "written"},
      {kInternal, "internal error; plan: --check found the plan wrong"},
  };
  return kCodes;
}

}  // namespace kerf::cli
