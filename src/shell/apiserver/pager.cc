// Pages of a list, by limit and continue.
#include "shell/apiserver/pager.h"

#include <utility>

namespace kerf::apiserver {

Pager::Pager(Session& session, std::string path, Query selectors, const Options& options,
             Events events)
    : session_(session),
      path_(std::move(path)),
      selectors_(std::move(selectors)),
      options_(options),
      events_(std::move(events)) {}

void Pager::start() {
  if (events_.begin) events_.begin();
  ask();
}

void Pager::stop() {
  stopped_ = true;
  session_.drop(call_);
}

void Pager::ask() {
  Request request;
  request.path = path_;
  request.query = selectors_;
  request.query.emplace_back("limit", std::to_string(options_.page));
  if (!continue_.empty()) request.query.emplace_back("continue", continue_);
  request.deadline_ms = options_.deadline_ms;
  request.body_bytes_max = options_.page_bytes_max;
  call_ = session_.call(std::move(request), [this](Answer answer) { answered(std::move(answer)); });
}

void Pager::answered(Answer answer) {
  if (answer.verdict == Verdict::Gone && !continue_.empty() && restarts_ < kRestartsMax) {
    ++restarts_;
    continue_.clear();
    start();
    return;
  }
  if (answer.ok()) read_object(answer, false);
  if (!answer.ok()) return end(std::move(answer));
  version_ = metadata_text(answer.object, "resourceVersion");
  continue_ = metadata_text(answer.object, "continue");
  std::vector<codec::Node> items;
  bool is_list = !version_.empty();
  for (auto& [key, value] : answer.object.members) {
    if (key != "items") continue;
    is_list = is_list && (value.kind == codec::Node::Kind::Sequence || value.is_null());
    items = std::move(value.items);
  }
  if (!is_list || ++pages_ > kPagesMax) {
    answer.object = {};
    answer.verdict = Verdict::Later;
    answer.message = is_list ? "the list does not end" : "the API server's answer is no list";
    return end(std::move(answer));
  }
  answer.object = {};
  events_.page(std::move(items));
  if (stopped_) return;
  if (!continue_.empty()) return ask();
  end(std::move(answer));
}

void Pager::end(Answer answer) {
  const auto done = std::move(events_.done);
  const std::string version = std::move(version_);
  done(std::move(answer), version);
}

}  // namespace kerf::apiserver
