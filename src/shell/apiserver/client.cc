// Client: from any thread to the transport's, and the shapes of typed requests.
#include "shell/apiserver/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "shell/apiserver/curl_transport.h"
#include "shell/apiserver/pager.h"
#include "shell/apiserver/reflector.h"
#include "shell/apiserver/session.h"

namespace kerf::apiserver {

using codec::Node;

/// All members that are not options belong to the transport's thread.
class Client::Impl {
 public:
  Impl(Options options, Secrets secrets, std::unique_ptr<Transport> transport)
      : options_(std::move(options)),
        transport_(std::move(transport)),
        session_(*transport_, std::move(secrets),
                 Session::Options{options_.qps, options_.burst, options_.in_flight_max,
                                  options_.waiting_max}) {
    transport_->post([this] { thread_ = std::this_thread::get_id(); });
  }
  ~Impl() { transport_->stop(); }  // before what its thread works on goes

  void call(Request request, Done done) {
    transport_->post([this, request = std::move(request), done = std::move(done)]() mutable {
      session_.call(std::move(request), std::move(done));
    });
  }
  /// The answer's body becomes its object. The request lacks its path yet.
  void call_typed(Result<std::string> path, Request request, Done done);
  void list(const Collection& collection, std::int64_t page, Done done);
  WatchId watch(Collection collection, WatchEvents events, const WatchOptions& options);
  void unwatch(WatchId id);
  Health health() const { return session_.health(); }
  const Options& options() const { return options_; }

 private:
  /// A list that is being made.
  struct Listing {
    std::vector<Node> items;
    std::unique_ptr<Pager> pager;
  };

  void refuse(const Error& error, Done done);
  void start_list(std::uint64_t id, const std::string& path, const Collection& collection,
                  std::int64_t page, Done done);
  void start_watch(WatchId id, Collection collection, WatchEvents events,
                   const WatchOptions& options);

