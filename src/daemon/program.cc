// Which command runs, and what kerfd says about itself.
#include "daemon/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <tuple>

#include "base/result.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "core/agent/inventory.h"
#include "daemon/options.h"
#include "report/inventory.h"
#include "report/rehearsal.h"
#include "shell/agent/host.h"
#include "shell/agent/node_read.h"
#include "shell/controller/host.h"
#include "shell/controller/page_fetch.h"
#include "shell/nvml/driver.h"
#include "shell/runtime/environment.h"
#include "shell/telemetry/log.h"

namespace kerf::daemon {
namespace {

constexpr std::string_view kHelp =
    R"(Usage: kerfd COMMAND [OPTION...]

Kerf's part in the cluster.

Commands:
  controller  decides which GPU is cut how, and which node is bought or given back
  agent       cuts one node's GPUs and serves the slices to kubelet
  version     print the version
  help        print this

kerfd controller --help and kerfd agent --help say more.
)";

constexpr std::string_view kControllerHelp =
    R"(Usage: kerfd controller [OPTION...]

Runs in the cluster: watches pods that ask for slices, and for each SlicePolicy says what they cost
and what they could cost (mode Observe), or buys nodes by Karpenter's NodeClaims, has their GPUs cut
by the agents, names the node of each pod, and gives nodes back (mode Act). Of several replicas one
decides. It ends at SIGTERM.

  --identity NAME      of this replica (default: $POD_NAME, else host name and process)
  --namespace NAME     of the Lease kerf-controller (default: $POD_NAMESPACE, else kerf-system)
  --api-server URL     https://HOST:PORT, with --ca FILE and --token FILE; without the three, what
                       kubelet gives every pod
  --karpenter-metrics URL[,URL...]
                       pages with prices, http://HOST:PORT/metrics (default: those of Karpenter's
                       pods, found by their label app.kubernetes.io/name=karpenter)
  --karpenter-namespace NAME
                       look for these pods there only
  --price-region NAME  of the shipped price table, where no page has prices (default us-east-1)
  --node-class RESOURCE.VERSION.GROUP/KIND
                       (default ec2nodeclasses.v1.karpenter.k8s.aws/EC2NodeClass)
  --set NAME=DURATION  another length for one of its waits; may be given several times. Names:
                       @WAITS@
  --metrics ADDR:PORT  Prometheus metrics, /healthz, /readyz (default :9109); off: none
  --log-level LEVEL    debug, info, warning or error (default info); one JSON object per line
  -h, --help           print this

Exit codes:
  0  ended as asked
  2  bad usage, or it could not begin
  3  internal error
)";

constexpr std::string_view kAgentHelp =
    R"(Usage: kerfd agent [OPTION...]
       kerfd agent --layout FILE [--dry-run [-o table|json]]
       kerfd agent --mig-config FILE --name NAME [--dry-run [-o table|json]]
       kerfd agent --inventory [-o table|json]

Runs on a GPU node, as root: cuts its GPUs as the node's GpuNode says, serves the slices to kubelet,
and writes what it sees into the GpuNode's status. It takes the place of NVIDIA's device plugin and
MIG manager; driver and container toolkit stay. It ends at SIGTERM.

What is wanted:
  --layout FILE        a layout by hand, in place of the GpuNode: a GpuNode manifest, or its spec.
                       The file is followed when it changes. A published slice is taken only if the
                       node is cordoned, a slice in use never
  --mig-config FILE    the same, of a configuration file of NVIDIA's mig-parted
  --name NAME          the configuration of that file, e.g. all-1g.10gb
  --dry-run            print what would be done and what it would disturb, do nothing
  --inventory          print the GPUs as the driver tells them, and end
  -o, --output FORMAT  of both: table or json (default table)

Where it runs:
  --node-name NAME     the Node (default: $NODE_NAME). Without it no cluster is asked, which needs
                       --layout or --mig-config
  --namespace NAME     of the controller's Lease (default: $POD_NAMESPACE, else kerf-system)
  --api-server URL     https://HOST:PORT, with --ca FILE and --token FILE; without the three, what
                       kubelet gives every pod
  --state FOLDER       journal and lock (default /var/lib/kerf)
  --kubelet FOLDER     kubelet's (default /var/lib/kubelet)
  --cdi FOLDER         CDI specifications (default /var/run/cdi)
  --cdi-base FILE      a CDI specification with the driver's libraries (default: nvidia.yaml in
                       /etc/cdi or the CDI folder, else what nvidia-ctk generates)
  --driver-root FOLDER where the machine's files are seen (default /)
  --nvml-library PATH  another library than the driver's libnvidia-ml.so.1
  --metrics ADDR:PORT  Prometheus metrics, /healthz, /readyz (default :9108); off: none
  --log-level LEVEL    debug, info, warning or error (default info); one JSON object per line
  -h, --help           print this

