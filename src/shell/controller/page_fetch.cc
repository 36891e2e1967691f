// One transfer on libcurl's easy interface; the only file beside the API client that knows libcurl.
#include "shell/controller/page_fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/assert.h"

namespace kerf::shell {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kHeadBytesMax = 64u << 10;

/// One page while it comes.
struct Transfer {
  const FetchLimits& limits;
  const std::atomic<bool>& stop;
  std::string body;
  std::size_t head_bytes = 0;
  bool too_large = false;
  bool encoded = false;
};

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.encoded) return 0;
  if (size > transfer.limits.bytes_max - transfer.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.body.append(bytes, size);
  return size;
}

bool says_encoded(std::string_view line) {
  constexpr std::string_view kName = "content-encoding:";
  if (line.size() < kName.size()) return false;
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  for (std::size_t i = 0; i < kName.size(); ++i)
    if (lower(line[i]) != kName[i]) return false;
  line.remove_prefix(std::min(line.find_first_not_of(" \t", kName.size()), line.size()));
  return !line.starts_with("identity") && !line.starts_with("\r");
}

std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.head_bytes += size;
  if (transfer.head_bytes > kHeadBytesMax) {
    transfer.too_large = true;
    return 0;
  }
  if (says_encoded({bytes, size})) transfer.encoded = true;
  return size;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->stop ? 1 : 0;
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  KERF_ASSERT(code == CURLE_OK, "this libcurl has all options that are set (7.87 or later)");
}

void fill_in(CURL* easy, const std::string& url, Transfer& transfer) {
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http");
  set(easy, CURLOPT_URL, url.c_str());
  set(easy, CURLOPT_PROXY, "");  // none, whatever the environment says
  set(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);  // nothing is unpacked
  set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(transfer.limits.bytes_max));
  set(easy, CURLOPT_USERAGENT, "kerf");
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(transfer.limits.connect_ms));
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(transfer.limits.deadline_ms));
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs is left behind
  set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy, CURLOPT_WRITEDATA, &transfer);
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, &transfer);
  set(easy, CURLOPT_NOPROGRESS, 0L);
  set(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(easy, CURLOPT_XFERINFODATA, &transfer);
}

/// Not libcurl's own words about this transfer: they count milliseconds and bytes, and the same
/// trouble has to have the same words.
std::string words_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "its host has no address";
    case CURLE_COULDNT_CONNECT: return "nobody takes the connection (connect)";
    case CURLE_OPERATION_TIMEDOUT: return "it timed out";
    case CURLE_GOT_NOTHING: return "it answers nothing";
    case CURLE_PARTIAL_FILE: return "the answer is cut off";
    default: return curl_easy_strerror(code);
  }
}

}  // namespace

Result<void> check_page_url(const std::string& url) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (url.size() > kUrlBytesMax || !std::all_of(url.begin(), url.end(), is_plain) ||
      !url.starts_with(kScheme))
    return invalid("expected a URL such as http://10.0.3.7:8080/metrics (plain http)");
  const std::string_view rest = std::string_view(url).substr(kScheme.size());
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.starts_with(':')) return invalid("the URL names no host");
  if (host.find('@') != host.npos) return invalid("the URL has a user; it is read without one");
  return {};
}

Result<std::string> fetch_page(const std::string& url, const FetchLimits& limits,
                               const std::atomic<bool>& stop) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  KERF_CHECK_OK(check_page_url(url));
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  KERF_ASSERT(easy != nullptr, "there is memory");
  Transfer transfer{limits, stop, {}};
  fill_in(easy.get(), url, transfer);
  const CURLcode code = curl_easy_perform(easy.get());
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 0 && status != 200)
    return fail(ErrorCode::Unavailable,
                fmt::format("answers with HTTP status {}; expected 200", status));
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED)
    return fail(ErrorCode::TooLarge,
                fmt::format("the answer is larger than {} bytes", limits.bytes_max));
  if (transfer.encoded)
    return fail(ErrorCode::Unsupported, "the answer is compressed, which was not asked for");
  if (code != CURLE_OK) return fail(ErrorCode::Unavailable, words_of(code));
  return std::move(transfer.body);
}

}  // namespace kerf::shell
