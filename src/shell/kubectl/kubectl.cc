// Runs the calls of one reading side by side and puts their answers together.
#include "shell/kubectl/kubectl.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "report/text.h"
#include "shell/kubectl/call.h"
#include "shell/kubectl/crew.h"
#include "shell/kubectl/price_calls.h"

namespace kerf::kubectl {
namespace {

using codec::ClusterKind;
using codec::ClusterReading;
using codec::KindReading;
using codec::KindState;

constexpr std::size_t kShortTextMax = 1u << 20;
constexpr std::size_t kNameBytesMax = 1024;

KindState state_of(Answer answer) {
  switch (answer) {
    case Answer::Good: return KindState::Read;
    case Answer::Absent: return KindState::Absent;
    case Answer::Forbidden: return KindState::Forbidden;
    default: return KindState::Failed;
  }
}

std::int64_t now_in_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::floor<std::chrono::seconds>(now).count();
}

/// The first line of a text, safe to show; "" if it is too long to be a name.
std::string name_in(std::string_view text) {
  text = text.substr(0, text.find_first_of("\r\n"));
  return text.size() > kNameBytesMax ? std::string() : report::printable(text, true);
}

/// "v1.36.3"; "" where kubectl did not reach the server or says it otherwise.
std::string server_version_of(std::string_view json) {
  const auto document = codec::parse_json(json, "kubectl version");
  if (!document) return {};
  const codec::Node* const server = document->root.find("serverVersion");
  const codec::Node* const version = server == nullptr ? nullptr : server->find("gitVersion");
  return version == nullptr || version->text.size() > 64 ? std::string() : name_in(version->text);
}

/// One reading. Each task of the crew writes to a member, or an element, of its own.
class Reader {
 public:
  explicit Reader(const KubectlOptions& options)
      : options_(options), used_fallback_(codec::cluster_kinds().size(), 0) {
    reading_.kinds = codec::unread_kinds("");
  }

  Result<ClusterReading> read() {
    KERF_CHECK_OK(knock());
    Crew crew(options_.at_once, options_.tell);
    // Nodes and pods are the longest, so they come first.
    for (std::size_t i = 0; i < reading_.kinds.size(); ++i)
      crew.add(std::string(reading_.kinds[i].kind->resource), [this, i] { return read_kind(i); });
    if (options_.context.empty()) crew.add("current context", [this] { return read_context(); });
    KERF_CHECK_OK(crew.run());
    reading_.taken_ms = now_in_seconds() * 1000;
    name_source();
    KERF_CHECK_OK(check_essentials());
    if (options_.prices) KERF_CHECK_OK(read_prices());
    return std::move(reading_);
  }

 private:
  static tl::unexpected<Error> gave_up(const Judged& judged) {
    return fail(ErrorCode::Unavailable,
                fmt::format("kubectl: {}\n{}", judged.words, advice(judged.answer)));
  }

  /// One call by itself before the many: what logs in (a plugin, a browser) does so once, and a
  /// cluster that cannot be reached is waited for once.
  Result<void> knock() {
    Crew crew(1, options_.tell);
    crew.add("version", [this]() -> Result<void> {
      KERF_TRY(const TextAnswer answer,
               text_of(options_, {"version", "--output=json"}, kShortTextMax));
      if (answer.judged.concerns_all() || answer.judged.answer == Answer::Slow)
        return gave_up(answer.judged);
      reading_.server_version = server_version_of(answer.text);
      return {};
    });
    return crew.run();
  }

  /// Nothing depends on it, so trouble with it is none. (In a pod there is no context.)
  Result<void> read_context() {
    KERF_TRY(const TextAnswer answer,
             text_of(options_, {"config", "current-context"}, kShortTextMax));
    reading_.context = name_in(answer.text);
    return {};
  }

  Result<void> read_kind(std::size_t index) {
    KindReading& into = reading_.kinds[index];
    KERF_TRY(ListAnswer answer, list(options_, *into.kind, ""));
    if (answer.judged.answer == Answer::Forbidden && into.kind->namespaced &&
        !options_.fallback_namespace.empty()) {
      KERF_TRY(answer, list(options_, *into.kind, options_.fallback_namespace));
      used_fallback_[index] = 1;
    }
    if (answer.judged.concerns_all()) return gave_up(answer.judged);
    into.state = state_of(answer.judged.answer);
    into.why = std::move(answer.judged.words);
    into.items = std::move(answer.items);
    return {};
  }

  void name_source() {
    if (!options_.context.empty()) reading_.context = name_in(options_.context);
    reading_.source = reading_.context.empty() ? "the cluster that kubectl reaches"
                                               : "context " + reading_.context;
    const KindReading& pods = reading_.of("Pod");
    const auto index = static_cast<std::size_t>(&pods - reading_.kinds.data());
    if (pods.state == KindState::Read && used_fallback_[index] != 0)
      reading_.only_namespace = options_.fallback_namespace;
  }

  /// Without nodes and pods there is nothing to say of a cluster.
  Result<void> check_essentials() const {
    const KindReading& nodes = reading_.of("Node");
    const KindReading& pods = reading_.of("Pod");
    if (nodes.state == KindState::Read || pods.state == KindState::Read) return {};
    const bool forbidden =
        nodes.state == KindState::Forbidden && pods.state == KindState::Forbidden;
    return fail(
        ErrorCode::Unavailable,
        fmt::format("neither nodes nor pods of {} could be read\n  nodes: {}\n  pods: {}\n{}",
                    reading_.source, nodes.why, pods.why,
                    forbidden ? "Kerf needs get and list on both; with rights in one "
                                "namespace only, name it with -n"
                              : "Try kubectl get nodes,pods -A: what works there works "
                                "here."));
  }

  Result<void> read_prices() {
    const std::vector<PriceCall> calls = price_calls(reading_.of("Pod").items);
    reading_.pages.resize(calls.size());
    Crew crew(options_.at_once, options_.tell);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      crew.add("prices", [this, i, &calls]() -> Result<void> {
        KERF_TRY(reading_.pages[i], read_page(options_, calls[i]));
        return {};
      });
    }
    return crew.run();
  }

  const KubectlOptions& options_;
  ClusterReading reading_;
  std::vector<char> used_fallback_;  ///< by kind; no vector<bool>, whose elements share bytes
};

}  // namespace

Result<codec::ClusterReading> read_cluster(const KubectlOptions& options) {
  return Reader(options).read();
}

}  // namespace kerf::kubectl
