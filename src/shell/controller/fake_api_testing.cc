// The rules of the fake API server.
#include "shell/controller/fake_api_testing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codec/json.h"
#include "shell/apiserver/answer.h"

namespace kerf::shell {

using apiserver::Call;
using apiserver::Ending;
using apiserver::Exchange;
using apiserver::metadata_text;
using codec::Node;

namespace {

Node parsed(const std::string& json) {
  auto document = codec::parse_json(json, "test");
  EXPECT_TRUE(document) << json;
  return document ? document->root : Node::mapping();
}

void put_member(Node& mapping, const std::string& key, Node value) {
  std::erase_if(mapping.members, [&](const auto& member) { return member.first == key; });
  mapping.key_at.clear();
  mapping.set(key, std::move(value));
}

void put_metadata(Node& object, const std::string& key, const std::string& value) {
  const Node* before = object.find("metadata");
  Node metadata = before != nullptr ? *before : Node::mapping();
  put_member(metadata, key, Node::of(value));
  put_member(object, "metadata", std::move(metadata));
}

std::string status_json(int code, const std::string& reason) {
  return fmt::format(R"({{"kind":"Status","code":{},"reason":"{}","message":"{} of the test"}})",
                     code, reason, reason);
}

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find(by, from), text.size());
    if (to > from) parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

}  // namespace

// --- Connections ---------------------------------------------------------------------------------

class FakeApi::Connection final : public apiserver::Transport {
 public:
  Connection(FakeApi& api, std::size_t number) : api_(api), number_(number) {}
  ~Connection() override {
    std::replace(api_.connections_.begin(), api_.connections_.end(), this,
                 static_cast<Connection*>(nullptr));
  }

  void stop() override {
    calls.clear();
    posted_.clear();
    stopped_ = true;
  }
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }
  apiserver::Instant now() const override { return api_.now; }
  Id after(std::int64_t ms, std::function<void()> work) override {
    const Id id = api_.after(ms, std::move(work));
    return id;
  }
  Id start(Call call) override {
    const Id id = ++api_.last_;
    calls[id].call = std::move(call);
    return id;
  }
  void drop(Id id) override {
    calls.erase(id);
    api_.cancel(id);
  }
  void renew(apiserver::Lane) override {}
  void trust(std::string) override {}

  bool run_posted() {
    const auto batch = std::exchange(posted_, {});
    for (const auto& work : batch) {
      if (!stopped_) work();
    }
    return !batch.empty();
  }
  void done(Id id, Ending ending, int status, std::string body) {
    auto call = calls.extract(id);
    if (call.empty()) return;
    Exchange exchange;
    exchange.ending = ending;
    exchange.status = status;
    exchange.body = std::move(body);
    exchange.error = "cut off by the test";
    const auto end = std::move(call.mapped().call.done);
    end(std::move(exchange));
  }

  struct Open {
    Call call;
    bool taken = false;  ///< looked at: a watch, or what will not be answered
    std::optional<Where> watch;
    std::vector<std::string> events;  ///< to be sent
  };
  std::map<Id, Open> calls;
  std::size_t number() const { return number_; }

 private:
  FakeApi& api_;
  std::size_t number_;
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
};

FakeApi::FakeApi() = default;
FakeApi::~FakeApi() = default;

std::unique_ptr<apiserver::Transport> FakeApi::connect() {
  auto connection = std::make_unique<Connection>(*this, connections_.size());
  connections_.push_back(connection.get());
  return connection;
}

bool FakeApi::pump() {
  bool any = false;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Connection* connection = connections_[i];
    if (connection == nullptr) continue;
    any |= connection->run_posted();
    std::vector<std::uint64_t> ids;
    for (const auto& [id, open] : connection->calls) ids.push_back(id);
    for (const std::uint64_t id : ids) {
      const auto at = connection->calls.find(id);
      if (at == connection->calls.end()) continue;
      if (cut_off.contains(i)) {
        any = true;
        connection->done(id, at->second.taken ? Ending::Broken : Ending::NotSent, 0, {});
        continue;
      }
      if (!at->second.taken) {
        const Where where = parse(at->second.call.path);
        const bool listing =
            at->second.call.method == "GET" && where.name.empty() && !where.query.contains("watch");
        if (listing && hold.contains(where.collection)) continue;
        any = true;
        answer(*connection, id);
        continue;
      }
      if (mute.contains(i)) continue;
      const auto events = std::exchange(at->second.events, {});
      for (const std::string& event : events) {
        any = true;
        const auto again = connection->calls.find(id);
        if (again == connection->calls.end()) break;
        const auto data = again->second.call.data;
        data(event);
      }
    }
  }
  return any;
}

// --- Requests ------------------------------------------------------------------------------------