  Options options_;
  std::unique_ptr<Transport> transport_;
  Session session_;
  std::atomic<std::thread::id> thread_;
  std::atomic<std::uint64_t> last_ = 0;
  std::map<std::uint64_t, Listing> listings_;
  std::map<WatchId, std::unique_ptr<Reflector>> reflectors_;
};

void Client::Impl::refuse(const Error& error, Done done) {
  Answer answer;
  answer.verdict = Verdict::Refused;
  answer.message = error.message();
  transport_->post([answer = std::move(answer), done = std::move(done)] {
    if (done) done(answer);
  });
}

void Client::Impl::call_typed(Result<std::string> path, Request request, Done done) {
  if (!path) return refuse(path.error(), std::move(done));
  request.path = *std::move(path);
  const bool writes = request.method != Method::Get;
  if (writes) request.query.emplace_back("fieldManager", options_.field_manager);
  call(std::move(request), [writes, done = std::move(done)](Answer answer) {
    if (answer.ok()) read_object(answer, writes);
    if (done) done(std::move(answer));
  });
}

void Client::Impl::list(const Collection& collection, std::int64_t page, Done done) {
  auto path = path_of(collection);
  if (!path) return refuse(path.error(), std::move(done));
  transport_->post([this, path = *path, collection, page, done = std::move(done), id = ++last_] {
    start_list(id, path, collection, page, done);
  });
}

void Client::Impl::start_list(std::uint64_t id, const std::string& path,
                              const Collection& collection, std::int64_t page, Done done) {
  Listing& listing = listings_[id];
  Pager::Options options;
  options.page = page;
  Pager::Events events;
  events.begin = [&listing] { listing.items.clear(); };
  events.page = [&listing](std::vector<Node> items) {
    for (Node& item : items) listing.items.push_back(std::move(item));
  };
  events.done = [this, id, done = std::move(done)](Answer answer, const std::string& version) {
    const auto ended = listings_.extract(id);  // the pager is inside its last step: it lives on
    if (answer.ok()) {
      Node items = Node::sequence();
      items.items = std::move(ended.mapped().items);
      Node metadata = Node::mapping();
      metadata.set("resourceVersion", Node::of(version));
      answer.object = Node::mapping();
      answer.object.set("metadata", std::move(metadata)).set("items", std::move(items));
    }
    if (done) done(std::move(answer));
  };
  listing.pager =
      std::make_unique<Pager>(session_, path, selectors(collection), options, std::move(events));
  listing.pager->start();
}

Client::WatchId Client::Impl::watch(Collection collection, WatchEvents events,
                                    const WatchOptions& options) {
  const WatchId id = ++last_;
  transport_->post(
      [this, id, collection = std::move(collection), events = std::move(events),
       options]() mutable { start_watch(id, std::move(collection), std::move(events), options); });
  return id;
}

void Client::Impl::start_watch(WatchId id, Collection collection, WatchEvents events,
                               const WatchOptions& options) {
  auto path = path_of(collection);
  if (!path) {
    if (events.trouble) events.trouble(path.error().message(), transport_->now());
    return;
  }
  const std::uint64_t seed = Prng(options_.seed + id).next();
  auto& reflector = reflectors_[id];
  reflector = std::make_unique<Reflector>(session_, std::move(collection), std::move(events),
                                          options, options_.backoff, seed);
  reflector->start(*std::move(path));
}

void Client::Impl::unwatch(WatchId id) {
  if (std::this_thread::get_id() == thread_.load()) {
    const auto found = reflectors_.find(id);
    if (found != reflectors_.end()) found->second->stop();  // it may be the one that is calling
  }
  transport_->post([this, id] { reflectors_.erase(id); });
}

Result<std::unique_ptr<Client>> Client::start(Options options) {
  KERF_CHECK_OK(check_server(options.credentials.server));
  CurlOptions curl;
  curl.server = options.credentials.server;
  curl.user_agent = options.user_agent;
  return start(std::move(options), make_curl_transport(std::move(curl)));
}

Result<std::unique_ptr<Client>> Client::start(Options options,
                                              std::unique_ptr<Transport> transport) {
  Secrets secrets(options.credentials);
  KERF_CHECK_OK(secrets.load(transport->now()));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(secrets), std::move(transport));
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

void Client::call(Request request, Done done) { impl_->call(std::move(request), std::move(done)); }

void Client::get(const Target& target, Done done) {
  impl_->call_typed(path_of(target), {}, std::move(done));
}

void Client::list(const Collection& collection, Done done, std::int64_t page) {
  impl_->list(collection, page, std::move(done));
}

namespace {

Request write_request(Method method, const Node& body) {
  Request request;
  request.method = method;
  request.body = codec::write_json(body);
  return request;
}

/// DeleteOptions, of a DELETE and of an eviction.
Node delete_options(const Preconditions& preconditions, std::int64_t grace_s) {
  Node options = Node::mapping();
  options.set("kind", Node::of("DeleteOptions")).set("apiVersion", Node::of("v1"));
  if (grace_s >= 0) options.set("gracePeriodSeconds", Node::of(grace_s));
  Node required = Node::mapping();
  if (!preconditions.uid.empty()) required.set("uid", Node::of(preconditions.uid));
  if (!preconditions.version.empty()) {
    required.set("resourceVersion", Node::of(preconditions.version));
  }
  if (!required.members.empty()) options.set("preconditions", std::move(required));
  return options;
}

}  // namespace

void Client::merge_patch(const Target& target, const Node& patch, Done done,
                         const std::string& version) {
  Node whole = patch;
  if (!version.empty()) {
    const auto metadata = std::find_if(whole.members.begin(), whole.members.end(),
                                       [](const auto& m) { return m.first == "metadata"; });
    if (metadata == whole.members.end()) {
      Node made = Node::mapping();
      made.set("resourceVersion", Node::of(version));
      whole.set("metadata", std::move(made));
    } else {
      std::erase_if(metadata->second.members,
                    [](const auto& m) { return m.first == "resourceVersion"; });
      metadata->second.set("resourceVersion", Node::of(version));
    }
  }
  Request request = write_request(Method::Patch, whole);
  request.content_type = "application/merge-patch+json";
  impl_->call_typed(path_of(target), std::move(request), std::move(done));
}

void Client::apply(const Target& target, const Node& object, bool force, Done done) {
  Request request = write_request(Method::Patch, object);
  request.content_type = "application/apply-patch+yaml";  // JSON is YAML
  request.query.emplace_back("force", force ? "true" : "false");
  impl_->call_typed(path_of(target), std::move(request), std::move(done));
}

void Client::replace(const Target& target, const Node& object, Done done) {
  impl_->call_typed(path_of(target), write_request(Method::Put, object), std::move(done));
}

void Client::create(const Collection& collection, const Node& object, Done done) {
  impl_->call_typed(path_of(collection), write_request(Method::Post, object), std::move(done));
}

void Client::remove(const Target& target, const Preconditions& preconditions, Done done) {
  impl_->call_typed(path_of(target),
                    write_request(Method::Delete, delete_options(preconditions, -1)),
                    std::move(done));
}

void Client::evict(const std::string& ns, const std::string& pod,
                   const Preconditions& preconditions, std::int64_t grace_s, Done done) {
  Node metadata = Node::mapping();
  metadata.set("name", Node::of(pod)).set("namespace", Node::of(ns));
  Node eviction = Node::mapping();
  eviction.set("apiVersion", Node::of("policy/v1"))
      .set("kind", Node::of("Eviction"))
      .set("metadata", std::move(metadata))
      .set("deleteOptions", delete_options(preconditions, grace_s));
  impl_->call_typed(path_of(Target{{"", "v1", "pods"}, ns, pod, "eviction"}),
                    write_request(Method::Post, eviction), std::move(done));
}

Client::WatchId Client::watch(Collection collection, WatchEvents events, WatchOptions options) {
  return impl_->watch(std::move(collection), std::move(events), options);
}

void Client::unwatch(WatchId id) { impl_->unwatch(id); }

Health Client::health() const { return impl_->health(); }

}  // namespace kerf::apiserver
