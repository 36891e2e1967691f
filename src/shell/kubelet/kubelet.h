// Kubelet: turns what the agent's mind says to kubelet into gRPC and files, and back.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "core/agent/words.h"

namespace kerf::kubelet {

struct Options {
  /// kubelet's plugin folder. It is fixed in kubelet's code, not under its --root-dir.
  std::string folder = "/var/lib/kubelet/device-plugins";
  /// The socket of PodResources, under kubelet's --root-dir.
  std::string pod_resources = "/var/lib/kubelet/pod-resources/kubelet.sock";
  /// Where the device manager keeps who holds what; "" = kubelet_internal_checkpoint in `folder`.
  std::string checkpoint;

  /// How long a Register may take. kubelet connects back to the plugin's socket within it.
  std::chrono::milliseconds register_deadline{5'000};
  /// From Serve to its list written; then Done{Timeout}.
  std::chrono::milliseconds serve_deadline{10'000};
  /// How long the mind may take to answer Allocate and GetPreferredAllocation.
  std::chrono::milliseconds answer_deadline{10'000};
  /// How long a question to PodResources may take.
  std::chrono::milliseconds ask_deadline{2'000};

  /// How often PodResources is looked at unasked while a device of Kerf's is held: the end of a pod
  /// is written nowhere. A tenth as often while none is: an allocation is seen at once, because
  /// kubelet rewrites its checkpoint then. A look costs about 0.7 ms of CPU.
  std::chrono::milliseconds holders_every{5'000};
  /// How often it is looked whether another plugin serves one of the names, while one does; a sixth
  /// as often while none does: one that comes is seen at once, by the checkpoint.
  std::chrono::milliseconds foreign_every{5'000};
  /// When a stream ends or a socket vanishes: how long to wait for signs that kubelet restarts.
  std::chrono::milliseconds restart_grace{250};
};

/// Takes an event for the mind. Called from one thread of Kubelet's own, never from within act().
/// false: not taken, the queue is full or the agent is about to end. An Allocate is refused then
/// (UNAVAILABLE); everything else is offered again a little later.
using Deliver = std::function<bool(agent::Event)>;

/// kubelet's side of the node agent. Of the mind's words it does Serve, Confirm, AskHolders of
/// PodResources and Checkpoint, Answer and Prefer; it tells Kubelet, Dropped, Allocate,
/// PreferredAllocation, Holders, Confirmed, ForeignPlugins and Done.
///
/// Each resource has a gRPC server on `kerf-<resource>.sock` in the plugin folder. What holds:
///  1. Serve is done (Success) when its list, whole, is written to a stream that kubelet opened.
///     Any other code: it may have reached kubelet, or may yet.
///  2. A new kubelet.sock means that kubelet restarted and has deleted all plugin sockets: streams,
///     servers and lists are forgotten, Serves in flight are Done with another code, then
///     Kubelet{up = true} is told. Nothing asked for before reaches the new one.
///  3. A resource goes away by an empty list, which stays served: kubelet then shows none of it.
///  The
///     end of a stream would leave its devices in the node's capacity for five minutes.
///  4. kubelet ends the newest registration of a name when any stream of that name ends (seen in
///     1.36.3, plugin/v1beta1/server.go runClient). So a stream that another one replaced is kept
///     open and nothing more is written to it; so is one whose name another plugin took over.
///  5. A Serve of the very list that was already written to a live stream says that kubelet lost
///  it:
///     the resource is registered anew.
///  6. Foreign plugins are told before Kubelet{up = true}, so that no name is taken from a plugin
///     that is there.
///  7. An answer to Confirm or AskHolders{PodResources} is `known` only if kubelet.sock is, when
///  the
///     answer is there, the one of Kubelet{up = true} and takes connections: PodResources is up
///     before the device manager has read its checkpoint, kubelet.sock only after that.
///  8. Containers get CDI names only: no environment, mounts, device nodes or annotations.
///
/// act() may be called from any thread and does not wait.
class Kubelet {
 public:
  Kubelet(Options options, Deliver deliver);
  /// stop()
  ~Kubelet();
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  /// Removes sockets that an earlier run left, and begins to watch. The folder need not be there
  /// yet. Unavailable: the system gave no thread or no inotify.
  Result<void> start();
  /// Refuses the calls that wait for an answer, ends streams, servers and questions. Waits for none
  /// of kubelet's answers. No event is delivered after it has returned. Not from within Deliver.
  /// May be called again, but there is no second start().
  void stop();

  void act(agent::EffectId effect, const agent::Serve& action);
  void act(agent::EffectId effect, const agent::Confirm& action);
  /// Source::Processes is not kubelet's: answered with known = false.
  void act(agent::EffectId effect, const agent::AskHolders& action);
  void act(agent::EffectId effect, const agent::Answer& action);
  void act(agent::EffectId effect, const agent::Prefer& action);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::kubelet
