// Client: what the agent asks of kubelet over gRPC: to be registered, and PodResources.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/agent/words.h"
#include "shell/runtime/loop.h"

namespace kerf::kubelet {

using Healthy = std::map<std::string, std::set<std::string>>;  ///< by resource: device ids

/// Every question is answered once, on the loop's thread, at its deadline at the latest; unless the
/// client is stopped or the loop ends before. Errors are Unavailable, in gRPC's words.
///
/// The loop's thread only.
class Client {
 public:
  Client(std::shared_ptr<runtime::Loop> loop, std::string pod_resources);
  /// stop()
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  using Registered = std::function<void(Result<void>)>;
  /// At `socket`: that `resource` is served on `endpoint`, a name in the plugin folder.
  void register_plugin(const std::string& socket, const std::string& endpoint,
                       const std::string& resource, std::chrono::milliseconds deadline,
                       Registered answer);

  using Listed = std::function<void(Result<std::vector<agent::Holder>>)>;
  void list(std::chrono::milliseconds deadline, Listed answer);

  using Allocatable = std::function<void(Result<Healthy>)>;
  void allocatable(std::chrono::milliseconds deadline, Allocatable answer);

  /// Cancels what is asked; returns when gRPC has let go of it.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::kubelet
