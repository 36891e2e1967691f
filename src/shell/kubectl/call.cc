// Builds command lines, runs them, and reads lists while they come in.
#include "shell/kubectl/call.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "codec/json_items.h"
#include "report/text.h"

namespace kerf::kubectl {
namespace {

/// More objects of one kind than any cluster has: an output without end is not followed.
constexpr std::size_t kItemsMax = 1'000'000;
constexpr std::size_t kWordsMax = 300;

/// Values are joined to their options, so that none can be taken for another option.
runtime::ChildCommand command_of(const KubectlOptions& options, std::vector<std::string> words) {
  runtime::ChildCommand command;
  command.deadline = options.timeout;
  command.arguments = {options.program};
  for (std::string& word : words) command.arguments.push_back(std::move(word));
  if (!options.kubeconfig.empty())
    command.arguments.push_back("--kubeconfig=" + options.kubeconfig);
  if (!options.context.empty()) command.arguments.push_back("--context=" + options.context);
  return command;
}

Judged failed(std::string_view words) {
  return {Answer::Failed, report::elided(report::printable(words, false), kWordsMax, false)};
}

Judged judged_of(const KubectlOptions& options, const runtime::ChildOutcome& outcome) {
  if (!outcome.timed_out) return judge(outcome);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.timeout).count();
  return {Answer::Slow, fmt::format("kubectl was not done in {} s and was ended", seconds)};
}

Result<runtime::ChildOutcome> run(const runtime::ChildCommand& command) {
  Result<runtime::ChildOutcome> outcome = runtime::run_child(command);
  if (outcome) return outcome;
  if (outcome.error().code() != ErrorCode::NotFound) return outcome;
  return fail(ErrorCode::NotFound,
              fmt::format("{}. Kerf reads a cluster through your kubectl: install it or put it "
                          "into PATH (https://kubernetes.io/docs/tasks/tools), or give a snapshot "
                          "with --snapshot",
                          outcome.error().message()));
}

}  // namespace

Result<ListAnswer> list(const KubectlOptions& options, const codec::ClusterKind& kind,
                        std::string_view ns) {
  std::vector<std::string> words = {"get", std::string(kind.resource), "--output=json",
                                    "--chunk-size=500"};
  if (kind.namespaced)
    words.push_back(ns.empty() ? "--all-namespaces" : fmt::format("--namespace={}", ns));
  runtime::ChildCommand command = command_of(options, std::move(words));
  ListAnswer answer;
  codec::JsonItems items(
      fmt::format("kubectl get {}", kind.resource), [&](codec::Node item) -> Result<void> {
        if (answer.items.size() == kItemsMax) {
          return fail(ErrorCode::TooLarge, fmt::format("more than {} objects", kItemsMax));
        }
        answer.items.push_back(codec::stripped(kind, std::move(item)));
        return {};
      });
  std::optional<Error> unreadable;
  const auto note = [&](const Result<void>& read) {
    if (!read && !unreadable) unreadable = read.error();
    return read.has_value();
  };
  command.on_out = [&](std::string_view bytes) { return note(items.feed(bytes)); };
  KERF_TRY(const runtime::ChildOutcome outcome, run(command));
  answer.judged = judged_of(options, outcome);
  if (answer.judged.answer == Answer::Good) note(items.end());
  if (unreadable) answer.judged = failed(unreadable->message());
  if (answer.judged.answer != Answer::Good) answer.items.clear();
  codec::arrange(answer.items);
  return answer;
}

Result<TextAnswer> text_of(const KubectlOptions& options, std::vector<std::string> words,
                           std::size_t bytes_max) {
  runtime::ChildCommand command = command_of(options, std::move(words));
  TextAnswer answer;
  bool too_long = false;
  command.on_out = [&](std::string_view bytes) {
    too_long = answer.text.size() + bytes.size() > bytes_max;
    if (!too_long) answer.text += bytes;
    return !too_long;
  };
  KERF_TRY(const runtime::ChildOutcome outcome, run(command));
  answer.judged = too_long ? failed(fmt::format("more than {} MiB", bytes_max >> 20))
                           : judged_of(options, outcome);
  if (answer.judged.answer != Answer::Good) answer.text.clear();
  return answer;
}

}  // namespace kerf::kubectl