FakeApi::Where FakeApi::parse(const std::string& path) {
  Where where;
  const std::size_t mark = std::min(path.find('?'), path.size());
  if (mark < path.size()) {
    for (const std::string& pair : split(path.substr(mark + 1), '&')) {
      const std::size_t equal = std::min(pair.find('='), pair.size());
      where.query[pair.substr(0, equal)] =
          equal < pair.size() ? decoded(pair.substr(equal + 1)) : "";
    }
  }
  auto parts = split(path.substr(0, mark), '/');
  std::size_t at = 1;
  where.collection = parts.at(at++);
  if (parts.at(0) == "apis") where.collection += "/" + parts.at(at++);
  if (parts.at(at) == "namespaces" && parts.size() > at + 2) {
    where.ns = parts.at(at + 1);
    at += 2;
  }
  where.collection += "/" + parts.at(at++);
  if (at < parts.size()) where.name = decoded(parts.at(at));
  return where;
}

bool FakeApi::matches(const Where& where, const Node& object) {
  if (!where.ns.empty() && metadata_text(object, "namespace") != where.ns) return false;
  if (const auto label = where.query.find("labelSelector"); label != where.query.end()) {
    const Node* labels = object.find("metadata")->find("labels");
    if (labels == nullptr || labels->find(label->second) == nullptr) return false;
  }
  const auto fields = where.query.find("fieldSelector");
  if (fields == where.query.end()) return true;
  for (const std::string& field : split(fields->second, ',')) {
    if (field.starts_with("metadata.name=")) {
      if (metadata_text(object, "name") != field.substr(14)) return false;
    } else if (field.starts_with("status.phase!=")) {
      const Node* status = object.find("status");
      const Node* phase = status == nullptr ? nullptr : status->find("phase");
      if (phase != nullptr && phase->text == field.substr(14)) return false;
    } else {
      ADD_FAILURE() << "a selector that the fake does not know: " << field;
    }
  }
  return true;
}

void FakeApi::answer(Connection& connection, std::uint64_t id) {
  Connection::Open& open = connection.calls.at(id);
  open.taken = true;
  const Where where = parse(open.call.path);
  const bool watch = where.query.contains("watch");
  const bool reads = open.call.method == "GET";
  const std::string verb = watch                         ? "WATCH"
                           : reads && where.name.empty() ? "LIST"
                                                         : open.call.method;
  ++asked_[verb + " " + where.collection];
  const auto refused = refuse.find(where.collection);
  if (refused != refuse.end()) {
    return connection.done(id, Ending::Complete, refused->second,
                           status_json(refused->second, "Refused"));
  }
  if (watch) {
    open.watch = where;
    const auto from = std::stoll(where.query.at("resourceVersion"));
    for (const auto& [key, object] : collections_[where.collection]) {
      if (object.version > from && matches(where, object.value))
        open.events.push_back(
            fmt::format(R"({{"type":"MODIFIED","object":{}}})", codec::write_json(object.value)) +
            "\n");
    }
    for (std::string& event : open.events) std::replace(event.begin(), event.end() - 1, '\n', ' ');
    const auto head = open.call.head;
    if (head) head(200);
    return;
  }
  const Call call = open.call;
  auto [status, body] = handle(call, where);
  if (mute.contains(connection.number())) return;
  const auto still = connection.calls.find(id);
  if (still == connection.calls.end()) return;
  const auto head = still->second.call.head;
  if (head) head(status);
  connection.done(id, Ending::Complete, status, std::move(body));
}

std::pair<int, std::string> FakeApi::handle(const Call& call, const Where& where) {
  if (call.method != "GET") return write(call, where);
  if (where.name.empty()) return list(where);
  const Node* object = find(where.collection, where.ns, where.name);
  if (object == nullptr) return {404, status_json(404, "NotFound")};
  return {200, codec::write_json(*object)};
}

std::pair<int, std::string> FakeApi::list(const Where& where) const {
  std::vector<const Node*> all;
  const auto of = collections_.find(where.collection);
  if (of != collections_.end()) {
    for (const auto& [key, object] : of->second)
      if (matches(where, object.value)) all.push_back(&object.value);
  }
  const std::size_t limit = std::stoul(where.query.at("limit"));
  const auto token = where.query.find("continue");
  const std::size_t from = token == where.query.end() ? 0 : std::stoul(token->second);
  const std::size_t to = std::min(all.size(), from + limit);
  std::string items;
  for (std::size_t i = from; i < to; ++i) {
    if (i > from) items += ",";
    items += codec::write_json(*all[i]);
  }
  return {200,
          fmt::format(R"({{"metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
                      version_, to < all.size() ? std::to_string(to) : "", items)};
}

