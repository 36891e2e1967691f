// Node: the rig of the agent's tests, with a clock.
#include "agent_node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/assert.h"
#include "core/agent/journal.h"
#include "fakedriver/machine.h"

namespace kerf::bench {
namespace {

namespace fs = std::filesystem;

simgpu::Latencies latencies_of(const DriverTimes& times) {
  simgpu::Latencies latencies;
  if (!times.recorded_reads) latencies = simgpu::Latencies::none();
  using Op = simgpu::Operation;
  for (const Op op : {Op::CreateGpuInstance, Op::DestroyGpuInstance, Op::CreateComputeInstance,
                      Op::DestroyComputeInstance})
    latencies.of(op) = {times.change_ms, times.change_ms};
  return latencies;
}

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

Layout full_layout() {
  Layout layout;
  for (int gpu = 0; gpu < kGpus; ++gpu)
    for (int start = 0; start < kSlices / kGpus; ++start) layout.push_back({gpu, "1g.10gb", start});
  return layout;
}

void want(Layout& layout, int gpu, int start, As as) {
  std::erase_if(layout, [&](const rig::Wanted& it) { return it.gpu == gpu && it.start == start; });
  if (as != As::Missing) layout.push_back({gpu, "1g.10gb", start, as == As::Published});
}

Node::Node(const DriverTimes& times, const std::string& state, const std::string& metrics) {
  fs::remove_all(state);
  rig::Rig::Options options;
  options.boards = std::vector<std::string>(kGpus, "H100-80");
  options.latencies = latencies_of(times);
  options.state = state;
  options.metrics = metrics;
  rig_ = std::make_unique<rig::Rig>(options);
}

double Node::await(const std::function<bool()>& condition) {
  const auto begun = std::chrono::steady_clock::now();
  const auto now = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  while (!condition()) {
    KERF_ASSERT(rig_->running() && now() < 600, "the agent runs, and does what the layout says");
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  return now();
}

void Node::settle() {
  await([this] { return rig_->difference().empty(); });
}

std::uint64_t Node::changes() {
  auto machine = fakedriver::Machine::open(rig_->at("machine"));
  KERF_ASSERT(machine.has_value(), "the rig's machine is there");
  const auto changes = machine->read([](simgpu::Driver& driver) { return driver.state().changes; });
  KERF_ASSERT(changes.has_value(), "the machine can be read");
  return *changes;
}

double Node::start(std::size_t healthy) {
  rig_->start();
  return await([this, healthy] { return rig_->healthy().size() == healthy; });
}

void Node::stop() {
  KERF_ASSERT(rig_->terminate() == 0, "SIGTERM ends it");
  KERF_ASSERT(rig_->wait_for([this] { return rig_->healthy().empty(); }),
              "kubelet hears that the streams have ended");
}

void Node::reboot() {
  stop();
  auto machine = fakedriver::Machine::open(rig_->at("machine"));
  KERF_ASSERT(machine.has_value(), "the rig's machine is there");
  const auto booted = machine->change([](simgpu::Driver& driver) {
    driver.reboot();
    for (int gpu = 0; gpu < kGpus; ++gpu) driver.set_mig_mode(driver.handle_of(gpu), true);
  });
  KERF_ASSERT(booted.has_value(), "the machine can be changed");
  fs::remove_all(rig_->at("cdi"));
  // The kernel of this machine did not boot, so the journal is made one of another boot.
  const std::string path = rig_->state() + "/journal";
  auto journal = agent::journal_from_text(read_all(path));
  KERF_ASSERT(journal.has_value(), "the agent's journal can be read");
  journal->boot_id = "00000000-0000-4000-8000-000000000000";
  std::ofstream(path, std::ios::binary) << agent::to_text(*journal);
  rig_->kubelet().restart();
}

Memory Node::memory() const {
  std::istringstream lines(read_all("/proc/" + std::to_string(rig_->pid()) + "/status"));
  Memory memory;
  std::string word;
  while (lines >> word) {
    double kib = 0;
    if (word == "VmRSS:" && lines >> kib) memory.resident_mib = kib / 1024;
    if (word == "RssAnon:" && lines >> kib) memory.anonymous_mib = kib / 1024;
  }
  return memory;
}

double Node::cpu_seconds() const {
  clockid_t clock{};
  timespec used{};
  KERF_ASSERT(::clock_getcpuclockid(rig_->pid(), &clock) == 0 && ::clock_gettime(clock, &used) == 0,
              "a process that runs has a clock");
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

namespace {

int local_socket(int port, sockaddr_in& address) {
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

}  // namespace

int free_port() {
  sockaddr_in address{};
  const int fd = local_socket(0, address);
  socklen_t size = sizeof address;
  const bool good = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  KERF_ASSERT(good, "a port of this machine is free");
  return ntohs(address.sin_port);
}

std::string scrape(int port) {
  sockaddr_in address{};
  const int fd = local_socket(port, address);
  constexpr std::string_view kRequest =
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(kRequest.size())) {
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(fd);
  return answer;
}

}  // namespace kerf::bench
