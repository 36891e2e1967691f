// Session: running processes and events.
#include <algorithm>
#include <utility>

#include "shell/nvml/session.h"
#include "shell/nvml/session_parts.h"

namespace kerf::nvml {
namespace {

/// A list that outgrew its buffer is asked for again, with room for more; not for ever.
constexpr int kTries = 4;

RunningProcess process_of(const nvmlabi::ProcessInfo& raw) {
  RunningProcess process{raw.pid, raw.gpu_instance_id, raw.compute_instance_id, std::nullopt};
  if (raw.used_gpu_memory != nvmlabi::kValueNotAvailable)
    process.used_mib = raw.used_gpu_memory / kMib;
  return process;
}

}  // namespace

Answer<std::vector<RunningProcess>> Session::list(Device device, const ProcessFunction& newest,
                                                  const ProcessFunction& older) {
  const ProcessFunction& ask = newest.there() ? newest : older;
  unsigned room = 64;
  for (int i = 0; i < kTries; ++i) {
    std::vector<nvmlabi::ProcessInfo> buffer(room, {0, 0, agent::kNoInstance, agent::kNoInstance});
    unsigned count = room;
    const Code code = note(ask(device.raw, &count, buffer.data()));
    if (code == Code::InsufficientSize && count <= kProcessesMax / 2) {
      room = std::max(count, room) * 2;
      continue;
    }
    if (code != Code::Success) return {code, {}};
    if (count > room) return {Code::Unknown, {}};
    std::vector<RunningProcess> found;
    for (unsigned at = 0; at < count; ++at) found.push_back(process_of(buffer[at]));
    return {code, std::move(found)};
  }
  return {Code::InsufficientSize, {}};
}

Answer<std::vector<RunningProcess>> Session::processes(Device device) {
  if (const auto code = refuse(device)) return {*code, {}};
  auto answer = list(device, call_.device_get_compute_running_processes_v3,
                     call_.device_get_compute_running_processes_v2);
  if (!answer.ok()) return answer;
  const ProcessFunction none;
  for (const auto& [newest, older] :
       {std::pair(&call_.device_get_graphics_running_processes_v3,
                  &call_.device_get_graphics_running_processes_v2),
        std::pair(&call_.device_get_mps_compute_running_processes_v3, &none)}) {
    auto more = list(device, *newest, *older);
    // Boards without graphics, and drivers older than the call.
    if (more.code == Code::NotSupported || more.code == Code::FunctionNotFound) continue;
    if (!more.ok()) return more;
    answer.value.insert(answer.value.end(), more.value.begin(), more.value.end());
  }
  const auto key = [](const RunningProcess& p) { return std::tuple(p.gi, p.ci, p.pid); };
  std::stable_sort(answer.value.begin(), answer.value.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto twice = std::unique(answer.value.begin(), answer.value.end(),
                                 [&](const auto& a, const auto& b) { return key(a) == key(b); });
  answer.value.erase(twice, answer.value.end());
  return answer;
}

std::vector<Code> Session::watch(const std::vector<Device>& gpus) {
  if (const auto code = refuse()) return std::vector(gpus.size(), *code);
  stop_watching();
  const Code made = note(call_.event_set_create(&events_));
  if (made != Code::Success) events_ = nullptr;
  if (events_ == nullptr)
    return std::vector(gpus.size(), made == Code::Success ? Code::Unknown : made);
  std::vector<Code> codes;
  for (const Device& gpu : gpus) {
    if (const auto code = refuse(gpu)) {
      codes.push_back(*code);
      continue;
    }
    const Code code =
        note(call_.device_register_events(gpu.raw, nvmlabi::kEventXidCriticalError, events_));
    codes.push_back(code == Code::NotSupported ? Code::Success : code);
  }
  return codes;
}

void Session::stop_watching() {
  on_thread();
  if (events_ != nullptr && ready_) note(call_.event_set_free(events_));
  events_ = nullptr;
}

Answer<XidEvent> Session::next_event(std::uint32_t wait_ms) {
  if (const auto code = refuse()) return {*code, {}};
  if (events_ == nullptr) return {Code::InvalidState, {}};
  // The older call leaves the ids as they are.
  nvmlabi::EventData data{nullptr, 0, 0, agent::kNoInstance, agent::kNoInstance};
  const auto& wait =
      call_.event_set_wait_v2.there() ? call_.event_set_wait_v2 : call_.event_set_wait;
  const Code code = note(wait(events_, &data, wait_ms));
  if (code != Code::Success) {
    if (code != Code::Timeout) stop_watching();
    return {code, {}};
  }
  XidEvent event;
  event.raw = data.device;
  event.is_xid = data.event_type == nvmlabi::kEventXidCriticalError;
  event.xid = fits<std::uint32_t>(data.event_data) ? static_cast<std::uint32_t>(data.event_data)
                                                   : 0xffffffff;
  event.gi = data.gpu_instance_id;
  return {code, event};
}

}  // namespace kerf::nvml