std::pair<int, std::string> FakeApi::write(const Call& call, const Where& where) {
  if (before_write) std::exchange(before_write, nullptr)();
  const Node body = parsed(call.body);
  const std::string name =
      where.name.empty() ? std::string(metadata_text(body, "name")) : where.name;
  const Node* there = find(where.collection, where.ns, name);
  if (call.method == "POST" && there != nullptr) return {409, status_json(409, "AlreadyExists")};
  if (call.method == "PUT" && there == nullptr) return {404, status_json(404, "NotFound")};
  if (call.method == "PUT") {
    const std::string_view version = metadata_text(body, "resourceVersion");
    if (!version.empty() && version != metadata_text(*there, "resourceVersion"))
      return {409, status_json(409, "Conflict")};
  }
  put(where.collection, call.body);
  return {call.method == "POST" ? 201 : 200,
          codec::write_json(*find(where.collection, where.ns, name))};
}

// --- Objects -------------------------------------------------------------------------------------

std::int64_t FakeApi::put(const std::string& collection, const std::string& json) {
  Node object = parsed(json);
  const Key key{std::string(metadata_text(object, "namespace")),
                std::string(metadata_text(object, "name"))};
  Object& kept = collections_[collection][key];
  const Node before = kept.value;
  if (metadata_text(object, "uid").empty()) {
    const std::string uid(metadata_text(before, "uid"));
    put_metadata(object, "uid", uid.empty() ? fmt::format("uid-{}", ++uids_) : uid);
  }
  kept.version = ++version_;
  put_metadata(object, "resourceVersion", std::to_string(version_));
  kept.value = object;
  tell(collection, before.is_null() ? "ADDED" : "MODIFIED", before, object);
  return version_;
}

void FakeApi::remove(const std::string& collection, const std::string& ns,
                     const std::string& name) {
  auto gone = collections_[collection].extract({ns, name});
  ASSERT_FALSE(gone.empty()) << name;
  Node object = gone.mapped().value;
  put_metadata(object, "resourceVersion", std::to_string(++version_));
  tell(collection, "DELETED", object, object);
}

const Node* FakeApi::find(const std::string& collection, const std::string& ns,
                          const std::string& name) const {
  const auto of = collections_.find(collection);
  if (of == collections_.end()) return nullptr;
  const auto at = of->second.find({ns, name});
  return at == of->second.end() ? nullptr : &at->second.value;
}

/// As the API server tells a watch with selectors: what stops to match is deleted for it.
void FakeApi::tell(const std::string& collection, const std::string& type, const Node& before,
                   const Node& after) {
  for (Connection* connection : connections_) {
    if (connection == nullptr) continue;
    for (auto& [id, open] : connection->calls) {
      if (!open.watch || open.watch->collection != collection) continue;
      const bool was = !before.is_null() && matches(*open.watch, before);
      const bool is = matches(*open.watch, after);
      if (!was && !is) continue;
      const std::string said = !is ? "DELETED" : !was ? "ADDED" : type;
      std::string event =
          fmt::format(R"({{"type":"{}","object":{}}})", said, codec::write_json(after));
      std::replace(event.begin(), event.end(), '\n', ' ');
      open.events.push_back(event + "\n");
    }
  }
}

void FakeApi::forget_history(const std::string& collection) {
  for (Connection* connection : connections_) {
    if (connection == nullptr) continue;
    for (auto& [id, open] : connection->calls) {
      if (open.watch && open.watch->collection == collection)
        open.events.push_back(
            fmt::format(R"({{"type":"ERROR","object":{}}})", status_json(410, "Expired")) + "\n");
    }
  }
}

std::int64_t FakeApi::asked(const std::string& what) const {
  const auto at = asked_.find(what);
  return at == asked_.end() ? 0 : at->second;
}

std::int64_t FakeApi::held(const std::string& collection) const {
  std::int64_t count = 0;
  for (const Connection* connection : connections_) {
    if (connection == nullptr) continue;
    for (const auto& [id, open] : connection->calls)
      count += !open.taken && parse(open.call.path).collection == collection ? 1 : 0;
  }
  return count;
}

// --- Time ----------------------------------------------------------------------------------------

FakeApi::Timer FakeApi::after(std::int64_t ms, std::function<void()> work) {
  timers_.emplace(++last_, std::pair(now + ms, std::move(work)));
  return last_;
}

bool FakeApi::run_timer(std::int64_t until) {
  auto next = timers_.end();
  for (auto at = timers_.begin(); at != timers_.end(); ++at) {
    if (at->second.first > until) continue;
    if (next == timers_.end() || at->second.first < next->second.first) next = at;
  }
  if (next == timers_.end()) {
    now = std::max(now, until);
    return false;
  }
  const auto timer = timers_.extract(next);
  now = std::max(now, timer.mapped().first);
  timer.mapped().second();
  return true;
}

}  // namespace kerf::shell
