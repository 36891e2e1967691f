// PluginServer: the gRPC server of one resource.
#include "shell/kubelet/plugin_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <kubelet_api/deviceplugin.grpc.pb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

namespace kerf::kubelet {
namespace {

std::atomic<std::uint64_t> next_id{1};

grpc::Status ended() { return {grpc::StatusCode::UNAVAILABLE, "Kerf's agent is about to end"}; }

grpc::StatusCode code_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::NotNow: return grpc::StatusCode::UNAVAILABLE;
    case Refusal::Refused: return grpc::StatusCode::FAILED_PRECONDITION;
    case Refusal::TooLate: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Refusal::Cancelled: return grpc::StatusCode::CANCELLED;
  }
  return grpc::StatusCode::INTERNAL;
}

/// Something that has to be finished once, by the host or by the server's end.
class Open {
 public:
  virtual ~Open() = default;
  virtual void close() = 0;
};

/// What reactors share with their server: where to post, and what is still open. Everything posted
/// runs on the loop's thread; what is finished is finished there, or was never told to the host.
struct Shared {
  std::weak_ptr<runtime::Loop> loop;  // what is posted holds this
  PluginHost* host = nullptr;
  std::string resource;
  std::mutex mutex;
  bool closed = false;
  std::vector<std::shared_ptr<Open>> open;

  bool post(runtime::Loop::Function function) {
    const auto it = loop.lock();
    return it && it->post(std::move(function));
  }
  /// False: the server is closing.
  bool enter(std::shared_ptr<Open> it) {
    const std::lock_guard lock(mutex);
    if (closed) return false;
    open.push_back(std::move(it));
    return true;
  }
  void leave(const Open* it) {
    std::shared_ptr<Open> last;  // destroyed without the lock
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(open.begin(), open.end(),
                                    [it](const auto& entry) { return entry.get() == it; });
    if (found == open.end()) return;
    last = std::move(*found);
    open.erase(found);
  }
  void close() {
    std::vector<std::shared_ptr<Open>> all;
    {
      const std::lock_guard lock(mutex);
      closed = true;
      all.swap(open);
    }
    for (const auto& it : all) it->close();
  }
};

/// gRPC keeps plain pointers to a reactor until OnDone(); `self_` stands for them.
template <class Derived>
class Kept : public std::enable_shared_from_this<Derived>, public Open {
 public:
  void begin(std::shared_ptr<Derived> self) { self_ = std::move(self); }

 protected:
  /// True for the first one who asks: that one calls gRPC's Finish().
  bool finish_once() { return !finished_.exchange(true); }
  bool finished() const { return finished_; }
  std::shared_ptr<Derived> end() { return std::move(self_); }

 private:
  std::atomic<bool> finished_{false};
  std::shared_ptr<Derived> self_;
};

