// Request and Health: what a caller asks of the Client, and how that has been going.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "shell/apiserver/resource.h"

namespace kerf::apiserver {

enum class Method : std::uint8_t { Get, Post, Put, Patch, Delete };

struct Request {
  Method method = Method::Get;
  std::string path;  ///< from path_of()
  Query query;
  std::string body;  ///< "" of a write is sent as {}
  std::string content_type = "application/json";
  /// From call() to the answer, waiting for the rate limit included. What was sent and not answered
  /// in that time is Unknown if it writes.
  std::int64_t deadline_ms = 30'000;
  std::size_t body_bytes_max = 64u
                               << 20;  ///< of the answer; more is Refused (Unknown if it writes)
};

/// Figures since the start; any thread may ask.
struct Health {
  std::map<int, std::uint64_t> answers;  ///< by HTTP status; a watch counts when it is answered
  std::uint64_t not_sent = 0;            ///< no connection, or its deadline passed before
  std::uint64_t broken = 0;              ///< connections that ended in the middle, or were silent
  std::uint64_t repeated = 0;            ///< by the client itself: after 401 with a new token; GETs
  std::uint64_t delayed = 0;             ///< had to wait for the rate limit
  /// Since the API server last said something that was no failure (a byte of a watch, a status
  /// below 500 other than 401 and 429); nullopt: it never did.
  std::optional<std::int64_t> contact_age_ms;
  std::string credentials_problem;  ///< "" = token and CA could be read
};

}  // namespace kerf::apiserver
