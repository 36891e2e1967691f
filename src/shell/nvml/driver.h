// Driver: what the node agent asks of the GPUs of its machine, done through NVML.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/agent/inventory.h"
#include "core/agent/labels.h"
#include "core/agent/mig_config.h"
#include "core/agent/words.h"
#include "core/gpu/model.h"
#include "shell/nvml/session.h"

namespace kerf::nvml {

/// What became of a change of MIG mode. All three are to be read: the return code says that the
/// request was accepted, the activation whether it took effect, and the mode, asked for again
/// afterwards, what is so.
struct ModeChange {
  Code code = Code::Success;
  Code activation = Code::Success;
  Code read_back = Code::Success;  ///< of the question for the mode
  MigMode mode;                    ///< if read_back is Success
  bool done(bool enable) const {
    return code == Code::Success && activation == Code::Success && read_back == Code::Success &&
           mode.current == enable;
  }
};

/// What the driver reported since the last time.
struct News {
  /// Success: that is all of it. Else events may have been missed; they are watched for again as
  /// soon as that works.
  Code code = Code::Success;
  std::vector<agent::Xid> xids;  ///< in order, of a slice where the driver names one
};

/// The GPUs of one machine.
///
/// A GPU's index is NVML's when it was first seen, and means that GPU, by UUID, for the life of
/// this object: NVML counts anew when a GPU falls off the bus, and an operation must not hit
/// another one then. No handle is kept between calls: each call asks for the GPU's handle again and
/// checks its UUID.
///
/// NVML is initialised again, which outdates all handles and makes the event set anew: when a call
/// said that it is not initialised or that no driver is loaded; and while a GPU is lost, before the
/// 1st, 2nd, 4th ... 64th, 128th, 192nd Look since, because a GPU that was reset comes back only
/// so.
///
/// One thread, the one that made it.
class Driver {
 public:
  struct Options {
    std::string library = kLibraryName;
    /// Where else it may be, in this order, if it is not there: the driver may be installed, or
    /// mounted, only after the program began. Of what is there but is not NVML the next is tried.
    std::vector<std::string> candidates = {};
  };
  /// Loads nothing yet. The catalogue must outlive the object.
  Driver(Options options, const gpu::Catalogue& catalogue);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// Loads the library if it is not loaded, initialises NVML, lists the GPUs, watches for events.
  /// A GPU that does not answer is listed all the same: it is asked again with each operation. An
  /// error says what to do; it may be tried again at any time, and as long as no library was found
  /// all candidates are. look() does it by itself.
  Result<void> start();
  bool started() const;
  /// The driver was upgraded under this process (LIB_RM_VERSION_MISMATCH): the library that it has
  /// loaded is of another version than the kernel module and cannot be exchanged. The program has
  /// to end and be started again. false again if the old driver came back.
  bool outdated() const { return session_ && session_->mismatched(); }
  /// Rises when the driver was found to have been loaded anew, or may have been; 0 before start().
  Generation generation() const { return session_ ? session_->generation() : 0; }

  // --- What the agent's mind asks for (core/agent/words.h) ---------------------------------------

  agent::Looked look();
  /// Created at that start and read back. Something else than was asked for is taken down again:
  /// INVALID_STATE.
  Code perform(const agent::CreateInstance& op);
  Code perform(const agent::CreateCompute& op);
  Code perform(const agent::DestroyCompute& op);
  Code perform(const agent::DestroyInstance& op);
  /// GPUs that the last Look told as lost are left out. `known` is false if one of the others could
  /// not be asked.
  agent::Holders processes();

  /// Does not wait.
  News news();

  // --- Beside it ---------------------------------------------------------------------------------

  /// Not the agent's: MIG mode is set at a machine's boot.
  ModeChange set_mig_mode(std::uint32_t gpu, bool enable);
  /// Everything that can be read. Changes nothing. What is not answered is said in it; an error
  /// only where not even the GPUs can be counted.
  Result<agent::Inventory> inventory();

  /// What of the node does not change while the driver is loaded, for feature_labels(). `sys` is
  /// where the kernel shows its devices. GPUs that do not answer are left out; what a GPU does not
  /// tell is left as not known. An error where not even the GPUs can be counted.
  Result<agent::NodeFacts> facts(const std::string& sys = "/sys");

  /// Memory of one GPU, or of one of its GPU instances.
  struct MemoryFacts {
    std::string gpu;  ///< UUID
    std::uint32_t gi = agent::kNoInstance;
    std::uint64_t total_mib = 0;
    std::uint64_t used_mib = 0;
  };
  /// Of each GPU that is not cut, and of each complete GPU instance of the others, as the last Look
  /// saw them: a few calls for each and no list. One that does not answer is left out.
  std::vector<MemoryFacts> memory();

  /// By NVML index, for layout_of(): GPUs as a Look sees them, with their PCI ids. An error if not
  /// all of them answer.
  Result<std::vector<agent::MigConfigGpu>> mig_config_gpus();
  /// N of /dev/nvidia<N>.
  Answer<std::uint32_t> minor_number(const std::string& uuid);