class StreamReactor final : public grpc::ServerWriteReactor<v1beta1::ListAndWatchResponse>,
                            public Stream,
                            public Kept<StreamReactor> {
 public:
  explicit StreamReactor(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  void start(const std::shared_ptr<StreamReactor>& self) {
    begin(self);
    const bool told = shared_->enter(self) && shared_->post([self] {
      self->shared_->host->opened(self->shared_->resource, self);
    });
    if (!told) close();
  }
  std::uint64_t id() const override { return id_; }
  void write(const std::vector<agent::ServedDevice>& devices) override {
    if (finished()) return;
    fill(message_, devices);
    StartWrite(&message_);
  }
  void finish() override {
    if (finish_once()) Finish(grpc::Status::OK);
  }
  void close() override {
    if (finish_once()) Finish(ended());
  }

  void OnWriteDone(bool ok) override {
    (void)shared_->post(
        [shared = shared_, id = id_, ok] { shared->host->written(shared->resource, id, ok); });
  }
  void OnCancel() override {
    const bool told =
        shared_->post([shared = shared_, id = id_] { shared->host->gone(shared->resource, id); });
    if (!told) close();
  }
  void OnDone() override {
    shared_->leave(this);
    const auto last = end();
  }

 private:
  std::shared_ptr<Shared> shared_;
  const std::uint64_t id_ = next_id++;
  v1beta1::ListAndWatchResponse message_;
};

template <class Response>
class CallReactor final : public grpc::ServerUnaryReactor,
                          public Call,
                          public Kept<CallReactor<Response>> {
 public:
  CallReactor(std::shared_ptr<Shared> shared, Response* response)
      : shared_(std::move(shared)), response_(response) {}

  void start(const std::shared_ptr<CallReactor>& self,
             Result<std::vector<std::vector<std::string>>> allocate) {
    if (allocate) allocate_ = std::move(*allocate);
    begin_with(self, allocate ? nullptr : &allocate.error());
  }
  void start(const std::shared_ptr<CallReactor>& self, Result<std::vector<PreferAsk>> prefer) {
    if (prefer) prefer_ = std::move(*prefer);
    begin_with(self, prefer ? nullptr : &prefer.error());
  }

  std::uint64_t id() const override { return id_; }
  const std::string& resource() const override { return shared_->resource; }
  const std::vector<std::vector<std::string>>& allocate() const override { return allocate_; }
  const std::vector<PreferAsk>& prefer() const override { return prefer_; }

  void answer(const std::vector<std::vector<std::string>>& containers) override {
    if (!this->finish_once()) return;
    fill(*response_, containers);
    Finish(grpc::Status::OK);
  }
  void refuse(Refusal refusal, const std::string& why) override {
    if (this->finish_once()) Finish(grpc::Status(code_of(refusal), why));
  }
  void close() override { refuse(Refusal::NotNow, ended().error_message()); }

  void OnCancel() override { give_up(); }
  void OnDone() override {
    give_up();
    shared_->leave(this);
    const auto last = this->end();
  }

 private:
  void begin_with(const std::shared_ptr<CallReactor>& self, const Error* error) {
    this->begin(self);
    if (error != nullptr) {
      if (this->finish_once())
        Finish(grpc::Status(error->code() == ErrorCode::TooLarge
                                ? grpc::StatusCode::RESOURCE_EXHAUSTED
                                : grpc::StatusCode::INVALID_ARGUMENT,
                            error->message()));
      return;
    }
    const bool told =
        shared_->enter(self) && shared_->post([self] { self->shared_->host->asked(self); });
    if (!told) close();
  }
  void give_up() {
    (void)shared_->post([shared = shared_, id = id_] { shared->host->given_up(id); });
  }

  std::shared_ptr<Shared> shared_;
  Response* response_;  // gRPC's, until OnDone()
  const std::uint64_t id_ = next_id++;
  std::vector<std::vector<std::string>> allocate_;
  std::vector<PreferAsk> prefer_;
};

class Service final : public v1beta1::DevicePlugin::CallbackService {
 public:
  explicit Service(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  grpc::ServerUnaryReactor* GetDevicePluginOptions(grpc::CallbackServerContext* context,
                                                   const v1beta1::Empty*,
                                                   v1beta1::DevicePluginOptions* options) override {
    options->set_get_preferred_allocation_available(true);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerWriteReactor<v1beta1::ListAndWatchResponse>* ListAndWatch(
      grpc::CallbackServerContext*, const v1beta1::Empty*) override {
    const auto reactor = std::make_shared<StreamReactor>(shared_);
    reactor->start(reactor);
    return reactor.get();
  }
  grpc::ServerUnaryReactor* Allocate(grpc::CallbackServerContext*,
                                     const v1beta1::AllocateRequest* request,
                                     v1beta1::AllocateResponse* response) override {
    const auto reactor =
        std::make_shared<CallReactor<v1beta1::AllocateResponse>>(shared_, response);
    reactor->start(reactor, containers_of(*request));
    return reactor.get();
  }
  grpc::ServerUnaryReactor* GetPreferredAllocation(
      grpc::CallbackServerContext*, const v1beta1::PreferredAllocationRequest* request,
      v1beta1::PreferredAllocationResponse* response) override {
    const auto reactor =
        std::make_shared<CallReactor<v1beta1::PreferredAllocationResponse>>(shared_, response);
    reactor->start(reactor, containers_of(*request));
    return reactor.get();
  }

 private:
  std::shared_ptr<Shared> shared_;
};

class GrpcServer final : public PluginServer {
 public:
  explicit GrpcServer(std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)), service_(shared_) {}
  ~GrpcServer() override {
    shared_->close();
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  bool listen(const std::string& socket) {
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("kerf-kubelet");
    quota.Resize(16u << 20);
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kRequestBytesMax));
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr;
  }

 private:
  std::shared_ptr<Shared> shared_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<PluginServer>> PluginServer::start(std::shared_ptr<runtime::Loop> loop,
                                                          PluginHost& host, std::string resource,
                                                          const std::string& socket) {
  auto shared = std::make_shared<Shared>();
  shared->loop = std::move(loop);
  shared->host = &host;
  shared->resource = std::move(resource);
  auto server = std::make_unique<GrpcServer>(std::move(shared));
  if (!server->listen(socket)) return fail(ErrorCode::Unavailable, "cannot listen on " + socket);
  return server;
}

}  // namespace kerf::kubelet
