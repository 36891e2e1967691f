// parse_command: the words after kerfd as plain structs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kerf::daemon {

/// `kerfd agent`. Paths and names are not looked at here.
struct AgentOptions {
  bool inventory = false;  ///< print what the GPUs are, and end
  bool dry_run = false;    ///< print what a layout would change, and end
  bool json = false;       ///< of both; else a table

  std::optional<std::string> layout;           ///< a file with the layout, instead of a GpuNode
  std::optional<std::string> mig_config;       ///< a mig-parted file with layouts by name
  std::optional<std::string> mig_config_name;  ///< the one of them; with mig_config only

  std::string node;  ///< "": not given, and NODE_NAME is not set
  std::string kube_namespace = "kerf-system";
  std::optional<std::string> api_server;  ///< https://HOST:PORT; nullopt: as a pod finds it
  std::optional<std::string> ca_file;
  std::optional<std::string> token_file;

  std::string state_folder = "/var/lib/kerf";
  std::string kubelet_folder = "/var/lib/kubelet";
  std::string cdi_folder = "/var/run/cdi";
  std::optional<std::string> cdi_base;      ///< a CDI specification with the driver's libraries
  std::string driver_root = "/";            ///< where the machine's own files are seen
  std::optional<std::string> nvml_library;  ///< nullopt: the driver's
  std::string metrics = ":9108";            ///< ADDRESS:PORT; "off"
  std::string log_level = "info";
};

/// `kerfd controller`. Names and addresses are not looked up here.
struct ControllerOptions {
  std::string identity;  ///< "": not given, and POD_NAME is not set
  std::string kube_namespace = "kerf-system";
  std::optional<std::string> api_server;  ///< as of AgentOptions
  std::optional<std::string> ca_file;
  std::optional<std::string> token_file;
  std::vector<std::string> karpenter_metrics;  ///< URLs; empty: Karpenter's pods
  std::string karpenter_namespace;             ///< "" = all
  std::string price_region = "us-east-1";
  /// Resource, version, group and kind of NodeClasses.
  std::array<std::string, 4> node_class = {"ec2nodeclasses", "v1", "karpenter.k8s.aws",
                                           "EC2NodeClass"};
  std::vector<std::pair<std::string, std::int64_t>> waits;  ///< --set NAME=DURATION, in ms
  std::string metrics = ":9109";                            ///< ADDRESS:PORT; "off"
  std::string log_level = "info";
};

/// What to do. Help and version go before all else.
struct Command {
  enum class Kind { Help, AgentHelp, ControllerHelp, Version, Agent, Controller };
  Kind kind = Kind::Help;
  AgentOptions agent;
  ControllerOptions controller;
};

/// An environment variable's value; nullopt: it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// NODE_NAME, POD_NAME and POD_NAMESPACE stand in for --node-name, --identity and --namespace.
/// Errors are for people: they say which word is wrong, and what may stand there.
Result<Command> parse_command(const std::vector<std::string>& words,
                              const Environment& environment);

/// ":9108", "127.0.0.1:9108", "[::1]:9108": the address ("" = all) and the port (0 = any).
Result<std::pair<std::string, std::uint16_t>> parse_address(const std::string& text);

}  // namespace kerf::daemon
