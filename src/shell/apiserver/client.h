// Client: Kerf's way to the Kubernetes API: requests, typed objects, and watches that repair
// themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "codec/document.h"
#include "shell/apiserver/answer.h"
#include "shell/apiserver/credentials.h"
#include "shell/apiserver/pace.h"
#include "shell/apiserver/request.h"
#include "shell/apiserver/resource.h"
#include "shell/apiserver/transport.h"
#include "shell/apiserver/watch.h"

namespace kerf::apiserver {

/// What to require of an object for it to be deleted; "" = nothing.
struct Preconditions {
  std::string uid;
  std::string version;
};

/// One API server, one thread of its own on which everything happens, curl and callbacks. Callbacks
/// only pass on what they got; they may call the Client. Every member may be called from any
/// thread, except the destructor: not from a callback.
///
/// HTTP/2 over TLS; the certificate is always verified, host name included, against the CA file
/// alone. Proxies of the environment are not used, redirects not followed.
///
/// A new token holds from the next request on, a new CA for new connections: watches that run keep
/// theirs until the server ends them (5 to 10 minutes).
///
/// Objects of a list may lack apiVersion and kind, as the API server sends them.
///
/// Over http:// (this machine only) each exchange needs a connection of its own; over https:// the
/// server must speak HTTP/2 for more than two watches at a time.
///
/// Retries are the caller's, with two exceptions: a request that is turned away with 401 goes out
/// again if there is a new token meanwhile; a GET goes out once more when its connection broke.
///
class Client {
 public:
  struct Options {
    Credentials credentials;
    std::string user_agent = "kerf";
    /// Of all requests together, lists and starts of watches included.
    std::int64_t qps = 20;
    std::int64_t burst = 40;
    std::size_t in_flight_max = 64;      ///< requests at the server; each costs about 20 kB here
    std::size_t waiting_max = 10'000;    ///< for their turn; one more is Later
    Backoff::Options backoff;            ///< of watches
    std::uint64_t seed = 0;              ///< of jitter: differs between machines (hash of a name)
    std::string field_manager = "kerf";  ///< of every write
  };

  /// Reads the files and starts the thread; connects with the first request. An error is about the
  /// address or a file.
  static Result<std::unique_ptr<Client>> start(Options options);
  /// The same on a transport of the caller's (tests). Its thread must not be running callbacks yet.
  static Result<std::unique_ptr<Client>> start(Options options,
                                               std::unique_ptr<Transport> transport);
  /// Prompt: what is under way is left, its callbacks never come.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  using Done = std::function<void(Answer)>;

  /// The answer's body is text.
  void call(Request request, Done done);

  // Typed: the answer's `object` is what the server sent back. A Target or Collection that makes no
  // path is Refused.

  void get(const Target& target, Done done);
  /// All objects, page by page: `object` is {"metadata": {"resourceVersion": ...}, "items": [...]}.
  /// A list that outlives the server's memory (410) is begun again, at most 3 times.
  void list(const Collection& collection, Done done, std::int64_t page = 500);
  /// RFC 7386. With `version`, Conflict unless the object has it.
  void merge_patch(const Target& target, const codec::Node& patch, Done done,
                   const std::string& version = {});
  /// Server-side apply as field_manager; `force` takes fields from other managers, else Conflict.
  void apply(const Target& target, const codec::Node& object, bool force, Done done);
  /// PUT of the whole object (or of its status); its metadata.resourceVersion, if given, must be
  /// the one that the server has: Conflict.
  void replace(const Target& target, const codec::Node& object, Done done);
  void create(const Collection& collection, const codec::Node& object, Done done);
  /// The preconditions that are not met: Conflict.
  void remove(const Target& target, const Preconditions& preconditions, Done done);
  /// The eviction API: Later with cause "DisruptionBudget" while a PodDisruptionBudget forbids it.
  /// grace_s -1 = the pod's own.
  void evict(const std::string& ns, const std::string& pod, const Preconditions& preconditions,
             std::int64_t grace_s, Done done);

  /// Keeps telling of a collection until unwatch() or the Client's end. See watch.h.
  using WatchId = std::uint64_t;
  WatchId watch(Collection collection, WatchEvents events, WatchOptions options = {});
  /// From a callback: nothing comes after it. From another thread: a callback may be under way.
  void unwatch(WatchId id);

  Health health() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::apiserver
