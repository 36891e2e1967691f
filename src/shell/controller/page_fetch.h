// fetch_page: one page over plain HTTP from a host that is not trusted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace kerf::shell {

struct FetchLimits {
  std::int64_t deadline_ms = 10'000;  ///< from the name's resolution to the last byte
  std::int64_t connect_ms = 3'000;
  std::size_t bytes_max = 64u << 20;  ///< of the body
};

/// InvalidArgument unless it is http://HOST[:PORT]/PATH of at most 2048 printable characters,
/// without user and password.
Result<void> check_page_url(const std::string& url);

/// Waits until the page is there whole, any thread. The body of a 200 and nothing else: redirects
/// are not followed, proxies of the environment not used, compressed bodies refused (Unsupported);
/// more than bytes_max is TooLarge; all else that goes wrong is Unavailable. Messages do not name
/// the URL. With `stop` set it gives up within a second.
Result<std::string> fetch_page(const std::string& url, const FetchLimits& limits,
                               const std::atomic<bool>& stop);

}  // namespace kerf::shell
