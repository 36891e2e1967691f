// Writing the tree of files.
//
// Sources: the formats of /proc/driver/nvidia as libnvidia-container and NVIDIA's container toolkit
// read them; /sys/bus/pci as go-nvlib's nvpci reads it (2026-08).
#include "fakedriver/tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

#include "fakedriver/identity.h"
#include "simgpu/boards.h"

namespace kerf::fakedriver {

namespace {

namespace fs = std::filesystem;

constexpr const char* kParts[] = {"/proc", "/sys", "/dev"};
constexpr const char* kAside = "/.new";
constexpr const char* kCapabilities = "/proc/driver/nvidia/capabilities";

/// Writes files below a root; remembers the first failure.
class Tree {
 public:
  explicit Tree(std::string root) : root_(std::move(root)) {}

  void folder(const std::string& path) {
    std::error_code error;
    fs::create_directories(root_ + "/" + path, error);
    note(path, error);
  }
  void file(const std::string& path, std::string_view content) {
    folder(fs::path(path).parent_path());
    errno = 0;
    std::ofstream out(root_ + "/" + path, std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) note(path, {errno != 0 ? errno : EIO, std::generic_category()});
  }
  void link(const std::string& path, const std::string& target) {
    std::error_code error;
    fs::create_symlink(target, root_ + "/" + path, error);
    note(path, error);
  }
  /// A node that reads and writes like /dev/null; a file where no node may be made.
  void device(const std::string& path) {
    folder(fs::path(path).parent_path());
    const std::string whole = root_ + "/" + path;
    if (::mknod(whole.c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0) ::chmod(whole.c_str(), 0666);
    else file(path, "");
  }
  Result<void> result() const {
    if (wrong_.empty()) return {};
    return fail(ErrorCode::Unavailable, wrong_);
  }

 private:
  void note(const std::string& path, const std::error_code& error) {
    if (error && wrong_.empty()) wrong_ = fmt::format("{}/{}: {}", root_, path, error.message());
  }
  std::string root_;
  std::string wrong_;
};

std::string this_machines(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string modules() {
  std::string text = this_machines("/proc/modules");
  if (text.find("\nnvidia ") == std::string::npos && !text.starts_with("nvidia "))
    text +=
        "nvidia_uvm 4972544 0 - Live 0x0000000000000000 (POE)\n"
        "nvidia 103923712 1 nvidia_uvm, Live 0x0000000000000000 (POE)\n";
  return text;
}

/// With NVIDIA's majors at the end of the character devices.
std::string devices() {
  std::string text = this_machines("/proc/devices");
  if (text.empty()) text = "Character devices:\n\nBlock devices:\n";
  if (text.find("nvidia-caps") == std::string::npos)
    text.insert(std::min(text.find("\n\n"), text.size() - 1) + 1,
                "195 nvidia\n195 nvidiactl\n234 nvidia-uvm\n237 nvidia-caps\n");
  return text;
}

void write_gpu(Tree& tree, const simgpu::Driver& driver, int index) {
  const auto i = static_cast<std::size_t>(index);
  const simgpu::GpuConfig& config = driver.config().gpus[i];
  const simgpu::GpuState& gpu = driver.state().gpus[i];
  const simgpu::Board& board = *simgpu::find_board(config.board);
  const std::uint32_t id = identity_of(config.board).pci_device_id;
  const std::string address = pci_address(index);

  tree.file(
      "proc/driver/nvidia/gpus/" + address + "/information",
      fmt::format("Model: \t\t {}\nIRQ:   \t\t {}\nGPU UUID: \t {}\nVideo BIOS: \t ??.??.??.??.??\n"
                  "Bus Type: \t PCIe\nDMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\n"
                  "Bus Location: \t {}\nDevice Minor: \t {}\nGPU Excluded:\t No\n",
                  board.name, 64 + index, gpu.uuid, address, gpu.minor));
  if (board.mig()) tree.folder(fmt::format("proc/driver/nvidia/capabilities/gpu{}/mig", gpu.minor));

  const std::string pci = "sys/bus/pci/devices/" + address + "/";
  tree.file(pci + "vendor", fmt::format("0x{:04x}\n", id & 0xffffU));
  tree.file(pci + "device", fmt::format("0x{:04x}\n", id >> 16U));
  tree.file(pci + "subsystem_vendor", "0x10de\n");
  tree.file(pci + "subsystem_device", "0x0000\n");
  tree.file(pci + "class", "0x030200\n");
  tree.file(pci + "numa_node", "-1\n");
  std::string resources;
  for (int bar = 0; bar < 13; ++bar)
    resources += bar == 0 ? "0x00000000a0000000 0x00000000a0ffffff 0x0000000000040200\n"
                          : "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
  tree.file(pci + "resource", resources);
  std::string space(4096, '\0');  // what Linux shows to root of a PCI Express device
  for (std::size_t byte = 0; byte < 2; ++byte) {
    space[byte] = static_cast<char>(id >> (8 * byte));
    space[2 + byte] = static_cast<char>(id >> (16 + 8 * byte));
  }
  space[0x0a] = 0x02;  // 3D controller
  space[0x0b] = 0x03;  // display
  tree.file(pci + "config", space);
  tree.link(pci + "driver", "../../drivers/nvidia");

  tree.device(fmt::format("dev/nvidia{}", gpu.minor));
  if (!board.mig()) return;
  for (std::uint32_t gi = 0; gi < 15; ++gi) {
    const auto cap = [&](const Capability& c) {
      tree.device(fmt::format("dev/nvidia-caps/nvidia-cap{}", capability_minor(c)));
    };
    cap({gpu.minor, gi});
    for (std::uint32_t ci = 0; ci < 8; ++ci) cap({gpu.minor, gi, ci});
  }
}

}  // namespace

Result<void> prepare_tree(const std::string& folder, const simgpu::Driver& driver) {
  const std::string aside = folder + kAside;
  std::error_code error;
  fs::remove_all(aside, error);
  if (error) return fail(ErrorCode::Unavailable, aside + ": " + error.message());
  Tree tree(aside);
  const DriverIdentity& identity = *driver_of(driver.config().driver_major);
  tree.file("proc/modules", modules());
  tree.file("proc/devices", devices());
  tree.file("proc/driver/nvidia/version",
            fmt::format("NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  simulated by Kerf\n"
                        "GCC version:\n",
                        identity.driver));
  tree.file("proc/driver/nvidia/params",
            "ResmanDebugLevel: 4294967295\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n"
            "DeviceFileGID: 0\nDeviceFileMode: 438\n");
  tree.file("proc/driver/nvidia-caps/mig-minors", mig_minors());
  tree.file("proc/driver/nvidia/capabilities/mig/config", access_text(1));
  tree.file("proc/driver/nvidia/capabilities/mig/monitor", access_text(2));
  tree.folder("sys/bus/pci/devices");
  tree.folder("sys/bus/pci/drivers/nvidia");
  for (const char* node : {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset",
                           "nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2"})
    tree.device(std::string("dev/") + node);
  for (int i = 0; i < static_cast<int>(driver.config().gpus.size()); ++i)
    write_gpu(tree, driver, i);
  auto written = tree.result();
  if (!written) fs::remove_all(aside, error);
  return written;
}

Result<void> install_tree(const std::string& folder) {
  const std::string aside = folder + kAside;
  std::error_code error;
  for (const char* part : kParts) {
    fs::remove_all(folder + part, error);
    if (!error) fs::rename(aside + part, folder + part, error);
    if (error) return fail(ErrorCode::Unavailable, folder + part + ": " + error.message());
  }
  fs::remove(aside, error);
  return {};
}

Capabilities shown_capabilities(const std::string& folder) {
  Capabilities found;
  std::error_code ignored;
  const auto numbered = [](const fs::path& path, std::string_view prefix) -> std::optional<int> {
    const std::string name = path.filename();
    int number = 0;
    const char* const end = name.data() + name.size();
    if (!name.starts_with(prefix)) return std::nullopt;
    const auto [at, error] = std::from_chars(name.data() + prefix.size(), end, number);
    return error == std::errc{} && at == end ? std::optional(number) : std::nullopt;
  };
  for (const auto& gpu : fs::directory_iterator(folder + kCapabilities, ignored)) {
    const auto minor = numbered(gpu, "gpu");
    if (!minor) continue;
    for (const auto& gi : fs::directory_iterator(gpu.path() / "mig", ignored)) {
      const auto id = numbered(gi, "gi");
      if (!id) continue;
      found.push_back({*minor, static_cast<std::uint32_t>(*id)});
      for (const auto& ci : fs::directory_iterator(gi, ignored))
        if (const auto part = numbered(ci, "ci"))
          found.push_back(
              {*minor, static_cast<std::uint32_t>(*id), static_cast<std::uint32_t>(*part)});
    }
  }
  std::ranges::sort(found);
  return found;
}

bool show_capabilities(const std::string& folder, const Capabilities& before,
                       const Capabilities& now) {
  const std::string root = folder + kCapabilities + "/";
  Capabilities gone;
  Capabilities made;
  std::ranges::set_difference(before, now, std::back_inserter(gone));
  std::ranges::set_difference(now, before, std::back_inserter(made));
  // A GPU instance comes before its compute instances, and goes after them. Plain system calls:
  // this is part of every creation.
  const auto is_compute = [](const Capability& c) {
    return c.compute_instance != simgpu::kNoInstance;
  };
  std::ranges::stable_partition(gone, is_compute);
  std::ranges::stable_partition(made, std::not_fn(is_compute));
  const auto done = [](int outcome, int fine) { return outcome == 0 || errno == fine; };
  bool all = true;
  for (const Capability& c : gone) {
    const std::string path = root + capability_path(c);
    all = done(::unlink((path + "/access").c_str()), ENOENT) && all;
    all = done(::rmdir(path.c_str()), ENOENT) && all;
  }
  for (const Capability& c : made) {
    const std::string path = root + capability_path(c);
    all = done(::mkdir(path.c_str(), 0755), EEXIST) && all;
    const int file =
        ::open((path + "/access").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const std::string text = access_text(capability_minor(c));
    all = file >= 0 && ::write(file, text.data(), text.size()) > 0 && all;
    if (file >= 0) ::close(file);
  }
  return all;
}

}  // namespace kerf::fakedriver
