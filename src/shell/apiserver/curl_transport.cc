// Exchanges on curl_multi, driven by Poller; the only file that knows libcurl.
#include "shell/apiserver/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "shell/apiserver/poller.h"

namespace kerf::apiserver {
namespace {

using Id = Transport::Id;
class CurlTransport;

/// One curl_multi with the connections that it keeps. A retired one gets no new exchanges and ends
/// with its last.
struct Pool {
  CurlTransport* transport = nullptr;
  CURLM* multi = nullptr;
  Id timer = 0;  ///< of libcurl's own wish to be called; 0 = none set
  std::size_t exchanges = 0;
  bool retired = false;
};

/// One exchange while it is under way.
struct Running {
  Running() = default;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    curl_slist_free_all(headers);
    if (easy != nullptr) curl_easy_cleanup(easy);
  }

  Call call;
  Id id = 0;
  Pool* pool = nullptr;  ///< set while the handle is in its multi
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::size_t sent = 0;  ///< of call.body
  bool dropped = false;
  bool too_large = false;
  bool headed = false;
  Exchange exchange;
  std::array<char, CURL_ERROR_SIZE> words{};
};

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* user) {
  auto& running = *static_cast<Running*>(user);
  if (running.dropped) return 0;
  if (running.call.data && running.exchange.status == 200) {
    running.call.data(std::string_view(bytes, size));
    return running.dropped ? 0 : size;
  }
  if (running.exchange.body.size() + size > running.call.body_bytes_max) {
    running.too_large = true;
    return 0;
  }
  running.exchange.body.append(bytes, size);
  return size;
}

bool is_header(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = line[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != name[i]) return false;
  }
  return true;
}

