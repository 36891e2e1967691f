// Credentials: where the API server is, whom to trust there, and the token that says who we are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/control/object.h"

namespace kerf::apiserver {

using control::Instant;

/// As a pod has them. Kerf reads no kubeconfig and no client certificates.
struct Credentials {
  std::string server;      ///< "https://host:port", nothing after it; IPv6 in brackets
  std::string ca_file;     ///< PEM; the only authority that is trusted. Not used by http
  std::string token_file;  ///< a bearer token; "" = none is sent
};

/// What kubelet gives every pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and the files
/// under /var/run/secrets/kubernetes.io/serviceaccount. The one place that reads the environment.
/// NotFound outside a cluster. Any thread.
Result<Credentials> in_cluster();
/// The same with the values handed in.
Result<Credentials> in_cluster(std::string_view host, std::string_view port,
                               const std::string& folder);

/// Is this an address that Kerf speaks to? https, or http to this machine itself (127.0.0.0/8, ::1,
/// localhost): a token over plain text goes no further than that. No path, query or user.
Result<void> check_server(std::string_view server);

/// The two files of Credentials as they were read last. kubelet replaces them while the pod runs (a
/// token lives for about an hour), so each is read again when its file is another one (by device,
/// inode, size and time), and at the latest a minute after the last time. A file that cannot be
/// read or makes no sense changes nothing: what was read before goes on being used, and problem()
/// says why. One thread.
class Secrets {
 public:
  static constexpr std::int64_t kReadAgainMs = 60 * control::kSecond;
  static constexpr std::size_t kTokenBytesMax = 64u << 10;
  static constexpr std::size_t kCaBytesMax = 4u << 20;

  explicit Secrets(Credentials credentials) : credentials_(std::move(credentials)) {}

  /// The first reading: an error names the file and what is wrong with it.
  Result<void> load(Instant now);
  /// Looks whether the files changed; `even_if_same` reads them whatever they look like.
  void refresh(Instant now, bool even_if_same = false);

  const std::string& token() const { return token_.text; }
  const std::string& ca() const { return ca_.text; }
  /// Goes up with each new content.
  std::uint64_t token_version() const { return token_.version; }
  std::uint64_t ca_version() const { return ca_.version; }
  /// "" = both files were readable when last looked at.
  std::string problem() const;

 private:
  /// What tells a file from the one that was read.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct File {
    std::string text;
    std::uint64_t version = 0;
    std::optional<Stamp> stamp;
    Instant read_at = 0;
    std::string problem;
  };
  using Check = Result<std::string> (*)(std::string text, const std::string& path);
  static void refresh(File& file, const std::string& path, std::size_t bytes_max, Check check,
                      Instant now, bool even_if_same);

  Credentials credentials_;
  File token_;
  File ca_;
};

}  // namespace kerf::apiserver
