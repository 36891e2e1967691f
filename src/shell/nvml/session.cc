// Session: initialising, generations, and the questions about a GPU as a whole.
#include "shell/nvml/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "shell/nvml/session_parts.h"

namespace kerf::nvml {
namespace {

/// A word that a journal, a file name and a log line can hold.
bool is_word(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Session::Session(std::unique_ptr<Library> library)
    : library_(std::move(library)),
      call_(library_->functions()),
      thread_(std::this_thread::get_id()) {}

Session::~Session() { shutdown(); }

void Session::on_thread() const {
  KERF_ASSERT(std::this_thread::get_id() == thread_, "NVML is called from one thread");
}

Code Session::note(nvmlabi::Return code) {
  ++calls_;
  if (code == nvmlabi::kUninitialized || code == nvmlabi::kDriverNotLoaded) broken_ = true;
  if (code == nvmlabi::kLibRmVersionMismatch) broken_ = mismatched_ = true;
  return code_of(code);
}

Code Session::init() {
  shutdown();
  const Code code = note(call_.init_v2());
  ready_ = code == Code::Success;
  broken_ = false;
  mismatched_ = code == static_cast<Code>(nvmlabi::kLibRmVersionMismatch);
  profile_version_ = 3;
  ++generation_;
  return code;
}

void Session::shutdown() {
  on_thread();
  if (!ready_) return;
  stop_watching();
  note(call_.shutdown());
  ready_ = false;
}

void Session::outdate() {
  on_thread();
  stop_watching();
  ++generation_;
}

Answer<std::string> Session::driver_version() {
  if (const auto code = refuse()) return {*code, {}};
  char buffer[nvmlabi::kVersionTextSize] = {};
  const Code code = note(call_.system_get_driver_version(buffer, sizeof buffer));
  return {code, code == Code::Success ? text_of(buffer) : std::string()};
}

Answer<std::string> Session::nvml_version() {
  if (const auto code = refuse()) return {*code, {}};
  char buffer[nvmlabi::kVersionTextSize] = {};
  const Code code = note(call_.system_get_nvml_version(buffer, sizeof buffer));
  return {code, code == Code::Success ? text_of(buffer) : std::string()};
}

Answer<std::string> Session::cuda_version() {
  if (const auto code = refuse()) return {*code, {}};
  int version = 0;
  const Code code = note(call_.system_get_cuda_driver_version(&version));
  if (code != Code::Success) return {code, {}};
  if (version < 0) return {Code::Unknown, {}};
  return {code, fmt::format("{}.{}", version / 1000, version % 1000 / 10)};
}

Answer<std::uint32_t> Session::gpu_count() {
  if (const auto code = refuse()) return {*code, 0};
  unsigned count = 0;
  const Code code = note(call_.device_get_count_v2(&count));
  if (code != Code::Success) return {code, 0};
  if (count > kGpusMax) return {Code::Unknown, 0};
  return {code, count};
}

Answer<Device> Session::gpu(std::uint32_t index) {
  if (const auto code = refuse()) return {*code, {}};
  nvmlabi::Device raw = nullptr;
  const Code code = note(call_.device_get_handle_by_index_v2(index, &raw));
  if (code != Code::Success) return {code, {}};
  if (raw == nullptr) return {Code::Unknown, {}};
  return {code, stamp(raw)};
}

Answer<std::string> Session::uuid(Device device) {
  if (const auto code = refuse(device)) return {*code, {}};
  char buffer[nvmlabi::kUuidSize] = {};
  const Code code = note(call_.device_get_uuid(device.raw, buffer, sizeof buffer));
  if (code != Code::Success) return {code, {}};
  std::string uuid = text_of(buffer);
  if (!is_word(uuid)) return {Code::Unknown, {}};
  return {code, std::move(uuid)};
}

Answer<std::string> Session::name(Device device) {
  if (const auto code = refuse(device)) return {*code, {}};
  char buffer[nvmlabi::kNameSize] = {};
  const Code code = note(call_.device_get_name(device.raw, buffer, sizeof buffer));
  return {code, code == Code::Success ? text_of(buffer) : std::string()};
}

Answer<std::string> Session::pci_bus_id(Device device) {
  if (const auto code = refuse(device)) return {*code, {}};
  nvmlabi::PciInfo info{};
  const Code code = note(call_.device_get_pci_info_v3(device.raw, &info));
  return {code, code == Code::Success ? text_of(info.bus_id) : std::string()};
}

Answer<PciIds> Session::pci_ids(Device device) {
  if (const auto code = refuse(device)) return {*code, {}};
  nvmlabi::PciInfo info{};
  const Code code = note(call_.device_get_pci_info_v3(device.raw, &info));
  if (code != Code::Success) return {code, {}};
  return {code, {info.pci_device_id, info.pci_subsystem_id}};
}

Answer<std::uint32_t> Session::minor_number(Device device) {
  if (const auto code = refuse(device)) return {*code, 0};
  unsigned minor = 0;
  const Code code = note(call_.device_get_minor_number(device.raw, &minor));
  return {code, code == Code::Success ? minor : 0};
}

Answer<MemoryUse> Session::memory(Device device) {
  if (const auto code = refuse(device)) return {*code, {}};
  nvmlabi::Memory memory{};
  const Code code = note(call_.device_get_memory_info(device.raw, &memory));
  if (code != Code::Success) return {code, {}};
  return {code, {memory.total / kMib, memory.used / kMib}};
}

Answer<MigMode> Session::mig_mode(Device gpu) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  unsigned current = nvmlabi::kDisabled;
  unsigned pending = nvmlabi::kDisabled;
  const Code code = note(call_.device_get_mig_mode(gpu.raw, &current, &pending));
  if (code != Code::Success) return {code, {}};
  return {code, {current == nvmlabi::kEnabled, pending == nvmlabi::kEnabled}};
}

Answer<Code> Session::set_mig_mode(Device gpu, bool enable) {
  if (const auto code = refuse(gpu)) return {*code, *code};
  nvmlabi::Return activation = nvmlabi::kUnknown;
  const Code code = note(call_.device_set_mig_mode(
      gpu.raw, enable ? nvmlabi::kEnabled : nvmlabi::kDisabled, &activation));
  return {code, code_of(activation)};
}

Answer<Attributes> Session::attributes(Device mig_device) {
  if (const auto code = refuse(mig_device)) return {*code, {}};
  nvmlabi::DeviceAttributes raw{};
  const Code code = note(call_.device_get_attributes_v2(mig_device.raw, &raw));
  if (code != Code::Success) return {code, {}};
  return {code, {raw.multiprocessor_count, raw.compute_instance_slice_count, raw.memory_size_mib}};
}

}  // namespace kerf::nvml