std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* user) {
  auto& running = *static_cast<Running*>(user);
  if (running.dropped) return 0;
  const std::string_view line(bytes, size);
  if (is_header(line, "retry-after")) {
    std::string_view value = line.substr(line.find(':') + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    std::int64_t seconds = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (code == std::errc() && end != value.data() && seconds >= 0 && seconds < 1'000'000) {
      running.exchange.retry_after_ms = seconds * 1000;
    }
  }
  if (line == "\r\n" || line == "\n") {
    long status = 0;
    curl_easy_getinfo(running.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && !running.headed) {  // 1xx are followed by the real one
      running.headed = true;
      running.exchange.status = static_cast<int>(status);
      if (running.call.head) running.call.head(running.exchange.status);
      if (running.dropped) return 0;
    }
  }
  return size;
}

std::size_t on_read(char* into, std::size_t, std::size_t size, void* user) {
  auto& running = *static_cast<Running*>(user);
  if (running.dropped) return CURL_READFUNC_ABORT;
  const std::size_t count = running.call.body.copy(into, size, running.sent);
  running.sent += count;
  return count;
}

/// libcurl repeats a request whose pooled connection died before an answer came. It may: of a body
/// that was not begun. After that the server may have acted on it, and whether to repeat is not
/// libcurl's to decide.
int on_seek(void* user, curl_off_t offset, int) {
  const auto& running = *static_cast<Running*>(user);
  const bool unsent = offset == 0 && running.sent == 0;
  return unsent ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  KERF_ASSERT(code == CURLE_OK, "this libcurl has all options that are set (7.85 or later)");
}

template <class Value>
void set(CURLM* multi, CURLMoption option, Value value) {
  KERF_ASSERT(curl_multi_setopt(multi, option, value) == CURLM_OK, "as for the easy ones");
}

bool is_before_sending(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR: return true;
    default: return false;
  }
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(CurlOptions options) : options_(std::move(options)) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    tls_ = options_.server.starts_with("https:");
    for (Pool*& pool : lanes_) pool = open_pool();
    thread_ = std::thread([this] { poller_.run(); });
  }

  void stop() override {
    if (!thread_.joinable()) return;
    KERF_ASSERT(std::this_thread::get_id() != thread_.get_id(), "not from a callback");
    poller_.stop();
    thread_.join();
  }

  ~CurlTransport() override {
    CurlTransport::stop();
    for (auto& [id, running] : running_) {
      running->dropped = true;
      if (running->pool != nullptr) curl_multi_remove_handle(running->pool->multi, running->easy);
    }
    running_.clear();
    for (Pool& pool : pools_) curl_multi_cleanup(pool.multi);
  }

  void post(std::function<void()> work) override { poller_.post(std::move(work)); }
  Instant now() const override { return poller_.now(); }

  Id after(std::int64_t ms, std::function<void()> work) override {
    const Id id = ++last_;
    poller_.at(now() + ms, id, std::move(work));
    return id;
  }

  Id start(Call call) override {
    const Id id = ++last_;
    auto running = std::make_unique<Running>();
    running->call = std::move(call);
    running->id = id;
    running_.emplace(id, std::move(running));
    // libcurl takes no new exchange inside one of its callbacks.
    poller_.post([this, id] { begin(id); });
    return id;
  }

  void drop(Id id) override {
    poller_.forget(id);
    const auto found = running_.find(id);
    if (found == running_.end() || found->second->dropped) return;
    found->second->dropped = true;
    poller_.post([this, id] { end(id); });
  }

  void renew(Lane lane) override {
    Pool*& pool = lanes_.at(static_cast<std::size_t>(lane));
    pool->retired = true;
    pool = open_pool();
    poller_.post([this] { sweep(); });
  }

  void trust(std::string ca) override {
    ca_ = std::move(ca);
    renew(Lane::Requests);
    renew(Lane::Watches);
  }

 private:
  Pool* open_pool();
  bool has(const Pool* pool) const {
    return std::any_of(pools_.begin(), pools_.end(), [&](const Pool& p) { return &p == pool; });
  }
  void begin(Id id);
  void fill_in(Running& running);
  void end(Id id);
  void sweep();
  void drive(Pool& pool, curl_socket_t socket, int what);
  void finish(Running& running, CURLcode code);

  static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
    auto& pool = *static_cast<Pool*>(user);
    Poller& poller = pool.transport->poller_;
    if (what == CURL_POLL_REMOVE) {
      poller.leave(socket);
      return 0;
    }
    poller.watch(socket, (what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0,
                 [&pool, self = pool.transport](int fd, bool readable, bool writable) {
                   if (!self->has(&pool)) return;
                   self->drive(
                       pool, fd,
                       (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
                 });
    return 0;
  }

  static int on_timer(CURLM*, long ms, void* user) {
    auto& pool = *static_cast<Pool*>(user);
    CurlTransport& self = *pool.transport;
    if (pool.timer != 0) self.poller_.forget(pool.timer);
    pool.timer = 0;
    if (ms < 0) return 0;
    pool.timer = self.after(ms, [&self, &pool] {
      pool.timer = 0;
      self.drive(pool, CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  CurlOptions options_;
  bool tls_ = true;
  std::string ca_;
  Poller poller_;
  Id last_ = 0;
  std::list<Pool> pools_;
  std::array<Pool*, 2> lanes_{};
  std::map<Id, std::unique_ptr<Running>> running_;
  std::thread thread_;
};

Pool* CurlTransport::open_pool() {
  Pool& pool = pools_.emplace_back();
  pool.transport = this;
  pool.multi = curl_multi_init();
  KERF_ASSERT(pool.multi != nullptr, "there is memory");
  set(pool.multi, CURLMOPT_SOCKETFUNCTION, &CurlTransport::on_socket);
  set(pool.multi, CURLMOPT_SOCKETDATA, &pool);
  set(pool.multi, CURLMOPT_TIMERFUNCTION, &CurlTransport::on_timer);
  set(pool.multi, CURLMOPT_TIMERDATA, &pool);
  set(pool.multi, CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
  if (tls_) set(pool.multi, CURLMOPT_MAX_HOST_CONNECTIONS, options_.connections_max);
  return &pool;
}

void CurlTransport::begin(Id id) {
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->dropped) return;  // end() is on its way
  Running& running = *found->second;
  Pool& pool = *lanes_.at(static_cast<std::size_t>(running.call.lane));
  running.easy = curl_easy_init();
  KERF_ASSERT(running.easy != nullptr, "there is memory");
  fill_in(running);
  KERF_ASSERT(curl_multi_add_handle(pool.multi, running.easy) == CURLM_OK, "a new handle");
  running.pool = &pool;
  ++pool.exchanges;
}

void CurlTransport::fill_in(Running& running) {
  CURL* const easy = running.easy;
  const Call& call = running.call;
  set(easy, CURLOPT_PRIVATE, &running);
  set(easy, CURLOPT_ERRORBUFFER, running.words.data());
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, tls_ ? "https" : "http");
  set(easy, CURLOPT_URL, (options_.server + call.path).c_str());
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_PROXY, "");  // none, whatever the environment says
  set(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(easy, CURLOPT_HTTP_VERSION,
      tls_ ? long{CURL_HTTP_VERSION_2TLS} : long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_PIPEWAIT, tls_ ? 1L : 0L);  // rather share a connection than open one
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_ms));
  set(easy, CURLOPT_MAXAGE_CONN, 900L);
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  set(easy, CURLOPT_TCP_KEEPINTVL, 15L);
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  // The cluster's authority and no other; as bytes, because libcurl keeps files for a day.
  set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  set(easy, CURLOPT_CAINFO, static_cast<char*>(nullptr));
  if (tls_) {
    curl_blob blob{ca_.data(), ca_.size(), CURL_BLOB_COPY};
    set(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy, CURLOPT_WRITEDATA, &running);
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, &running);
  const auto header = [&](const std::string& line) {
    running.headers = curl_slist_append(running.headers, line.c_str());
  };
  header("Accept: application/json");
  header("Expect:");
  if (!call.bearer.empty()) header("Authorization: Bearer " + call.bearer);
  if (call.method != "GET") {
    header("Content-Type: " + call.content_type);
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    set(easy, CURLOPT_READFUNCTION, &on_read);
    set(easy, CURLOPT_READDATA, &running);
    set(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    set(easy, CURLOPT_SEEKDATA, &running);
  }
  set(easy, CURLOPT_HTTPHEADER, running.headers);
}

/// Takes the handle out, and with it everything about the exchange.
void CurlTransport::end(Id id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const auto running = std::move(found->second);
  running_.erase(found);
  if (running->pool != nullptr) {
    curl_multi_remove_handle(running->pool->multi, running->easy);
    --running->pool->exchanges;
  }
  sweep();
}

void CurlTransport::sweep() {
  for (auto pool = pools_.begin(); pool != pools_.end();) {
    if (!pool->retired || pool->exchanges != 0) {
      ++pool;
      continue;
    }
    curl_multi_cleanup(pool->multi);
    if (pool->timer != 0) poller_.forget(pool->timer);
    pool = pools_.erase(pool);
  }
}

void CurlTransport::drive(Pool& pool, curl_socket_t socket, int what) {
  int running = 0;
  curl_multi_socket_action(pool.multi, socket, what, &running);
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(pool.multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Running* of = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &of);
    finish(*of, message->data.result);
  }
}

void CurlTransport::finish(Running& running, CURLcode code) {
  if (running.dropped) return;  // end() is on its way
  running.dropped = true;       // from here on it is over
  Exchange& exchange = running.exchange;
  curl_off_t begun_us = 0;
  curl_easy_getinfo(running.easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
  if (code == CURLE_OK && running.headed) {
    exchange.ending = Ending::Complete;
  } else if (running.too_large) {
    exchange.ending = Ending::TooLarge;
    exchange.error =
        fmt::format("the API server's answer is larger than {} bytes", running.call.body_bytes_max);
  } else {
    const bool unsent =
        is_before_sending(code) || (begun_us == 0 && running.sent == 0 && !running.headed);
    exchange.ending = unsent ? Ending::NotSent : Ending::Broken;
    const char* const words =
        running.words[0] != '\0' ? running.words.data() : curl_easy_strerror(code);
    exchange.error = fmt::format("API server {}: {}", options_.server, words);
  }
  poller_.post([this, id = running.id] { end(id); });
  if (running.call.done) running.call.done(std::move(exchange));
}

}  // namespace

std::unique_ptr<Transport> make_curl_transport(CurlOptions options) {
  return std::make_unique<CurlTransport>(std::move(options));
}

}  // namespace kerf::apiserver
