// Transport: the thread on which all talk with the API server happens, and its HTTP exchanges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/control/object.h"
#include "shell/apiserver/answer.h"

namespace kerf::apiserver {

using control::Instant;

/// Each has connections of its own: a request never waits behind watches that fill the streams of a
/// connection.
enum class Lane : std::uint8_t { Requests, Watches };

/// One exchange. The callbacks come on the transport's thread, `done` exactly once and last, unless
/// the call is dropped.
struct Call {
  Lane lane = Lane::Requests;
  std::string method = "GET";
  std::string path;                        ///< with query
  std::string bearer;                      ///< token; "" = none
  std::string content_type;                ///< of the body
  std::string body;                        ///< not sent with GET
  std::size_t body_bytes_max = 64u << 20;  ///< of the answer
  /// If set, the answer to a 200 is handed on as it comes instead of being collected.
  std::function<void(std::string_view)> data;
  std::function<void(int status)> head;  ///< may be empty
  std::function<void(Exchange)> done;
};

/// The real one is made by make_curl_transport(); tests have one that they drive by hand.
class Transport {
 public:
  using Id = std::uint64_t;  ///< never 0, never used twice
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// Any thread but the transport's: ends that thread. No callback runs after it, calls under way
  /// are left; the members may still be called and do nothing.
  virtual void stop() = 0;
  /// Any thread: `work` runs soon on the transport's thread, in the order of posting.
  virtual void post(std::function<void()> work) = 0;

  virtual Instant now() const = 0;  ///< ms of a steady clock; any thread

  // The rest is for the transport's thread, from inside callbacks too.

  virtual Id after(std::int64_t ms, std::function<void()> work) = 0;
  virtual Id start(Call call) = 0;
  /// Ends a call or a timer: none of its callbacks comes any more. Nothing if it is over already.
  virtual void drop(Id id) = 0;
  /// New calls of that lane go over new connections; those under way stay on theirs. For when a
  /// connection is silent and nobody knows whether it still leads anywhere.
  virtual void renew(Lane lane) = 0;
  /// The authority (PEM) that new connections trust; renews both lanes.
  virtual void trust(std::string ca) = 0;
};

}  // namespace kerf::apiserver
