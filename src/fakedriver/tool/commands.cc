// The commands of kerf-fake-driver.
#include "fakedriver/tool/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "fakedriver/enter.h"
#include "fakedriver/identity.h"
#include "fakedriver/machine.h"
#include "fakedriver/script.h"
#include "simgpu/boards.h"
#include "simgpu/names.h"

namespace kerf::fakedriver::tool {

namespace {

namespace fs = std::filesystem;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

const char* on(bool yes) { return yes ? "on" : "off"; }

std::string describe(const simgpu::Driver& driver) {
  std::string text = fmt::format("driver {}\n", driver_of(driver.config().driver_major)->driver);
  for (std::size_t i = 0; i < driver.state().gpus.size(); ++i) {
    const simgpu::GpuState& gpu = driver.state().gpus[i];
    const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[i].board);
    text += fmt::format("gpu {}  {}  {}  {}{}", i, board.key, gpu.uuid,
                        pci_address(static_cast<int>(i)), gpu.lost ? "  lost" : "");
    if (board.mig()) text += fmt::format("  MIG {}", on(gpu.mig.current));
    if (gpu.mig.current != gpu.mig.pending)
      text += fmt::format(", {} after a reset", on(gpu.mig.pending));
    if (!gpu.pids.empty()) text += fmt::format("  pids {}", fmt::join(gpu.pids, " "));
    if (gpu.open_clients > 0) text += fmt::format("  {} clients", gpu.open_clients);
    text += '\n';
    std::vector<const simgpu::GpuInstanceState*> by_start;
    for (const simgpu::GpuInstanceState& gi : gpu.instances) by_start.push_back(&gi);
    std::ranges::sort(by_start, {}, &simgpu::GpuInstanceState::start);
    for (const auto* gi : by_start) {
      text += fmt::format("  {}@{}  gi {}", board.profiles[gi->profile].name, gi->start, gi->id);
      if (gi->compute_instances.empty()) text += "  without a compute instance";
      for (const simgpu::ComputeInstanceState& ci : gi->compute_instances) {
        text += fmt::format("  ci {} {}", ci.id, ci.uuid);
        if (!ci.pids.empty()) text += fmt::format(" pids {}", fmt::join(ci.pids, " "));
      }
      text += '\n';
    }
  }
  for (const simgpu::Fault& fault : driver.state().faults)
    text += to_line(Fail{fault.operation, fault.code, fault.count, fault.effect, fault.gpu}) + '\n';
  if (driver.state().slow) text += "slow on\n";
  return text;
}

Result<void> init(const Options& options) {
  KERF_TRY(auto machine, Machine::create(options.folder, options.config));
  if (options.mig)
    KERF_CHECK_OK(machine.change([](simgpu::Driver& driver) {
      for (int i = 0; i < static_cast<int>(driver.state().gpus.size()); ++i)
        driver.set_mig_mode(driver.handle_of(i), true);
      // In a passthrough VM the mode comes with the boot.
      if (driver.config().passthrough) driver.reboot();
    }));
  KERF_TRY(const auto text, machine.read([](simgpu::Driver& d) { return describe(d); }));
  print(text);
  return {};
}

/// In one change of the machine; what stands before a line that fails has happened.
Result<void> script(const Options& options, const std::string& text, const std::string& name) {
  KERF_TRY(const auto steps, read_script(text, name));
  if (steps.empty()) return invalid(name + ": there is no action in it; --help has some");
  KERF_TRY(auto machine, Machine::open(options.folder));
  KERF_TRY(auto done, machine.change([&](simgpu::Driver& driver) -> Result<void> {
    for (const Step& step : steps) {
      auto happened = apply(step.action, driver);
      if (happened) continue;
      const bool first = &step == &steps.front();
      return tl::unexpected(
          std::move(happened.error())
              .within(fmt::format("{}:{}: {}{}", name, step.line, to_line(step.action),
                                  first ? "" : " (the lines before have happened)")));
    }
    return {};
  }));
  return done;
}

Result<std::string> read_file(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::error_code error;
  if (fs::is_directory(path, error))
    return invalid(path + ": a folder, expected a file of actions, one a line");
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::NotFound, path + ": cannot be read");
  std::string text(kMostScriptBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(ErrorCode::Unavailable, path + ": cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

/// libnvidia-ml.so.1 lies in lib/ beside the program, or in ../lib/kerf/ of an installation.
Result<std::string> library_folder() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& folder : {here / "lib", here / "../lib/kerf"})
    if (fs::exists(folder / "libnvidia-ml.so.1", error))
      return fs::canonical(folder, error).string();
  return fail(ErrorCode::NotFound,
              "libnvidia-ml.so.1 is neither in lib/ nor in ../lib/kerf/ beside "
              "kerf-fake-driver: is it built?");
}

Result<void> enter_machine(const Options& options) {
  KERF_TRY(const auto library, library_folder());
  // nvidia-smi is this program under another name; made aside, as others may be entering.
  std::error_code error;
  const fs::path bin = fs::path(options.folder) / "bin";
  const fs::path aside = bin / fmt::format(".{}", ::getpid());
  fs::create_directories(bin, error);
  if (!error) fs::create_symlink(fs::read_symlink("/proc/self/exe", error), aside, error);
  if (!error) fs::rename(aside, bin / "nvidia-smi", error);
  if (error) return fail(ErrorCode::Unavailable, bin.string() + ": " + error.message());
  return enter({options.folder, library, options.words, !options.in_place, !options.keep_proc});
}

}  // namespace

Result<void> run(const Options& options) {
  switch (options.command) {
    case Command::Help: print(options.text); return {};
    case Command::Init: return init(options);
    case Command::Show: {
      KERF_TRY(auto machine, Machine::open(options.folder));
      KERF_TRY(const auto text, machine.read([](simgpu::Driver& d) { return describe(d); }));
      print(text);
      return {};
    }
    case Command::Do:
      return script(options, fmt::format("{}", fmt::join(options.words, " ")), "do");
    case Command::RunScript: {
      KERF_TRY(const auto text, read_file(options.words.front()));
      return script(options, text, options.words.front());
    }
    case Command::Enter: return enter_machine(options);
    case Command::Boards:
      for (const simgpu::Board& board : simgpu::boards())
        print(fmt::format("{:<14}{}{}\n", board.key, board.name, board.mig() ? "" : "  (no MIG)"));
      return {};
    case Command::Operations:
      for (int i = 0; i < static_cast<int>(simgpu::Operation::kCount); ++i)
        print(fmt::format("{}\n", simgpu::to_string(static_cast<simgpu::Operation>(i))));
      return {};
  }
  return {};
}

}  // namespace kerf::fakedriver::tool
