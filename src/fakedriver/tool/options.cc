// The one file of kerf-fake-driver that includes CLI11.
#include "fakedriver/tool/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/quote.h"
#include "fakedriver/machine.h"
#include "simgpu/boards.h"
#include "simgpu/nvlink.h"

namespace kerf::fakedriver::tool {

namespace {

constexpr const char* kFooter =
    "A machine is a folder. Programs that load libnvidia-ml.so.1 from beside this one use the "
    "machine\n"
    "that KERF_FAKE_DRIVER names (/run/kerf-fake-driver if it is not set).\n\n"
    "  kerf-fake-driver init --gpu H100-80:2 --mig\n"
    "  kerf-fake-driver enter -- nvidia-smi -L\n"
    "  kerf-fake-driver do xid 79 gpu=1\n"
    "  kerf-fake-driver do fail create-gpu-instance in-use count=3\n";

/// "H100-80" or "H100-80:2"
Result<void> add_gpus(const std::string& word, std::vector<simgpu::GpuConfig>& gpus) {
  const std::size_t colon = word.find(':');
  const std::string board = word.substr(0, colon);
  int count = 1;
  if (colon != std::string::npos) {
    const char* const end = word.data() + word.size();
    const auto [at, error] = std::from_chars(word.data() + colon + 1, end, count);
    if (error != std::errc{} || at != end || count < 1 || count > 32)
      return invalid(fmt::format(
          "--gpu {}: expected BOARD or BOARD:COUNT with a count from 1 to 32", kerf::quoted(word)));
  }
  if (simgpu::find_board(board) == nullptr)
    return invalid(
        fmt::format("--gpu {}: there is no such board; `kerf-fake-driver boards` lists them",
                    kerf::quoted(word)));
  for (int i = 0; i < count; ++i) gpus.push_back({board, "", -1});
  if (gpus.size() > 32) return invalid("a machine has at most 32 GPUs");
  return {};
}

Result<void> add_bridge(const std::string& word, simgpu::Config& config) {
  simgpu::Bridge bridge;
  const char* const end = word.data() + word.size();
  const auto [dash, first] = std::from_chars(word.data(), end, bridge.a);
  const bool joined = first == std::errc() && dash != end && *dash == '-';
  const auto [rest, second] = std::from_chars(joined ? dash + 1 : end, end, bridge.b);
  if (!joined || second != std::errc() || rest != end || bridge.a < 0 || bridge.b < 0)
    return invalid("--nvlink " + word + ": expected two GPUs by index, such as 0-1");
  config.bridges.push_back(bridge);
  return {};
}

struct Raw {
  std::vector<std::string> gpus;
  std::vector<std::string> bridges;
  std::string latency = "recorded";
};

void add_commands(CLI::App& app, Options& options, Raw& raw) {
  auto* init = app.add_subcommand("init", "make a machine, in place of what is in the folder");
  init->add_option("--gpu", raw.gpus, "a board, or a board and how many: H100-80, A100-40:8")
      ->required()
      ->type_name("BOARD[:COUNT]");
  init->add_option("--driver", options.config.driver_major, "the driver's branch")
      ->check(CLI::IsMember({535, 550, 570, 580}))
      ->capture_default_str();
  init->add_option("--nvlink", raw.bridges,
                   "bridges by index: 0-1,2-3; without it NVSwitch "
                   "where boards have it")
      ->delimiter(',')
      ->type_name("A-B");
  init->add_option("--seed", options.config.seed, "of UUIDs, ids and latencies")
      ->check([](const std::string& text) {
        const bool whole = !text.empty() && text.size() < 20 &&
                           text.find_first_not_of("0123456789") == std::string::npos;
        return whole ? std::string() : "--seed: expected a whole number from 0";
      })
      ->capture_default_str();
  init->add_option("--latency", raw.latency, "recorded: calls take as long as real ones; or none")
      ->check(CLI::IsMember({"recorded", "none"}))
      ->capture_default_str();
  init->add_flag("--mig", options.mig, "MIG mode is on, on the boards that have it");
  init->add_flag("--passthrough", options.config.passthrough,
                 "a VM: Ampere GPUs cannot be reset, only the machine rebooted");
  app.add_subcommand("show", "print what the machine is in");
  app.add_subcommand("do", "let one thing happen: an action of a script")
      ->add_option("words", options.words, "such as: xid 79 gpu=0")
      ->required();
  app.add_subcommand("run-script", "let happen what a file says, line by line")
      ->add_option("file", options.words, "the script; - is standard input")
      ->required()
      ->expected(1);
  auto* enter = app.add_subcommand("enter", "run a program that sees the machine's GPUs");
  enter->add_option("command", options.words, "the program and its words, after --")->required();
  enter->add_flag("--in-place", options.in_place,
                  "mount in this mount namespace, which is one of its own already");
  enter->add_flag("--keep-proc", options.keep_proc,
                  "where the kernel has no modules: leave /proc as it is");
  app.add_subcommand("boards", "list the boards that can be simulated");
  app.add_subcommand("operations", "list the operations that can be made to fail");
}

}  // namespace

Result<Options> read_options(std::vector<std::string> words) {
  Options options;
  options.folder = folder_from_environment();
  Raw raw;
  CLI::App app("A machine with NVIDIA GPUs that does not exist, for programs that speak NVML.",
               "kerf-fake-driver");
  app.footer(kFooter);
  app.add_option("--machine", options.folder, "the machine's folder")->capture_default_str();
  app.require_subcommand(0, 1);
  app.fallthrough();
  add_commands(app, options, raw);

  std::ranges::reverse(words);  // CLI11 takes them from the end
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    options.text = app.help();
    for (const CLI::App* sub : app.get_subcommands()) options.text = sub->help("kerf-fake-driver");
    return options;
  } catch (const CLI::ParseError& error) {
    return invalid(std::string(error.what()) + "; see kerf-fake-driver --help");
  }
  const std::pair<const char*, Command> commands[] = {{"init", Command::Init},
                                                      {"show", Command::Show},
                                                      {"do", Command::Do},
                                                      {"run-script", Command::RunScript},
                                                      {"enter", Command::Enter},
                                                      {"boards", Command::Boards},
                                                      {"operations", Command::Operations}};
  for (const auto& [name, command] : commands)
    if (app.got_subcommand(name)) options.command = command;
  if (options.command == Command::Help) options.text = app.help();
  for (const std::string& gpu : raw.gpus) KERF_CHECK_OK(add_gpus(gpu, options.config.gpus));
  for (const std::string& pair : raw.bridges) KERF_CHECK_OK(add_bridge(pair, options.config));
  if (std::string why = simgpu::wrong_bridges(options.config); !why.empty())
    return invalid("--nvlink: " + why);
  if (raw.latency == "none") options.config.latencies = simgpu::Latencies::none();
  return options;
}

}  // namespace kerf::fakedriver::tool
