// DeviceFiles: nodes by the driver's own lists, libraries by NVIDIA's container toolkit.
#include "shell/agent/device_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <utility>

#include "codec/mig_minors.h"
#include "shell/runtime/child.h"
#include "shell/runtime/files.h"

namespace kerf::shell {
namespace {

constexpr std::size_t kProcBytesMax = 1u << 20;
constexpr std::size_t kSpecBytesMax = 4u << 20;
constexpr const char* kMigMinors = "/proc/driver/nvidia-caps/mig-minors";
constexpr const char* kDevices = "/proc/devices";
constexpr const char* kDriverVersion = "/proc/driver/nvidia/version";
/// Of the generator: journals wait behind it.
constexpr std::chrono::seconds kGenerate{10};
constexpr std::chrono::seconds kTryAgain{60};  ///< after a failure
constexpr const char* kGenerator = "nvidia-ctk cdi generate";
constexpr std::array kControlNodes = {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
                                      "/dev/nvidia-modeset"};

}  // namespace

DeviceFiles::DeviceFiles(Options options) : options_(std::move(options)) {
  while (options_.root.ends_with('/')) options_.root.pop_back();
}

bool DeviceFiles::exists(const std::string& path) const {
  struct stat about {};
  return ::stat((options_.root + path).c_str(), &about) == 0 || ::stat(path.c_str(), &about) == 0;
}

/// The machine's own, where it is mounted; else what this process sees, which is the same kernel.
Result<std::string> DeviceFiles::read_proc(const std::string& path) const {
  if (!options_.root.empty())
    if (auto text = runtime::read_file(options_.root + path, kProcBytesMax)) return text;
  return runtime::read_file(path, kProcBytesMax);
}

Result<codec::CdiEdits> DeviceFiles::own(std::uint32_t minor, std::uint32_t gi,
                                         std::uint32_t ci) const {
  codec::CdiEdits edits;
  codec::CdiDeviceNode gpu;
  gpu.path = fmt::format("/dev/nvidia{}", minor);
  edits.nodes.push_back(gpu);
  if (gi == agent::kNoInstance) return edits;
  KERF_TRY(const std::string text, read_proc(kMigMinors));
  KERF_TRY(const codec::MigMinors minors, codec::read_mig_minors(text, kMigMinors));
  for (const std::uint32_t part : {agent::kNoInstance, ci}) {
    const auto found = minors.find({minor, gi, part});
    if (found == minors.end())
      return fail(
          ErrorCode::NotFound,
          fmt::format("{}: has no line for GPU {} (device minor), GPU instance {}{}", kMigMinors,
                      minor, gi,
                      part == agent::kNoInstance ? std::string()
                                                 : fmt::format(", compute instance {}", part)));
    codec::CdiDeviceNode node;
    node.path = fmt::format("/dev/nvidia-caps/nvidia-cap{}", found->second);
    // The driver makes no nodes, and a tool that would (nvidia-modprobe) need not be there.
    if (!exists(node.path)) {
      KERF_TRY(const std::string devices, read_proc(kDevices));
      KERF_TRY(const codec::DeviceMajors majors, codec::read_device_majors(devices, kDevices));
      if (!majors.caps)
        return fail(ErrorCode::NotFound,
                    fmt::format("{}: has no nvidia-caps, and there is no {}: the driver has no MIG "
                                "capabilities",
                                kDevices, node.path));
      node.type = "c";
      node.major = *majors.caps;
      node.minor = found->second;
    }
    edits.nodes.push_back(std::move(node));
  }
  return edits;
}

void DeviceFiles::add_control_nodes(codec::CdiEdits& edits) const {
  codec::CdiEdits control;
  for (const char* path : kControlNodes) {
    if (!exists(path)) continue;
    codec::CdiDeviceNode node;
    node.path = path;
    control.nodes.push_back(std::move(node));
  }
  edits = codec::merged(std::move(control), edits);
}

Result<codec::CdiEdits> DeviceFiles::generated() const {
  runtime::ChildCommand command;
  command.arguments = {"nvidia-ctk", "cdi", "generate", "--format=json"};
  if (!options_.root.empty())
    command.arguments.insert(command.arguments.begin(), {"chroot", options_.root});
  command.output_max = kSpecBytesMax;
  command.deadline = kGenerate;
  KERF_TRY(const runtime::ChildOutcome outcome, runtime::run_child(command));
  if (!outcome.ok())
    return fail(ErrorCode::Unavailable, "nvidia-ctk cdi generate: " + outcome.words());
  return codec::read_cdi_base(outcome.out, kGenerator);
}

std::string DeviceFiles::base_file() const {
  if (!options_.base.empty()) return options_.base;
  for (const std::string& folder : {options_.root + "/etc/cdi", options_.cdi_folder})
    for (const char* name : {"nvidia.yaml", "nvidia.json"}) {
      struct stat about {};
      std::string file = folder + "/" + name;
      if (::stat(file.c_str(), &about) == 0) return file;
    }
  return "";
}

std::string DeviceFiles::version() const {
  const std::string file = base_file();
  struct stat about {};
  std::string version = file;
  if (!file.empty() && ::stat(file.c_str(), &about) == 0)
    version = fmt::format("{} {} {}.{}", file, about.st_size, about.st_mtim.tv_sec,
                          about.st_mtim.tv_nsec);
  for (const char* path : {kDriverVersion, kDevices})
    if (const auto text = read_proc(path)) version += *text;
  return version;
}

bool DeviceFiles::changed() {
  if (!read_) return false;
  if (version() != version_) return true;
  if (!is_due()) return false;
  const codec::CdiEdits before = common_.edits;
  return common().edits != before;  // failed again: no entry is written anew for that
}

bool DeviceFiles::is_due() const {
  return !common_.trouble.empty() && std::chrono::steady_clock::now() - read_at_ >= kTryAgain;
}

const DeviceFiles::Common& DeviceFiles::common() {
  std::string version = this->version();
  if (read_ && version == version_ && !is_due()) return common_;
  const std::string file = base_file();
  version_ = std::move(version);
  read_ = true;
  read_at_ = std::chrono::steady_clock::now();
  common_ = {};
  auto edits = file.empty() ? generated() : read_base(file);
  if (edits) {
    common_.edits = *std::move(edits);
    common_.from = file.empty() ? kGenerator : file;
  } else {
    common_.trouble = edits.error().message();
  }
  add_control_nodes(common_.edits);
  return common_;
}

Result<codec::CdiEdits> DeviceFiles::read_base(const std::string& file) const {
  KERF_TRY(const std::string text, runtime::read_file(file, kSpecBytesMax));
  return codec::read_cdi_base(text, file);
}

}  // namespace kerf::shell
