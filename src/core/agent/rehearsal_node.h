// RehearsalNode: the small world in which the agent's mind is rehearsed: a driver, kubelet and disk
// that do at once what they are asked for.
#pragma once

#include <deque>
#include <utility>

#include "core/agent/agent.h"
#include "core/agent/rehearsal.h"

namespace kerf::agent {

class RehearsalNode {
 public:
  RehearsalNode(const gpu::Catalogue& catalogue, const NodeRead& node)
      : catalogue_(catalogue), node_(node), gpus_(node.gpus), agent_(catalogue) {
    for (const auto& [resource, devices] : node.healthy)
      for (const std::string& device : devices) offered_[device] = resource;
    published_ = offered_;
    names_ = offered_;
  }

  /// The agent starts, told of no layout, or of that one. These answer false if the node does not
  /// come to rest.
  bool start(const control::GpuNodeSpec* wanted);
  /// The layout wanted changes while the agent runs.
  bool want(const control::GpuNodeSpec& wanted);

  const std::vector<SeenGpu>& gpus() const { return gpus_; }
  const control::GpuNodeStatus& status() const { return status_; }
  /// Without what was taken back again.
  std::vector<RehearsedStep> steps() const;
  /// The agent's number of a GPU.
  std::uint32_t number_of(const std::string& uuid) const;

 private:
  bool settle();
  void deliver(std::vector<Event> batch);
  Event outcome(const Effect& effect);
  Code operate(const Action& action);
  Code create(const CreateInstance& op);
  Code complete(const CreateCompute& op);
  Code destroy(const DestroyCompute& op);
  Code destroy(const DestroyInstance& op);
  void serve(const Serve& serve);
  void write(const Journal& journal);
  /// A step, or one more driver operation of the last one of that device.
  void add(RehearsedStep::What what, const std::string& uuid, const std::string& device,
           int operations);
  std::string device_at(const SeenGpu& gpu, const SeenInstance& instance) const;
  SeenGpu* gpu_of(const std::string& uuid);

  const gpu::Catalogue& catalogue_;
  const NodeRead& node_;
  std::vector<SeenGpu> gpus_;
  Agent agent_;
  Instant now_ = 1;
  Instant changed_ = 1;
  Instant wake_at_ = -1;
  std::deque<Effect> waiting_;
  control::GpuNodeStatus status_;
  std::map<std::string, std::vector<ServedDevice>> lists_;
  std::map<std::string, std::string> published_;  ///< device -> resource, as it was read
  std::map<std::string, std::string> offered_;    ///< device -> resource, now
  std::map<std::string, std::string> names_;      ///< device -> resource, offered or parked
  std::set<std::string> virtual_;                 ///< whole GPUs and replicas in the journal
  std::vector<RehearsedStep> steps_;
  int made_ = 0;
};

}  // namespace kerf::agent
