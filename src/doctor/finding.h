// Finding: one thing that kerf doctor has to say about a cluster, under a code of a closed list.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kerf::doctor {

/// The worst first: findings are told in this order.
enum class Severity : std::uint8_t {
  Problem,  ///< something does not work, or will not once Kerf acts
  Warning,  ///< it costs money, or it will hurt when something else happens
  Note,     ///< good to know before you begin
  Ok,       ///< looked at, and well
};
/// "problem", "warning", "note", "ok".
std::string_view to_string(Severity severity);

/// Each has one row in codes() and one in docs/reference/doctor.md.
enum class Code : std::uint8_t {
  KubernetesOld,
  VersionUnknown,
  TolerationsByHand,
  KubeletOld,
  KubeletSkew,
  ContainerdOld,
  KubernetesReady,
  NotAllowed,
  NotRead,
  OneNamespace,
  PricePageRefused,
  ReadingOld,
  KarpenterAbsent,
  KarpenterNotSeen,
  KarpenterOld,
  KarpenterReady,
  ReservedOff,
  NodeRepairOn,
  StaticMigPromise,
  NodePoolCompetes,
  NodePoolBuysGpus,
  NodePoolExpires,
  NoConsolidateAfter,
  NodeClassUnpriced,
  NodeClassNotReady,
  SmallRootVolume,
  MigStrategyWrong,
  OperatorTakesOver,
  OperandLabelsFragile,
  MigConfigFailed,
  MigConfigPending,
  NoProductLabel,
  ForeignPlugin,
  PluginWouldCome,
  BottlerocketPlugin,
  DraDriver,
  DeviceClassTakesName,
  NoDevices,
  UnknownType,
  NotCut,
  CpuPodsOnGpus,
  NotTolerated,
  SeesAllGpus,
  GpuAndMig,
  SharedName,
  UnknownProfile,
  BudgetBlocks,
  KeptPods,
  BarePods,
  NoPrices,
  SpotNotRefreshed,
  PricesRead,
  KerfAbsent,
  AgentMissing,
  NodeDegraded,
  PolicyTrouble,
  PolicyObserves,
  VersionsDiffer,
  KerfReady,
};

/// What holds of every finding of a code.
struct CodeInfo {
  std::string_view name;
  Severity severity = Severity::Note;
  std::string_view means;
  std::string_view todo;
  std::string_view source;  ///< where the fact is from; "" = it follows from what was read
};
/// All of them, in the order of Code.
std::span<const CodeInfo> codes();
const CodeInfo& info(Code code);

struct About {
  std::string kind;  ///< "Pod"
  std::string ns;    ///< "" = it has no namespace
  std::string name;
  bool operator==(const About&) const = default;
};
/// "Pod team/train-0", "Node gpu-1".
std::string to_string(const About& about);

struct Finding {
  Code code = Code::KubernetesReady;
  std::string says;               ///< one sentence; names in it come from the cluster: untrusted
  std::vector<About> about = {};  ///< none: the cluster as a whole
  std::string todo = {};          ///< "" = what info(code) says

  Severity severity() const { return info(code).severity; }
  std::string_view what_to_do() const {
    return todo.empty() ? info(code).todo : std::string_view(todo);
  }
};

}  // namespace kerf::doctor
