// Books: what kubelet says of its devices: who holds them, which are allocatable, who else serves.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shell/kubelet/client.h"
#include "shell/kubelet/hub.h"
#include "shell/kubelet/plugins.h"
#include "shell/kubelet/presence.h"

namespace kerf::kubelet {

/// Questions of the mind, and what is looked at unasked.
///
/// What is believed when (kubernetes 1.36.3, read in its source):
///  - kubelet serves PodResources before its device manager has read the checkpoint; it makes
///    kubelet.sock after that. So an answer counts only if, once it is there, kubelet.sock is the
///    one known and takes connections: whoever answered then had read its checkpoint.
///  - List has only pods that kubelet has heard of, from the API server or files. A List without
///  any
///    holder while the checkpoint names some is not believed. One that lacks some is: the
///    checkpoint keeps their devices held until kubelet has heard from all its sources, because
///    until then it forgets nobody (UpdateAllocatedDevices), and the mind wants both to say that a
///    device is free.
///  - The checkpoint is written when devices are given or listed, not when a pod ends. So a device
///    that only the checkpoint shows as held may have been free for long. Then kubelet is made to
///    write it again, asked or unasked: List makes it forget pods that ended, a list that it has
///    already, sent once more, makes it write.
///
/// The end of a pod is to be seen nowhere but in List, so that is looked at every few seconds while
/// something is held; the begin, and another plugin's list, change the checkpoint file and are
/// looked at then. The loop's thread only.
class Books {
 public:
  Books(Hub& hub, Client& client, Presence& presence, Plugins& plugins);

  void confirm(agent::EffectId effect);
  void ask(agent::EffectId effect, agent::Source source);

  /// kubelet came: looks for other plugins, tells them, then runs `then`.
  void came(std::function<void()> then);
  void left();
  void checkpoint_changed();
  /// Begins to look unasked.
  void start();

 private:
  struct Rewrite {
    agent::EffectId effect = 0;
    runtime::TimerId deadline;
  };

  void ask_pod_resources(agent::EffectId effect);
  void ask_checkpoint(agent::EffectId effect);
  agent::Holders read_checkpoint();
  void rewrite(agent::EffectId effect, agent::Holders read, const std::vector<agent::Holder>& list);
  /// Sends a list once more; false: not now. Answered is what the checkpoint says then.
  bool make_it_write(agent::EffectId effect, std::set<std::string> only_noted);
  /// Makes kubelet write down that pods ended: what its checkpoint has and this List has not.
  void look_for_ended(const std::vector<agent::Holder>& list);
  void answer_rewrites();
  void answer(agent::Holders holders);

  void look_at_holders();
  void look_at_foreign();
  void hear_foreign(const Healthy& healthy);
  void look_soon();
  /// `known` and asked of the kubelet that is there now.
  bool believed(bool known, std::uint64_t epoch) {
    return known && epoch == presence_.epoch() && presence_.check();
  }

  Hub& hub_;
  Client& client_;
  Presence& presence_;
  Plugins& plugins_;

  std::optional<std::vector<agent::Holder>> shown_;  ///< PodResources, as told last
  std::optional<std::vector<agent::Holder>> noted_;  ///< the checkpoint, as told last
  std::set<std::string> foreign_;                    ///< as told last
  bool had_checkpoint_ = false;                      ///< since kubelet came
  bool listing_ = false;                             ///< unasked
  bool looking_ = false;                             ///< for other plugins
  runtime::TimerId soon_, holders_timer_, foreign_timer_;

  std::vector<Rewrite> rewrites_;  ///< wait for kubelet to write its checkpoint
  std::set<std::string> rewritten_for_;
  runtime::Instant rewritten_at_ = 0;
  std::chrono::milliseconds ended_pause_{0};  ///< until it is made to write for the same again
  runtime::TimerId ended_timer_;
};

}  // namespace kerf::kubelet
