// PluginServer: the gRPC server of one resource, to which kubelet connects.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/agent/words.h"
#include "shell/kubelet/messages.h"
#include "shell/runtime/loop.h"

namespace kerf::kubelet {

/// A ListAndWatch that kubelet opened. The loop's thread only. After finish(), or after the server
/// was closed, nothing has an effect.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual std::uint64_t id() const = 0;
  /// One at a time: the next one after PluginHost::written().
  virtual void write(const std::vector<agent::ServedDevice>& devices) = 0;
  /// To be called after PluginHost::gone(); before it, it ends the stream.
  virtual void finish() = 0;
};

/// Why a call of kubelet's is refused.
enum class Refusal : std::uint8_t { NotNow, Refused, TooLate, Cancelled };

/// An Allocate or a GetPreferredAllocation that waits for its answer. As Stream.
class Call {
 public:
  virtual ~Call() = default;
  virtual std::uint64_t id() const = 0;
  virtual const std::string& resource() const = 0;
  /// One of the two is empty.
  virtual const std::vector<std::vector<std::string>>& allocate() const = 0;
  virtual const std::vector<PreferAsk>& prefer() const = 0;
  /// By container, as many as were asked for.
  virtual void answer(const std::vector<std::vector<std::string>>& containers) = 0;
  virtual void refuse(Refusal refusal, const std::string& why) = 0;
};

/// What a server tells, on the loop's thread. Ids are different for all servers of a process.
class PluginHost {
 public:
  virtual ~PluginHost() = default;
  virtual void opened(const std::string& resource, std::shared_ptr<Stream> stream) = 0;
  virtual void written(const std::string& resource, std::uint64_t stream, bool ok) = 0;
  /// kubelet ended it, or its connection broke.
  virtual void gone(const std::string& resource, std::uint64_t stream) = 0;
  virtual void asked(std::shared_ptr<Call> call) = 0;
  /// kubelet does not wait any more, or the server was closed.
  virtual void given_up(std::uint64_t call) = 0;
};

/// The loop's thread only; gRPC's threads are inside. kubelet's message is at most
/// kRequestBytesMax.
class PluginServer {
 public:
  /// Listens on `socket`, in place of a socket that is there. `host` must live until the loop has
  /// ended. Unavailable if it cannot listen.
  static Result<std::unique_ptr<PluginServer>> start(std::shared_ptr<runtime::Loop> loop,
                                                     PluginHost& host, std::string resource,
                                                     const std::string& socket);
  /// Ends streams and calls, removes the socket. Waits for nobody but gRPC's own threads.
  virtual ~PluginServer() = default;

 protected:
  PluginServer() = default;
};

}  // namespace kerf::kubelet
