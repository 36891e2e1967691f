// Which command runs, and what kerfd says about itself.
#include "daemon/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/result.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "core/agent/inventory.h"
#include "daemon/options.h"
#include "report/inventory.h"
#include "shell/nvml/driver.h"

namespace kerf::daemon {
namespace {

constexpr std::string_view kHelp =
    R"(Usage: kerfd COMMAND [OPTION...]

Kerf's part in the cluster. It is being built: so far it can read what GPUs a machine has.

Commands:
  agent      the cutter of one node's GPUs; so far only: kerfd agent --inventory
  version    print the version
  help       print this

kerfd agent --help says more.
)";

constexpr std::string_view kAgentHelp =
    R"(Usage: kerfd agent --inventory [-o table|json] [--nvml-library PATH]

Prints the GPUs of this machine as NVIDIA's driver (NVML) tells them: models, MIG mode, how each GPU
is cut, processes, and which kinds of slices there can be. It changes nothing. Root sees everything;
for another user the driver may keep a part to itself, and the output says which.

Options:
  --inventory          print the inventory and end
  -o, --output FORMAT  table or json (default table)
  --nvml-library PATH  another library than the driver's libnvidia-ml.so.1
  -h, --help           print this

Exit codes:
  0  the inventory is printed
  1  it is printed, and a GPU is lost or did not answer
  2  bad usage, no driver, or the output cannot be written
  3  internal error
)";

/// Whether it was written; a reader that has gone away (`| head`) has read what it wanted.
bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 && errno == EPIPE;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

ExitCode print(std::string_view text, ExitCode code) {
  if (write_all(STDOUT_FILENO, text)) return code;
  say(fmt::format("kerfd: cannot write to standard output: {}", std::strerror(errno)));
  return kBadInput;
}

ExitCode run_agent(const AgentOptions& options) {
  if (!options.inventory) {
    say("kerfd agent: only --inventory is built so far; the agent that cuts GPUs is not.");
    return kBadInput;
  }
  nvml::Driver driver({options.nvml_library.value_or(nvml::kLibraryName)},
                      codec::builtin_catalogue());
  const auto inventory = driver.inventory();
  if (!inventory) {
    say(fmt::format("kerfd agent: {}", inventory.error().message()));
    return kBadInput;
  }
  const ExitCode code = agent::has_trouble(*inventory) ? kTrouble : kAllRead;
  return print(options.json ? codec::write_json(report::inventory_json(*inventory))
                            : report::inventory_table(*inventory, false),
               code);
}

}  // namespace

bool open_standard_files() {
  bool output = true;
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(file, F_GETFD) != -1 || errno != EBADF) continue;
    output = output && file != STDOUT_FILENO;
    if (::open("/dev/null", O_RDWR) != file) return false;  // the lowest number that is free
  }
  return output;
}

void say(std::string_view text) { write_all(STDERR_FILENO, fmt::format("{}\n", text)); }

ExitCode run_program(const std::vector<std::string>& words) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto command = parse_command(words);
  if (!command) {
    const bool agent = !words.empty() && words.front() == "agent";
    say(fmt::format("kerfd{0}: {1}\nSee kerfd{0} --help.", agent ? " agent" : "",
                    command.error().message()));
    return kBadInput;
  }
  switch (command->kind) {
    case Command::Kind::Help: return print(kHelp, kAllRead);
    case Command::Kind::AgentHelp: return print(kAgentHelp, kAllRead);
    case Command::Kind::Version: return print("kerfd " KERF_VERSION "\n", kAllRead);
    case Command::Kind::Agent: break;
  }
  return run_agent(command->agent);
}

}  // namespace kerf::daemon
