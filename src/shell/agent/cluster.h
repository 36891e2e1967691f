// Cluster: the agent's side of the API server: what is wanted of its node, and what it reports.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "codec/document.h"
#include "codec/node_view.h"
#include "core/agent/words.h"
#include "shell/apiserver/client.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// Watches the node's own GpuNode; reads its Node, the controller's Lease and the ResourceSlices of
/// this node now and then; writes the GpuNode's status. Nothing else.
///
/// Lives on the loop's thread. After its end nothing is told any more.
class Cluster {
 public:
  struct Options {
    std::string node;
    std::string lease_namespace = "kerf-system";
    std::string lease = "kerf-controller";
    /// Wanted is what the GpuNode's spec says; false: a file says it, only the status is written.
    bool follow_spec = true;
    std::int64_t lease_every_ms = 10'000;
    std::int64_t node_every_ms = 60'000;
    /// While the node is new and has neither GpuNode nor layout: pods may wait for it.
    std::int64_t node_new_ms = 2'000;
    std::int64_t new_for_ms = 180'000;
    std::int64_t slices_every_ms = 60'000;
  };
  /// Wanted, NotWanted, Unreadable, BootLayout, Lease, ForeignDriver, and the outcome of each
  /// report.
  using Deliver = std::function<void(agent::Event)>;
  /// The GpuNode has not the status that was written last: it was made anew, or another wrote it.
  using Lost = std::function<void()>;

  /// Client, Loop and Log must outlive it.
  Cluster(Options options, apiserver::Client& client, runtime::Loop& loop, telemetry::Log log,
          Deliver deliver, Lost lost);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void start();
  /// On the version that was seen last. -> Done: NotFound without a GpuNode, Unknown for all else
  /// that failed.
  void report(agent::EffectId effect, const control::GpuNodeStatus& status);
  /// Asks for the Node now.
  void read_node(std::function<void(Result<codec::NodeView>)> done);
  /// As it was read last.
  const std::optional<codec::NodeView>& node() const { return node_; }

 private:
  using Done = std::function<void(apiserver::Answer)>;
  /// Passes an answer from the client's thread on to the loop, unless this object is gone by then.
  Done on_loop(Done done);
  void seen(const codec::Node& object, const std::string& version);
  void remember(const codec::Node& object);
  void look_at_node();
  void look_at_lease();
  void look_at_slices();
  void again(std::int64_t delay_ms, void (Cluster::*look)());
  void reported(agent::EffectId effect, const apiserver::Answer& answer);
  void believe(const codec::Node& object, bool newest);
  std::int64_t node_pause(bool read);
  void look_at_slices_of(std::size_t version);

  Options options_;
  apiserver::Client& client_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  Deliver deliver_;
  Lost lost_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  apiserver::Client::WatchId watch_ = 0;
  bool watching_ = false;
  runtime::Instant started_ = 0;
  bool there_ = false;                             ///< the GpuNode
  std::string uid_;                                ///< of it
  std::string version_;                            ///< of it, as seen or written last
  codec::Node status_;                             ///< of it, likewise
  int reports_ = 0;                                ///< under way
  std::optional<control::GpuNodeStatus> written_;  ///< of this run and this object
  std::optional<codec::NodeView> node_;
  int node_failures_ = 0;           ///< in a row
  std::string boot_text_;           ///< the layout in the Node's annotation that was told last
  std::size_t slices_version_ = 0;  ///< of resource.k8s.io, that the server has
  bool slices_unknown_ = false;
};

}  // namespace kerf::shell
