// Messages of kubelet's APIs as plain values, and back.
#include "shell/kubelet/messages.h"

#include <fmt/format.h>
#include <kubelet_api/deviceplugin.pb.h>
#include <kubelet_api/podresources.pb.h>

#include <algorithm>

#include "codec/cdi.h"
#include "core/agent/shape.h"

namespace kerf::kubelet {
namespace {

/// Takes the ids of one list; `left` counts down what one request may name.
template <class Ids>
Result<std::vector<std::string>> take(const Ids& ids, std::size_t& left) {
  std::vector<std::string> out;
  if (static_cast<std::size_t>(ids.size()) > left)
    return fail(ErrorCode::TooLarge, fmt::format("more than {} devices are named", kDevicesMax));
  left -= static_cast<std::size_t>(ids.size());
  out.reserve(static_cast<std::size_t>(ids.size()));
  for (const std::string& id : ids) {
    if (id.empty() || id.size() > kIdBytesMax)
      return invalid(fmt::format("a device id has 1 to {} bytes, not {}", kIdBytesMax, id.size()));
    out.push_back(id);
  }
  return out;
}

template <class Request>
Result<void> check_count(const Request& request) {
  const int count = request.container_requests_size();
  if (count < 1) return invalid("no container is named");
  if (static_cast<std::size_t>(count) > kContainersMax)
    return fail(ErrorCode::TooLarge, fmt::format("more than {} containers", kContainersMax));
  return {};
}

template <class Message>
Result<Message> parse(std::string_view bytes, std::size_t bytes_max) {
  if (bytes.size() > bytes_max)
    return fail(ErrorCode::TooLarge, fmt::format("more than {} bytes", bytes_max));
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return invalid("not the message expected");
  return message;
}

}  // namespace

Result<std::vector<std::vector<std::string>>> containers_of(
    const v1beta1::AllocateRequest& request) {
  KERF_CHECK_OK(check_count(request));
  std::vector<std::vector<std::string>> out;
  std::size_t left = kDevicesMax;
  std::set<std::string> seen;
  for (const auto& container : request.container_requests()) {
    KERF_TRY(std::vector<std::string> ids, take(container.devices_ids(), left));
    if (ids.empty()) return invalid("a container asks for no device");
    for (const std::string& id : ids)
      if (!seen.insert(id).second) return invalid(id + " is asked for twice");
    out.push_back(std::move(ids));
  }
  return out;
}

Result<std::vector<PreferAsk>> containers_of(const v1beta1::PreferredAllocationRequest& request) {
  KERF_CHECK_OK(check_count(request));
  std::vector<PreferAsk> out;
  std::size_t left = kDevicesMax;
  for (const auto& container : request.container_requests()) {
    PreferAsk ask;
    KERF_TRY(ask.available, take(container.available_deviceids(), left));
    KERF_TRY(ask.must_include, take(container.must_include_deviceids(), left));
    const int size = container.allocation_size();
    if (size < 0 || static_cast<std::size_t>(size) < ask.must_include.size() ||
        static_cast<std::size_t>(size) > ask.available.size())
      return invalid(fmt::format("{} devices of {}, {} of them given, cannot be chosen", size,
                                 ask.available.size(), ask.must_include.size()));
    ask.size = static_cast<std::size_t>(size);
    out.push_back(std::move(ask));
  }
  return out;
}

std::vector<agent::Holder> holders_of(const v1::ListPodResourcesResponse& response) {
  std::vector<agent::Holder> out;
  for (const auto& pod : response.pod_resources()) {
    const std::string name = pod.namespace_() + "/" + pod.name();
    for (const auto& container : pod.containers())
      for (const auto& devices : container.devices())
        for (const std::string& id : devices.device_ids())
          out.push_back({id, devices.resource_name(), name});
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::map<std::string, std::set<std::string>> allocatable_of(
    const v1::AllocatableResourcesResponse& response) {
  std::map<std::string, std::set<std::string>> out;
  for (const auto& devices : response.devices())
    out[devices.resource_name()].insert(devices.device_ids().begin(), devices.device_ids().end());
  return out;
}

Result<std::vector<std::vector<std::string>>> read_allocate(std::string_view bytes) {
  KERF_TRY(const auto message, parse<v1beta1::AllocateRequest>(bytes, kRequestBytesMax));
  return containers_of(message);
}
Result<std::vector<PreferAsk>> read_prefer(std::string_view bytes) {
  KERF_TRY(const auto message, parse<v1beta1::PreferredAllocationRequest>(bytes, kRequestBytesMax));
  return containers_of(message);
}
Result<std::vector<agent::Holder>> read_holders(std::string_view bytes) {
  KERF_TRY(const auto message, parse<v1::ListPodResourcesResponse>(bytes, kAnswerBytesMax));
  return holders_of(message);
}
Result<std::map<std::string, std::set<std::string>>> read_allocatable(std::string_view bytes) {
  KERF_TRY(const auto message, parse<v1::AllocatableResourcesResponse>(bytes, kAnswerBytesMax));
  return allocatable_of(message);
}

void fill(v1beta1::ListAndWatchResponse& message, const std::vector<agent::ServedDevice>& devices) {
  message.Clear();
  for (const agent::ServedDevice& device : devices) {
    auto* out = message.add_devices();
    out->set_id(device.id);
    out->set_health(device.healthy ? "Healthy" : "Unhealthy");
  }
}

void fill(v1beta1::AllocateResponse& message,
          const std::vector<std::vector<std::string>>& containers) {
  message.Clear();
  for (const auto& ids : containers) {
    auto* container = message.add_container_responses();
    for (const std::string& id : ids)
      container->add_cdi_devices()->set_name(codec::cdi_qualified_name(id));
  }
}

void fill(v1beta1::PreferredAllocationResponse& message,
          const std::vector<std::vector<std::string>>& containers) {
  message.Clear();
  for (const auto& ids : containers) {
    auto* container = message.add_container_responses();
    for (const std::string& id : ids) container->add_deviceids(id);
  }
}

std::set<std::string> foreign_in(const std::map<std::string, std::set<std::string>>& allocatable) {
  std::set<std::string> out;
  for (const auto& [resource, ids] : allocatable) {
    if (!resource.starts_with("nvidia.com/") && !resource.starts_with("kerf.dev/")) continue;
    for (const std::string& id : ids)
      if (!agent::parse_device_id(id)) out.insert(resource);
  }
  return out;
}

}  // namespace kerf::kubelet
