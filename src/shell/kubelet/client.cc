// Client: what the agent asks of kubelet over gRPC.
#include "shell/kubelet/client.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <kubelet_api/deviceplugin.grpc.pb.h>
#include <kubelet_api/podresources.grpc.pb.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "shell/kubelet/messages.h"

namespace kerf::kubelet {
namespace {

/// The questions that gRPC works on; shared with its threads.
struct InFlight {
  std::mutex mutex;
  std::condition_variable none;
  /// The context, and what keeps it alive.
  std::unordered_map<grpc::ClientContext*, std::shared_ptr<void>> contexts;

  void add(grpc::ClientContext* context, std::shared_ptr<void> keeper) {
    const std::lock_guard lock(mutex);
    contexts.emplace(context, std::move(keeper));
  }
  void remove(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex);
    contexts.erase(context);
    if (contexts.empty()) none.notify_all();
  }
  void cancel_all() {
    std::unique_lock lock(mutex);
    const auto copy = contexts;
    lock.unlock();  // gRPC may call remove() from within TryCancel()
    for (const auto& [context, keeper] : copy) context->TryCancel();
    lock.lock();
    none.wait(lock, [this] { return contexts.empty(); });
  }
};

template <class Request, class Response>
struct Question {
  grpc::ClientContext context;
  Request request;
  Response response;
};

std::shared_ptr<grpc::Channel> channel_to(const std::string& socket) {
  grpc::ChannelArguments arguments;
  // Nothing of an earlier try is remembered, above all no pause before the next one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kAnswerBytesMax));
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

/// gRPC is shut down with the last of its objects, and whoever lets go of that one waits for all of
/// its threads: 10 s were seen (1.51.1), when one of them was in the poll that follows a large
/// write. So the process keeps it.
void keep_grpc() {
  static const bool kept = (::grpc_init(), true);
  (void)kept;
}

Error error_of(const grpc::Status& status) {
  return Error(ErrorCode::Unavailable,
               status.error_message() + " (gRPC code " + std::to_string(status.error_code()) + ")");
}

/// A channel whose call has failed is let go of much later, not while gRPC's threads may be busy
/// with that failure: it aborts now and then if they are (1.51.1, ref_counted.h). The last eight
/// are kept, also after the client's end.
void retire(std::shared_ptr<grpc::Channel> channel) {
  static std::mutex mutex;
  static auto& kept = *new std::deque<std::shared_ptr<grpc::Channel>>;  // never destroyed
  if (!channel) return;
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(channel));
  if (kept.size() > 8) kept.pop_front();
}

}  // namespace

struct Client::Impl {
  ~Impl() { retire(std::move(lister)); }
  std::shared_ptr<runtime::Loop> loop;
  std::string pod_resources;
  std::shared_ptr<grpc::Channel> lister;  // null: to be made anew
  std::shared_ptr<InFlight> in_flight = std::make_shared<InFlight>();

  std::shared_ptr<grpc::Channel> lister_channel() {
    if (!lister) lister = channel_to(pod_resources);
    return lister;
  }

  /// `start` begins the call of a stub; `convert` runs on gRPC's thread, `answer` on the loop's.
  template <class Request, class Response, class Start, class Convert, class Answer>
  void ask(std::shared_ptr<Question<Request, Response>> question,
           std::chrono::milliseconds deadline, Start start, Convert convert, Answer answer) {
    question->context.set_deadline(std::chrono::system_clock::now() + deadline);
    in_flight->add(&question->context, question);
    auto done = [question, convert, answer = std::move(answer), loop = loop,
                 in_flight = in_flight](const grpc::Status& status) {
      using Out = decltype(convert(question->response));
      Result<Out> result = tl::unexpected(error_of(status));
      if (status.ok()) result = convert(question->response);
      // Refused only when the loop has ended, and nobody waits for an answer.
      (void)loop->post(
          [answer, result = std::move(result)]() mutable { answer(std::move(result)); });
      in_flight->remove(&question->context);
    };
    start(&question->context, &question->request, &question->response, std::move(done));
  }
};

Client::Client(std::shared_ptr<runtime::Loop> loop, std::string pod_resources)
    : impl_(std::make_unique<Impl>()) {
  keep_grpc();
  impl_->loop = std::move(loop);
  impl_->pod_resources = std::move(pod_resources);
}
Client::~Client() { stop(); }
void Client::stop() { impl_->in_flight->cancel_all(); }

void Client::register_plugin(const std::string& socket, const std::string& endpoint,
                             const std::string& resource, std::chrono::milliseconds deadline,
                             Registered answer) {
  auto question = std::make_shared<Question<v1beta1::RegisterRequest, v1beta1::Empty>>();
  question->request.set_version("v1beta1");
  question->request.set_endpoint(endpoint);
  question->request.set_resource_name(resource);
  question->request.mutable_options()->set_get_preferred_allocation_available(true);
  const auto stub = v1beta1::Registration::NewStub(channel_to(socket));
  impl_->ask(
      question, deadline,
      [&stub](auto* context, const auto* request, auto* response, auto done) {
        stub->async()->Register(context, request, response, std::move(done));
      },
      [](const v1beta1::Empty&) { return true; },
      [answer = std::move(answer)](Result<bool> result) {
        answer(result ? Result<void>() : tl::unexpected(result.error()));
      });
}

void Client::list(std::chrono::milliseconds deadline, Listed answer) {
  const auto stub = v1::PodResourcesLister::NewStub(impl_->lister_channel());
  impl_->ask(
      std::make_shared<Question<v1::ListPodResourcesRequest, v1::ListPodResourcesResponse>>(),
      deadline,
      [&stub](auto* context, const auto* request, auto* response, auto done) {
        stub->async()->List(context, request, response, std::move(done));
      },
      [](const v1::ListPodResourcesResponse& response) { return holders_of(response); },
      [this, answer = std::move(answer)](Result<std::vector<agent::Holder>> result) {
        if (!result) retire(std::exchange(impl_->lister, nullptr));
        answer(std::move(result));
      });
}

void Client::allocatable(std::chrono::milliseconds deadline, Allocatable answer) {
  const auto stub = v1::PodResourcesLister::NewStub(impl_->lister_channel());
  impl_->ask(
      std::make_shared<
          Question<v1::AllocatableResourcesRequest, v1::AllocatableResourcesResponse>>(),
      deadline,
      [&stub](auto* context, const auto* request, auto* response, auto done) {
        stub->async()->GetAllocatableResources(context, request, response, std::move(done));
      },
      [](const v1::AllocatableResourcesResponse& response) { return allocatable_of(response); },
      [this, answer = std::move(answer)](Result<Healthy> result) {
        if (!result) retire(std::exchange(impl_->lister, nullptr));
        answer(std::move(result));
      });
}

}  // namespace kerf::kubelet
