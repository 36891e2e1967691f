// Reads kubelet's checkpoint of its device manager (pkg/kubelet/cm/devicemanager/checkpoint).
#include "codec/kubelet_checkpoint.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "codec/json.h"
#include "codec/lenient_fields.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kEntriesMax = 100'000;
constexpr std::size_t kDevicesMax = 100'000;  // of one entry or one resource
constexpr std::size_t kDevicesMaxInAll = 500'000;
constexpr std::size_t kNumaNodesMax = 1'024;
constexpr std::size_t kIdBytesMax = 4'096;

/// The device ids of an entry: {"-1": [...], "0": [...]} by NUMA node, or a list (before 1.20).
Result<std::vector<std::string>> read_ids(const Field& entry) {
  KERF_TRY(const std::optional<Field> ids, given(entry, "DeviceIDs"));
  if (!ids) return std::vector<std::string>();
  if (ids->node().kind == Node::Kind::Sequence)
    return given_texts(entry, "DeviceIDs", kDevicesMax, kIdBytesMax);
  if (ids->node().kind != Node::Kind::Mapping)
    return ids->expected("device ids by NUMA node, or a list of them");
  if (ids->node().members.size() > kNumaNodesMax)
    return ids->wrong(fmt::format("more than {} NUMA nodes", kNumaNodesMax));
  std::vector<std::string> all;
  for (const auto& [numa, list] : ids->node().members) {
    KERF_TRY(std::vector<std::string> some, given_texts(*ids, numa, kDevicesMax, kIdBytesMax));
    for (std::string& id : some) all.push_back(std::move(id));
  }
  return all;
}

Result<void> read_entry(const Field& entry, KubeletCheckpoint& into) {
  KERF_TRY(const std::string uid, given_text(entry, "PodUID"));
  KERF_TRY(const std::string resource, given_text(entry, "ResourceName", 512));
  KERF_TRY(const std::vector<std::string> ids, read_ids(entry));
  if (resource.empty()) return entry.wrong("ResourceName is missing");
  if (into.devices.size() + ids.size() > kDevicesMaxInAll)
    return entry.wrong(fmt::format("more than {} devices in all", kDevicesMaxInAll));
  for (const std::string& id : ids) {
    into.devices.push_back({.device = id, .resource = resource, .pod = ""});
    into.pod_uids.push_back(uid);
  }
  return {};
}

Result<void> read_registered(const Field& registered, KubeletCheckpoint& into) {
  if (registered.node().members.size() > kEntriesMax)
    return registered.wrong(fmt::format("more than {} resources", kEntriesMax));
  for (const auto& [resource, list] : registered.node().members) {
    KERF_TRY(std::vector<std::string> ids,
             given_texts(registered, resource, kDevicesMax, kIdBytesMax));
    std::set<std::string>& known = into.registered[resource];
    for (std::string& id : ids) known.insert(std::move(id));
  }
  return {};
}

}  // namespace

Result<KubeletCheckpoint> read_kubelet_checkpoint(std::string_view text, std::string_view file) {
  const Limits limits{.bytes = kCheckpointBytesMax,
                      .depth = 32,
                      .nodes = 2'000'000,
                      .documents = 1,
                      .scalar_bytes = kCheckpointBytesMax};
  KERF_TRY(const Document document, parse_json(text, file, limits));
  const Field root(file, document.root);
  KubeletCheckpoint checkpoint;
  KERF_TRY(const std::optional<Field> data, given_mapping(root, "Data"));
  // Without them nothing is known, and an empty answer would say that nobody holds anything.
  // kubelet writes null where there are none.
  if (!data) return root.wrong("Data is missing");
  if (data->node().find("PodDeviceEntries") == nullptr)
    return data->wrong("PodDeviceEntries is missing");
  KERF_TRY(const std::vector<Field> entries, given_list(data, "PodDeviceEntries", kEntriesMax));
  for (const Field& entry : entries) KERF_CHECK_OK(read_entry(entry, checkpoint));
  KERF_TRY(const std::optional<Field> registered, given_mapping(data, "RegisteredDevices"));
  if (registered) KERF_CHECK_OK(read_registered(*registered, checkpoint));
  return checkpoint;
}

}  // namespace kerf::codec
