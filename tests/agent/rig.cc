// Rig: the process, its log, and what can be seen from outside.
#include "rig.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "codec/cdi.h"
#include "core/control/gpu_node.h"
#include "fakedriver/machine.h"
#include "simgpu/boards.h"

namespace kerf::rig {
namespace {

namespace fs = std::filesystem;

simgpu::Config config_of(const Rig::Options& options) {
  simgpu::Config config;
  for (const std::string& board : options.boards) config.gpus.push_back({board, "", -1});
  config.latencies = simgpu::Latencies::none();
  using Op = simgpu::Operation;
  for (const Op op : {Op::CreateGpuInstance, Op::DestroyGpuInstance, Op::CreateComputeInstance,
                      Op::DestroyComputeInstance})
    config.latencies.of(op) = {options.latency_ms, options.latency_ms};
  if (options.latencies) config.latencies = *options.latencies;
  return config;
}

std::string resource_of(const std::string& profile) {
  std::string name = profile;
  std::replace(name.begin(), name.end(), '+', '.');
  return "nvidia.com/mig-" + name;
}

int code_of(int status) { return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

std::string id_of(const Wanted& slice) {
  return control::device_id(static_cast<std::uint32_t>(slice.gpu), slice.profile,
                            static_cast<std::uint8_t>(slice.start));
}

Rig::Rig(const Options& options)
    : state_(options.state.empty() ? folder_.at("state") : options.state),
      metrics_(options.metrics),
      gpus_(static_cast<int>(options.boards.size())),
      kubelet_(folder_.at("kubelet/device-plugins"),
               folder_.at("kubelet/pod-resources/kubelet.sock")) {
  for (const char* folder : {"machine", "kubelet/device-plugins", "kubelet/pod-resources"})
    fs::create_directories(at(folder));
  auto machine = fakedriver::Machine::create(at("machine"), config_of(options));
  if (!machine) {
    ADD_FAILURE() << machine.error().message();
    return;
  }
  const auto cut = machine->change([](simgpu::Driver& driver) {
    for (int i = 0; i < driver.device_count().value; ++i)
      driver.set_mig_mode(driver.device_by_index(i).value, true);
    return 0;
  });
  EXPECT_TRUE(cut.has_value());
  kubelet_.start();
  if (!options.cordoned) return;
  web::Server::Options server;
  server.address = "127.0.0.1";
  auto api =
      web::Server::start(server, {{"/api/v1/nodes/n1", [](const web::Request&) {
                                     return web::Response{200,
                                                          R"({"kind":"Node","apiVersion":"v1",)"
                                                          R"("metadata":{"name":"n1","uid":"u1"},)"
                                                          R"("spec":{"unschedulable":true}})",
                                                          "application/json"};
                                   }}});
  if (api) api_ = *std::move(api);
  else ADD_FAILURE() << api.error().message();
  folder_.write("token", "t");
  folder_.write("ca", "not used");
}

Rig::~Rig() {
  if (running()) kill();
}

void Rig::layout(const std::vector<Wanted>& slices) {
  wanted_ = slices;
  std::string text = "gpus:\n";
  for (int gpu = 0; gpu < gpus_; ++gpu) {
    text += "- slices:";
    bool any = false;
    for (const Wanted& slice : slices) {
      if (slice.gpu != gpu) continue;
      text += (any ? "" : "\n") + std::string("  - {profile: ") + slice.profile +
              ", start: " + std::to_string(slice.start) +
              ", resource: " + resource_of(slice.profile) +
              ", state: " + (slice.published ? "Published" : "Parked") + "}\n";
      any = true;
      resources_.insert(resource_of(slice.profile));
    }
    if (!any) text += " []\n";
  }
  std::ofstream(at("layout.new"), std::ios::binary) << text;
  fs::rename(at("layout.new"), at("layout.yaml"));
}

void Rig::start(int kill_after) {
  int pipe_ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  std::vector<std::string> words = {
      KERFD,           "agent",       "--layout",       at("layout.yaml"), "--state",
      state_,          "--kubelet",   at("kubelet"),    "--cdi",           at("cdi"),
      "--driver-root", at("machine"), "--nvml-library", KERF_FAKE_NVML,    "--metrics",
      metrics_};
  if (api_)
    words.insert(words.end(), {"--node-name", "n1", "--api-server",
                               "http://127.0.0.1:" + std::to_string(api_->port()), "--ca", at("ca"),
                               "--token", at("token")});
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string machine = std::string(fakedriver::kFolderVariable) + "=" + at("machine");
  const std::string path = "PATH=/usr/bin:/bin";
  char* const environment[] = {const_cast<char*>(machine.c_str()), const_cast<char*>(path.c_str()),
                               nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  EXPECT_EQ(::posix_spawn(&pid_, KERFD, &actions, nullptr, arguments.data(), environment), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  reader_ = std::thread([this, fd = pipe_ends[0], kill_after] { read_log(fd, kill_after); });
}

void Rig::read_log(int fd, int kill_after) {
  std::string rest;
  char buffer[4096];
  int lines = 0;
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    rest.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      if (++lines == kill_after) ::kill(pid_, SIGKILL);
      const std::lock_guard lock(mutex_);
      log_.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
  }
  ::close(fd);
}

int Rig::wait() {
  int status = 0;
  if (pid_ > 0) ::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (reader_.joinable()) reader_.join();
  return code_of(status);
}

int Rig::kill() {
  ::kill(pid_, SIGKILL);
  return wait();
}

int Rig::terminate() {
  ::kill(pid_, SIGTERM);
  return wait();
}

bool Rig::running() const {
  siginfo_t info{};
  return pid_ > 0 &&
         ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

std::vector<std::string> Rig::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

int Rig::lines() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(log_.size());
}

bool Rig::wait_for(const std::function<bool()>& condition) const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

Standing Rig::standing() const {
  Standing standing;
  auto machine = fakedriver::Machine::open(at("machine"));
  if (!machine) return {machine.error().message()};
  const auto read = machine->read([&](simgpu::Driver& driver) {
    const simgpu::State state = driver.state();
    for (std::size_t gpu = 0; gpu < state.gpus.size(); ++gpu) {
      const simgpu::Board* board = simgpu::find_board(driver.config().gpus[gpu].board);
      for (const auto& instance : state.gpus[gpu].instances) {
        std::string words =
            control::device_id(static_cast<std::uint32_t>(gpu),
                               std::string(board->profiles[instance.profile].name), instance.start);
        words += instance.compute_instances.empty() ? std::string(" incomplete")
                                                    : " " + instance.compute_instances[0].uuid;
        standing.insert(words);
      }
    }
    return 0;
  });
  if (!read) standing.insert(read.error().message());
  return standing;
}

std::set<std::string> Rig::healthy() const {
  std::set<std::string> ids;
  for (const std::string& resource : resources_) ids.merge(kubelet_.healthy(resource));
  return ids;
}

std::set<std::string> Rig::cdi_devices() const {
  std::set<std::string> ids;
  if (!fs::exists(at("cdi"))) return ids;
  for (const auto& file : fs::directory_iterator(at("cdi"))) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto entry = codec::read_cdi_entry(text, file.path().string());
    ids.insert(entry ? entry->device + " " + entry->uuid : file.path().filename().string());
  }
  return ids;
}

std::string Rig::difference() const {
  std::set<std::string> wanted;
  std::set<std::string> offered;
  std::set<std::string> resources;
  for (const Wanted& slice : wanted_) {
    wanted.insert(id_of(slice));
    if (slice.published) offered.insert(id_of(slice));
    resources.insert(resource_of(slice.profile));
  }
  const Standing standing = this->standing();
  std::set<std::string> ids;
  for (const std::string& one : standing) {
    ids.insert(one.substr(0, one.find(' ')));
    if (one.ends_with("incomplete")) return one;
  }
  const auto list = [](const std::set<std::string>& set) {
    std::string words;
    for (const std::string& word : set) words += (words.empty() ? "" : ", ") + word;
    return "[" + words + "]";
  };
  if (ids != wanted) return "stands: " + list(ids) + ", wanted: " + list(wanted);
  if (cdi_devices() != standing)
    return "CDI: " + list(cdi_devices()) + ", stands: " + list(standing);
  if (healthy() != offered) return "healthy: " + list(healthy()) + ", wanted: " + list(offered);
  for (const std::string& folder : {state_, at("cdi"), at("kubelet/device-plugins")}) {
    if (!fs::exists(folder)) continue;
    for (const auto& file : fs::directory_iterator(folder)) {
      const std::string name = file.path().filename().string();
      const bool known = name == "journal" || name == "lock" || name == "kubelet.sock" ||
                         name == "kubelet_internal_checkpoint" || name.starts_with("kerf");
      if (!known) return "left behind: " + folder + "/" + name;
    }
  }
  return "";
}

}  // namespace kerf::rig
