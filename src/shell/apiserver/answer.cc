// From HTTP and the API server's Status objects to what a caller may do.
#include "shell/apiserver/answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/quote.h"
#include "codec/json.h"

namespace kerf::apiserver {
namespace {

constexpr std::int64_t kRetryAfterMsMax = 5 * 60'000;
/// Of a body that explains a failure.
constexpr codec::Limits kStatusLimits{
    .bytes = 1u << 20, .depth = 32, .nodes = 20'000, .scalar_bytes = 1u << 20};

std::string_view text_of(const codec::Node* node) {
  return node != nullptr && node->kind == codec::Node::Kind::String ? std::string_view(node->text)
                                                                    : std::string_view();
}

/// One line, without control characters, of a bounded length.
std::string one_line(std::string_view text) {
  constexpr std::size_t kBytesMax = 1000;
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < kBytesMax;) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0 || static_cast<unsigned char>(text[i]) < ' ' || text[i] == '\x7f') {
      out += ' ';
      ++i;
      continue;
    }
    out += text.substr(i, length);
    i += length;
  }
  return out;
}

/// metav1.Status: reason, message, details.retryAfterSeconds, details.causes.
bool read_status(std::string_view body, Answer& answer) {
  const auto document = codec::parse_json(body, "status", kStatusLimits);
  if (!document || text_of(document->root.find("kind")) != "Status") return false;
  const codec::Node& status = document->root;
  answer.reason = one_line(text_of(status.find("reason")));
  answer.message = one_line(text_of(status.find("message")));
  const codec::Node* details = status.find("details");
  if (details == nullptr) return true;
  if (const codec::Node* seconds = details->find("retryAfterSeconds");
      seconds != nullptr && seconds->kind == codec::Node::Kind::Int && answer.retry_after_ms == 0) {
    answer.retry_after_ms =
        std::clamp<std::int64_t>(seconds->integer, 0, kRetryAfterMsMax / 1000) * 1000;
  }
  if (const codec::Node* causes = details->find("causes");
      causes != nullptr && !causes->items.empty()) {
    answer.cause = one_line(text_of(causes->items.front().find("reason")));
    const std::string more = one_line(text_of(causes->items.front().find("message")));
    if (!more.empty() && answer.message.find(more) == std::string::npos) {
      answer.message += answer.message.empty() ? more : " (" + more + ")";
    }
  }
  return true;
}

Verdict of_status(int status, std::string_view reason, bool writes) {
  if (status >= 200 && status < 300) return Verdict::Ok;
  switch (status) {
    case 401: return Verdict::Later;
    case 404: return Verdict::NotFound;
    case 409: return reason == "AlreadyExists" ? Verdict::AlreadyExists : Verdict::Conflict;
    case 410: return Verdict::Gone;
    case 429: return Verdict::Later;
    case 503: return Verdict::Later;
    default: break;
  }
  if (status >= 500) return writes ? Verdict::Unknown : Verdict::Later;
  return Verdict::Refused;
}

Answer of_broken(const Exchange& exchange, bool writes) {
  Answer answer;
  answer.status = exchange.status;
  answer.message = one_line(exchange.error);
  if (answer.message.empty()) answer.message = "the exchange with the API server ended early";
  switch (exchange.ending) {
    case Ending::NotSent: answer.verdict = Verdict::Later; break;
    case Ending::TooLarge: answer.verdict = writes ? Verdict::Unknown : Verdict::Refused; break;
    case Ending::Broken:
    case Ending::Complete: answer.verdict = writes ? Verdict::Unknown : Verdict::Later; break;
  }
  return answer;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ok: return "Ok";
    case Verdict::Conflict: return "Conflict";
    case Verdict::AlreadyExists: return "AlreadyExists";
    case Verdict::NotFound: return "NotFound";
    case Verdict::Gone: return "Gone";
    case Verdict::Refused: return "Refused";
    case Verdict::Later: return "Later";
    case Verdict::Unknown: return "Unknown";
  }
  return "?";
}

Error Answer::error() const {
  const auto code = [&] {
    switch (verdict) {
      case Verdict::Conflict:
      case Verdict::AlreadyExists: return ErrorCode::Conflict;
      case Verdict::NotFound: return ErrorCode::NotFound;
      case Verdict::Gone: return ErrorCode::Expired;
      case Verdict::Ok:
      case Verdict::Refused: return ErrorCode::InvalidArgument;
      case Verdict::Later:
      case Verdict::Unknown: break;
    }
    return ErrorCode::Unavailable;
  }();
  return Error(code, message);
}

Answer judge(Exchange exchange, bool writes) {
  if (exchange.ending != Ending::Complete || exchange.status < 200) {
    return of_broken(exchange, writes);
  }
  Answer answer;
  answer.status = exchange.status;
  if (exchange.status < 300) {
    answer.verdict = Verdict::Ok;
    answer.body = std::move(exchange.body);
    return answer;
  }
  if (exchange.retry_after_ms > 0) {
    answer.retry_after_ms = std::min(exchange.retry_after_ms, kRetryAfterMsMax);
  }
  if (!read_status(exchange.body, answer) && !exchange.body.empty()) {
    answer.message = shown(exchange.body);
  }
  answer.verdict = of_status(exchange.status, answer.reason, writes);
  if (exchange.status < 400) answer.message = "it sent a redirect, which is not followed";
  const std::string prefix = answer.reason.empty()
                                 ? fmt::format("{}", exchange.status)
                                 : fmt::format("{} {}", exchange.status, answer.reason);
  answer.message = answer.message.empty() ? prefix : prefix + ": " + answer.message;
  return answer;
}

void read_object(Answer& answer, bool writes) {
  codec::Limits limits;
  limits.bytes = answer.body.size() + 1;  // the transport held it to its bound
  auto document = codec::parse_json(answer.body, "the API server's answer", limits);
  answer.body.clear();
  answer.body.shrink_to_fit();
  if (document && document->root.kind == codec::Node::Kind::Mapping) {
    answer.object = std::move(document->root);
    return;
  }
  answer.verdict = writes ? Verdict::Unknown : Verdict::Later;
  answer.message =
      document ? "the API server's answer is no JSON object" : one_line(document.error().message());
}

std::string_view metadata_text(const codec::Node& object, std::string_view member) {
  const codec::Node* metadata = object.find("metadata");
  return metadata == nullptr ? std::string_view() : text_of(metadata->find(member));
}

}  // namespace kerf::apiserver
