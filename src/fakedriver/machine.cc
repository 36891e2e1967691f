// Machines: a state file, and what has to be right before one is made.
#include "fakedriver/machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "fakedriver/identity.h"
#include "fakedriver/state_file.h"
#include "simgpu/boards.h"

namespace kerf::fakedriver {

std::string folder_from_environment() {
  const char* named = std::getenv(kFolderVariable);
  return named != nullptr && *named != '\0' ? named : kDefaultFolder;
}

simgpu::Caller this_caller() {
  return ::geteuid() == 0 ? simgpu::Caller::Root : simgpu::Caller::User;
}

Machine::Machine(std::unique_ptr<StateFile> file) : file_(std::move(file)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

const std::string& Machine::folder() const { return file_->folder(); }
std::mutex& Machine::mutex() { return file_->mutex(); }
simgpu::Driver& Machine::driver() { return file_->driver(); }
void Machine::unlock() { file_->unlock(); }

Result<Machine> Machine::create(const std::string& folder, const simgpu::Config& config) {
  for (const simgpu::GpuConfig& gpu : config.gpus)
    if (simgpu::find_board(gpu.board) == nullptr)
      return invalid(
          fmt::format("'{}' is not a board that can be simulated; `kerf-fake-driver boards` "
                      "lists them",
                      gpu.board));
  if (driver_of(config.driver_major) == nullptr)
    return invalid(
        fmt::format("driver {} is not simulated; 535, 550, 570 and 580 are", config.driver_major));
  // What a driver cannot have been in is refused before anything is written.
  simgpu::Driver fresh(config);
  KERF_TRY(fresh, simgpu::Driver::restore(fresh.config(), fresh.state()));

  auto file = std::make_unique<StateFile>(folder);
  KERF_CHECK_OK(file->create());
  KERF_CHECK_OK(file->replace(std::move(fresh)));
  return Machine(std::move(file));
}

Result<Machine> Machine::open(const std::string& folder) {
  Machine machine(std::make_unique<StateFile>(folder));
  KERF_CHECK_OK(machine.read([](simgpu::Driver&) {}));
  return machine;
}

Result<void> Machine::begin() { return file_->begin(); }

Result<void> Machine::end(bool store) {
  if (!store) return {};
  auto stored = file_->store();
  if (!stored) file_->forget();
  return stored;
}

}  // namespace kerf::fakedriver
