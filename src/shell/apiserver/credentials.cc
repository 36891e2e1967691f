// In-cluster credentials, and files that are read again when they change.
#include "shell/apiserver/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/quote.h"

namespace kerf::apiserver {
namespace {

constexpr const char* kFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  return code == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

bool is_host(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = text.substr(1, text.size() - 2);
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [&](char c) {
    const auto u = static_cast<unsigned char>(c);
    if (bracketed) return std::isxdigit(u) != 0 || c == ':' || c == '.';
    return std::isalnum(u) != 0 || c == '.' || c == '-';
  });
}

bool is_this_machine(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  // A name may start with "127." too: only digits and dots are an address.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// Closed at the end of the block.
struct Descriptor {
  explicit Descriptor(int fd) : value(fd) {}
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value;
};

tl::unexpected<Error> file_error(const std::string& path, int code) {
  return fail(code == ENOENT ? ErrorCode::NotFound : ErrorCode::Unavailable,
              fmt::format("{}: {}", path, std::strerror(code)));
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.value < 0) return file_error(path, errno);
  std::string text(bytes_max + 1, '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::read(file.value, text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(path, errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  if (got > bytes_max) {
    return fail(ErrorCode::TooLarge, fmt::format("{}: at most {} bytes are read", path, bytes_max));
  }
  text.resize(got);
  text.shrink_to_fit();
  return text;
}

/// A header's value: what is not printable would end it.
Result<std::string> check_token(std::string text, const std::string& path) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  if (text.empty()) return invalid(path + ": the token is empty");
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    return invalid(path + ": a token has no spaces or control characters");
  }
  return text;
}

Result<std::string> check_ca(std::string text, const std::string& path) {
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return invalid(path + ": no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  return text;
}

}  // namespace

Result<void> check_server(std::string_view server) {
  std::string_view rest = server;
  const bool tls = rest.starts_with("https://");
  if (tls) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return invalid(fmt::format("API server {}: expected https://host:port", quoted(server)));
  }
  std::string_view host = rest;
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && !rest.ends_with(']')) {
    host = rest.substr(0, colon);
    if (!is_port(rest.substr(colon + 1))) {
      return invalid(
          fmt::format("API server {}: the port is no number from 1 to 65535", quoted(server)));
    }
  }
  if (!is_host(host)) {
    return invalid(
        fmt::format("API server {}: expected https://host:port, without a path; an IPv6 "
                    "address in brackets",
                    quoted(server)));
  }
  if (!tls && !is_this_machine(host)) {
    return invalid(
        fmt::format("API server {}: without TLS only on this machine (127.0.0.1, "
                    "localhost); use https://",
                    quoted(server)));
  }
  return {};
}

Result<Credentials> in_cluster() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  return in_cluster(host == nullptr ? "" : host, port == nullptr ? "" : port, kFolder);
}

Result<Credentials> in_cluster(std::string_view host, std::string_view port,
                               const std::string& folder) {
  if (host.empty() || port.empty()) {
    return fail(ErrorCode::NotFound,
                "this is not a pod of a cluster: KUBERNETES_SERVICE_HOST and "
                "KUBERNETES_SERVICE_PORT are not set");
  }
  const bool v6 = host.find(':') != std::string_view::npos && host.front() != '[';
  Credentials out;
  out.server =
      v6 ? fmt::format("https://[{}]:{}", host, port) : fmt::format("https://{}:{}", host, port);
  out.ca_file = folder + "/ca.crt";
  out.token_file = folder + "/token";
  KERF_CHECK_OK(check_server(out.server));
  return out;
}

void Secrets::refresh(File& file, const std::string& path, std::size_t bytes_max, Check check,
                      Instant now, bool even_if_same) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    file.problem = file_error(path, errno).value().message();
    return;
  }
  const Stamp stamp{static_cast<std::uint64_t>(status.st_dev),
                    static_cast<std::uint64_t>(status.st_ino), status.st_size,
                    status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
  if (!even_if_same && file.stamp == stamp && now - file.read_at < kReadAgainMs) return;
  file.stamp = stamp;
  file.read_at = now;
  auto text = read_file(path, bytes_max);
  if (text) text = check(*std::move(text), path);
  if (!text) {
    file.problem = text.error().message();
    return;
  }
  file.problem.clear();
  if (file.version != 0 && file.text == *text) return;
  file.text = *std::move(text);
  ++file.version;
}

void Secrets::refresh(Instant now, bool even_if_same) {
  if (!credentials_.token_file.empty()) {
    refresh(token_, credentials_.token_file, kTokenBytesMax, check_token, now, even_if_same);
  }
  if (credentials_.server.starts_with("https:")) {
    refresh(ca_, credentials_.ca_file, kCaBytesMax, check_ca, now, even_if_same);
  }
}

Result<void> Secrets::load(Instant now) {
  KERF_CHECK_OK(check_server(credentials_.server));
  refresh(now, true);
  if (const std::string why = problem(); !why.empty()) return invalid(why);
  return {};
}

std::string Secrets::problem() const {
  return token_.problem.empty() ? ca_.problem : token_.problem;
}

}  // namespace kerf::apiserver
