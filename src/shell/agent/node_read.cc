// read_node: driver, journal, checkpoint and PodResources, each asked once.
#include "shell/agent/node_read.h"

#include <unistd.h>

#include <algorithm>
#include <memory>

#include "codec/kubelet_checkpoint.h"
#include "core/agent/shape.h"
#include "shell/kubelet/client.h"
#include "shell/runtime/files.h"
#include "shell/runtime/loop.h"

namespace kerf::shell {
namespace {

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

agent::Holders read_checkpoint(const kubelet::Options& options) {
  agent::Holders holders;
  holders.source = agent::Source::Checkpoint;
  const std::string path = options.checkpoint.empty()
                               ? options.folder + "/kubelet_internal_checkpoint"
                               : options.checkpoint;
  const auto text = runtime::read_file(path, codec::kCheckpointBytesMax);
  const auto checkpoint = text ? codec::read_kubelet_checkpoint(*text, path)
                               : Result<codec::KubeletCheckpoint>(tl::unexpected(text.error()));
  holders.known = checkpoint.has_value();
  if (checkpoint) holders.devices = checkpoint->devices;
  return holders;
}

/// PodResources' two answers.
void ask_kubelet(const kubelet::Options& options, agent::NodeRead& node) {
  agent::Holders& holders = node.holders[static_cast<int>(agent::Source::PodResources)];
  holders.source = agent::Source::PodResources;
  holders.known = false;
  node.kubelet_up = false;
  if (::access(options.pod_resources.c_str(), F_OK) != 0) return;  // nobody to be asked
  auto loop = std::make_shared<runtime::Loop>();
  kubelet::Client client(loop, options.pod_resources);
  int open = 2;
  const auto answered = [&open, &loop] {
    if (--open == 0) loop->quit();
  };
  client.list(options.ask_deadline, [&](Result<std::vector<agent::Holder>> listed) {
    holders.known = listed.has_value();
    if (listed) holders.devices = *std::move(listed);
    answered();
  });
  client.allocatable(options.ask_deadline, [&](Result<kubelet::Healthy> healthy) {
    node.kubelet_up = healthy.has_value();
    if (healthy) node.healthy = *std::move(healthy);
    answered();
  });
  loop->run();
  client.stop();
}

/// Resources with devices that are not named as Kerf names its own.
void find_foreign(agent::NodeRead& node) {
  for (const auto& [resource, ids] : node.healthy) {
    if (!resource.starts_with("nvidia.com/") && !resource.starts_with("kerf.dev/")) continue;
    if (std::ranges::any_of(ids, [](const std::string& id) { return !agent::parse_device_id(id); }))
      node.foreign_plugins.insert(resource);
  }
}

}  // namespace

std::string boot_id() {
  auto text = runtime::read_file(kBootId, 128);
  if (!text) return "";
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  return *text;
}

Result<agent::NodeRead> read_node(nvml::Driver& driver, const Disk::Options& disk,
                                  const kubelet::Options& kubelet) {
  agent::NodeRead node;
  node.boot_id = boot_id();
  KERF_CHECK_OK(driver.start());
  const agent::Looked looked = driver.look();
  if (looked.code != agent::Code::Success)
    return fail(ErrorCode::Unavailable,
                "the GPUs cannot be looked at: NVML says " + agent::to_string(looked.code));
  node.gpus = looked.gpus;
  auto journal = Disk::read_journal(disk.state_folder);
  if (journal) node.journal = *std::move(journal);
  else if (journal.error().code() != ErrorCode::NotFound)
    return tl::unexpected(std::move(journal).error());
  node.cdi = Disk::cdi_entries(disk.cdi_folder);
  node.holders[static_cast<int>(agent::Source::Processes)] = driver.processes();
  node.holders[static_cast<int>(agent::Source::Checkpoint)] = read_checkpoint(kubelet);
  ask_kubelet(kubelet, node);
  find_foreign(node);
  return node;
}

}  // namespace kerf::shell
