// FeedInbox: what watches say on the client's thread, handed to the loop without losing any of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "codec/document.h"
#include "shell/runtime/loop.h"

namespace kerf::shell {

/// One callback of a watch (shell/apiserver/watch.h) on its way to the loop.
struct FeedMessage {
  enum class What : std::uint8_t { Seen, Gone, Synced, Absent, Trouble, Recovered };
  std::size_t feed = 0;     ///< whose
  std::uint64_t round = 0;  ///< of which of its watches
  What what = What::Seen;
  codec::Node object;    ///< Seen
  std::string ns, name;  ///< Gone
  std::string uid;       ///< Gone
  std::string text;      ///< Seen, Synced: the version; Trouble: what
};

/// A queue of its own in place of Loop::post(), whose queue has a bound and may refuse: a watch
/// tells each change once, so none may be lost. What waits is bounded by what the cluster holds: a
/// list comes page by page, and each object waits once at most for each change of it.
///
/// Lives on the loop's thread. Messages are taken in the order in which they came, at most
/// `batch_max` between two looks of the loop at its other work.
class FeedInbox {
 public:
  struct Events {
    std::function<void(FeedMessage)> take;
    std::function<void()> batch_done;  ///< after the last one of each batch
  };
  /// The loop must outlive it.
  FeedInbox(runtime::Loop& loop, Events events, std::size_t batch_max = 500);
  ~FeedInbox();
  FeedInbox(const FeedInbox&) = delete;
  FeedInbox& operator=(const FeedInbox&) = delete;

  using Send = std::function<void(FeedMessage)>;
  /// May be called from any thread, also after this object's end: what is sent then is dropped.
  Send sender() const;

 private:
  struct Core;
  void take_batch();

  runtime::Loop& loop_;
  Events events_;
  std::size_t batch_max_;
  std::shared_ptr<Core> core_;
};

}  // namespace kerf::shell