Exit codes:
  0  ended as asked; with --inventory, --dry-run: printed
  1  a layout was refused; with --inventory: a GPU is lost or did not answer; with --dry-run: the
     layout would not be reached
  2  bad usage, no driver, another agent runs here, or the output cannot be written
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

/// Where the driver's library may be: where the loader finds it, else among the machine's own
/// files, which may come later than this program.
nvml::Driver::Options driver_options(const AgentOptions& options) {
  nvml::Driver::Options driver;
  if (options.nvml_library) {
    driver.library = *options.nvml_library;
    return driver;
  }
  std::string root = options.driver_root;
  while (root.ends_with('/')) root.pop_back();
  if (root.empty()) return driver;
  for (const char* folder :
       {"/run/nvidia/driver/usr/lib64", "/run/nvidia/driver/usr/lib/x86_64-linux-gnu",
        "/run/nvidia/driver/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu"})
    driver.candidates.push_back(root + folder + "/" + nvml::kLibraryName);
  return driver;
}

ExitCode print_inventory(const AgentOptions& options) {
  nvml::Driver driver(driver_options(options), codec::builtin_catalogue());
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

/// As the agent wants paths: from the root, without "." and "..".
std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

/// Where the API server is and who asks it.
template <class Options>
Result<apiserver::Credentials> credentials(const Options& options) {
  if (options.api_server)
    return apiserver::Credentials{*options.api_server, *options.ca_file, *options.token_file};
  return apiserver::in_cluster();
}

Result<shell::HostOptions> host_options(const AgentOptions& options) {
  shell::HostOptions host;
  host.version = KERF_VERSION;
  host.node = options.node;
  host.lease_namespace = options.kube_namespace;
  if (options.layout) host.layout = shell::LayoutSource{absolute(*options.layout)};
  if (options.mig_config)
    host.layout =
        shell::LayoutSource{absolute(*options.mig_config), true, *options.mig_config_name};
  if (!options.node.empty()) {
    KERF_TRY(host.api, credentials(options));
  } else if (!host.layout) {
    return invalid("which Node is this? Give --node-name NAME, or set NODE_NAME");
  }
  host.disk = {absolute(options.state_folder), absolute(options.cdi_folder)};
  host.files = {absolute(options.driver_root), options.cdi_base ? absolute(*options.cdi_base) : "",
                host.disk.cdi_folder};
  host.kubelet.folder = absolute(options.kubelet_folder) + "/device-plugins";
  host.kubelet.pod_resources = absolute(options.kubelet_folder) + "/pod-resources/kubelet.sock";
  host.driver.worker.driver = driver_options(options);
  host.metrics = options.metrics != "off";
  if (host.metrics) {
    KERF_TRY(const auto address, parse_address(options.metrics));
    std::tie(host.metrics_address, host.metrics_port) = address;
  }
  return host;
}

/// The layout that the options name, tried on this node as it is now.
Result<agent::Rehearsal> rehearsal(const AgentOptions& options) {
  KERF_TRY(const shell::HostOptions host, host_options(options));
  const gpu::Catalogue& catalogue = codec::builtin_catalogue();
  nvml::Driver driver(host.driver.worker.driver, catalogue);
  KERF_TRY(const agent::NodeRead node, shell::read_node(driver, host.disk, host.kubelet));
  KERF_TRY(const control::GpuNodeSpec wanted, shell::read_layout(*host.layout, driver, catalogue));
  if (!node.kubelet_up)
    say(fmt::format(
        "kerfd agent: kubelet does not answer at {}: who holds which slice is not known, "
        "so none would be taken, and none would be offered",
        host.kubelet.pod_resources));
  return agent::rehearse(catalogue, node, wanted);
}

ExitCode print_rehearsal(const AgentOptions& options) {
  const auto result = rehearsal(options);
  if (!result) {
    say(fmt::format("kerfd agent: {}", result.error().message()));
    return kBadInput;
  }
  const bool reached = result->differences.empty() && result->degraded == control::Degraded::No;
  return print(options.json ? codec::write_json(report::rehearsal_json(*result))
                            : report::rehearsal_table(*result, false),
               reached ? kAllRead : kTrouble);
}

telemetry::Log log_of(const std::string& level, const char* component) {
  telemetry::Log::Options options;
  options.component = component;
  telemetry::parse_level(level, options.threshold);
  return telemetry::Log(options);
}

/// Host and process: a replica that has no name of its own.
std::string own_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{}-{}", host.data(), ::getpid());
}