  std::size_t gpus() const { return roster_.size(); }
  /// "" if there is no such GPU, or it never told.
  std::string uuid_of(std::uint32_t gpu) const {
    return gpu < roster_.size() ? roster_[gpu].seen.uuid : "";
  }
  /// The handle of this moment; GPU_IS_LOST if that GPU is not there any more.
  Answer<Device> device(std::uint32_t gpu);
  /// After start().
  Session& session() { return *session_; }

 private:
  struct Member {
    std::optional<std::uint32_t> index;  ///< NVML's, now; nullopt: it was not found
    agent::SeenGpu seen;                 ///< by the last Look that could see it
    bool named = false;                  ///< seen.model says what the product name means
    bool fell = false;                   ///< news() told that it is lost
    std::optional<Generation> linked;    ///< in which its NVLinks were read
    int to_switch = 0;                   ///< active NVLinks to switches
    std::map<std::string, int> to_bus;   ///< to another GPU, by its PCI bus id
  };
  /// What the driver says of a kind of instance does not change while it is loaded.
  struct Kinds {
    std::vector<GpuProfile> gpu;
    std::map<std::uint16_t, std::vector<ComputeProfile>>
        compute;  ///< by profile of the GPU instance
  };

  Result<std::unique_ptr<Library>> load() const;
  Code initialise();
  Code enlist();
  static void place(std::vector<Member>& roster, std::uint32_t index, const std::string& uuid);
  Answer<Device> find(std::uint32_t gpu);
  Code renew_if_due();
  /// Handles are dead from here on; what was heard before is kept.
  void outdate();
  void keep_events();
  void watch();
  std::vector<agent::Xid> fallen();
  /// nullopt: of no GPU that was asked for.
  std::optional<agent::Xid> hear(const XidEvent& event);

  Code see(std::uint32_t gpu, agent::SeenGpu& seen);
  Code see_instances(Device device, agent::SeenGpu& seen);
  /// Once a generation; that it fails is no trouble.
  void see_links(Device device, Member& member);
  void join_links();
  Code see_computes(GpuInstance instance, Kinds& kinds, agent::SeenInstance& seen);
  std::string model_of(Device device);
  /// The kinds of instance of the GPU of that UUID; read once a generation.
  Code learn(Device device, const std::string& uuid, Kinds*& kinds);
  Code learn_compute(GpuInstance instance, std::uint16_t profile, Kinds& kinds,
                     const std::vector<ComputeProfile>*& out);
  /// A kind to list instances by. One that only Kerf's table has may stand all the same: what is
  /// told of kinds may lack it.
  struct Asked {
    std::uint16_t id = 0;
    bool told = false;  ///< by the driver
  };
  std::vector<Asked> kinds_to_list(const Kinds& kinds, const std::string& model) const;
  Answer<std::vector<GpuInstance>> list_of(Device device, const Asked& kind);
  /// The handle of this moment of the GPU of that UUID; GPU_IS_LOST if there is none.
  Answer<Device> device_of(const std::string& uuid);
  Answer<GpuInstance> instance(const std::string& gpu, std::uint32_t gi);

  std::vector<agent::ProfileFacts> profile_facts(Device device, const std::string& uuid,
                                                 const gpu::Model* model);
  agent::InventoryGpu describe(std::uint32_t gpu);
  void describe_board(Device device, agent::InventoryGpu& gpu);
  void describe_profiles(Device device, agent::InventoryGpu& gpu);
  void describe_placements(Device device, const gpu::Model* model, agent::InventoryGpu& gpu);
  void describe_instances(Device device, agent::InventoryGpu& gpu);
  void describe_computes(GpuInstance instance, Kinds& kinds, agent::InventoryGpu& gpu,
                         agent::InventoryInstance& out);
  void describe_processes(Device device, agent::InventoryGpu& gpu);

  Options options_;
  const gpu::Catalogue& catalogue_;
  std::unique_ptr<Session> session_;
  Code start_code_ = Code::Uninitialized;  ///< of the last start()
  bool counted_ = true;                    ///< false: NVML was initialised, and told no GPUs
  std::vector<Member> roster_;
  std::map<std::string, Kinds> kinds_;  ///< by UUID
  Generation kinds_generation_ = 0;
  std::uint32_t looks_lost_ = 0;                                    ///< Looks since a GPU is lost
  std::vector<std::pair<nvmlabi::Device, std::uint32_t>> watched_;  ///< and the GPU's index
  std::vector<agent::Xid> kept_;   ///< heard before the watch was made anew
  bool watch_is_whole_ = false;    ///< every GPU that is there is watched, or has no events
  std::uint32_t polls_blind_ = 0;  ///< calls of news() since then, while it is not whole
};

/// Is it time to try again? At 1, 2, 4, 8 ..., and at every `every`-th: often at first, then now
/// and then. `n` counts from 1.
inline bool is_turn(std::uint32_t n, std::uint32_t every) {
  return n != 0 && ((n & (n - 1)) == 0 || n % every == 0);
}

/// GPU_IS_LOST, RESET_REQUIRED: what is wrong is wrong with that GPU.
inline bool is_lost(Code code) { return code == Code::GpuIsLost || code == Code::ResetRequired; }

}  // namespace kerf::nvml