Result<shell::ControllerOptions> controller_options(const ControllerOptions& options) {
  shell::ControllerOptions host;
  host.version = KERF_VERSION;
  host.identity = options.identity.empty() ? own_name() : options.identity;
  for (const auto& [name, ms] : options.waits)
    if (auto set = shell::set_wait(host, name, ms); !set)
      return tl::unexpected(std::move(set).error().within("--set"));
  for (const std::string& url : options.karpenter_metrics)
    if (auto good = shell::check_page_url(url); !good)
      return tl::unexpected(std::move(good).error().within("--karpenter-metrics"));
  KERF_TRY(host.api, credentials(options));
  host.election.ns = options.kube_namespace;
  host.prices.urls = options.karpenter_metrics;
  host.prices.karpenter_namespace = options.karpenter_namespace;
  host.prices.region = options.price_region;
  const auto& [resource, version, group, kind] = options.node_class;
  host.watches.node_classes = {group, version, resource};
  host.node_class = {group, kind};
  host.metrics = options.metrics != "off";
  if (host.metrics) {
    KERF_TRY(const auto address, parse_address(options.metrics));
    std::tie(host.metrics_address, host.metrics_port) = address;
  }
  return host;
}

ExitCode run_controller(const ControllerOptions& options) {
  auto with = controller_options(options);
  if (!with) {
    say(fmt::format("kerfd controller: {}\nSee kerfd controller --help.", with.error().message()));
    return kBadInput;
  }
  auto types = codec::builtin_market(options.price_region);
  if (!types) {
    say(fmt::format(
        "kerfd controller: --price-region: no prices of \"{}\" are shipped; there are {}",
        options.price_region, fmt::join(codec::builtin_regions(), ", ")));
    return kBadInput;
  }
  auto host = std::make_unique<shell::ControllerHost>(*std::move(with), *std::move(types),
                                                      log_of(options.log_level, "controller"));
  const auto ended = host->run();
  // A search may still run, and what it uses must not be destroyed under it.
  static_cast<void>(host.release());
  if (ended) return kAllRead;
  say(fmt::format("kerfd controller: {}", ended.error().message()));
  return kBadInput;
}

std::string controller_help() {
  std::string names;
  std::size_t column = 0;
  for (const std::string& name : shell::wait_names()) {
    if (column + name.size() > 70) {
      names += ",\n" + std::string(23, ' ');
      column = 0;
    } else if (!names.empty()) {
      names += ", ";
    }
    names += name;
    column += name.size() + 2;
  }
  std::string text(kControllerHelp);
  constexpr std::string_view kPlace = "@WAITS@";
  return text.replace(text.find(kPlace), kPlace.size(), names);
}

ExitCode run_agent(const AgentOptions& options) {
  const telemetry::Log log = log_of(options.log_level, "agent");
  auto host_with = host_options(options);
  if (!host_with) {
    say(fmt::format("kerfd agent: {}\nSee kerfd agent --help.", host_with.error().message()));
    return kBadInput;
  }
  auto host = std::make_unique<shell::Host>(*std::move(host_with), codec::builtin_catalogue(), log);
  const auto ending = host->run();
  // The program ends with this. A thread may be in a call that does not come back (a driver, a
  // disk), and what it uses must not be destroyed under it.
  static_cast<void>(host.release());
  if (!ending) {
    say(fmt::format("kerfd agent: {}", ending.error().message()));
    return kBadInput;
  }
  const ExitCode code = ending->how == shell::Ending::How::Refused ? kTrouble : kAllRead;
  if (code != kAllRead) say(fmt::format("kerfd agent: {}", ending->why));
  return code;
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
  const auto command = parse_command(
      words, [](const std::string& name) { return runtime::environment(name.c_str()); });
  if (!command) {
    const bool known =
        !words.empty() && (words.front() == "agent" || words.front() == "controller");
    say(fmt::format("kerfd{0}: {1}\nSee kerfd{0} --help.", known ? " " + words.front() : "",
                    command.error().message()));
    return kBadInput;
  }
  switch (command->kind) {
    case Command::Kind::Help: return print(kHelp, kAllRead);
    case Command::Kind::AgentHelp: return print(kAgentHelp, kAllRead);
    case Command::Kind::ControllerHelp: return print(controller_help(), kAllRead);
    case Command::Kind::Version: return print("kerfd " KERF_VERSION "\n", kAllRead);
    case Command::Kind::Controller: return run_controller(command->controller);
    case Command::Kind::Agent: break;
  }
  if (command->agent.inventory) return print_inventory(command->agent);
  if (command->agent.dry_run) return print_rehearsal(command->agent);
  return run_agent(command->agent);
}

}  // namespace kerf::daemon
