// Kubelet: puts its parts together on one thread.
#include "shell/kubelet/kubelet.h"

#include <system_error>
#include <thread>
#include <utility>

#include "shell/kubelet/books.h"
#include "shell/kubelet/calls.h"
#include "shell/kubelet/client.h"
#include "shell/kubelet/hub.h"
#include "shell/kubelet/plugin_server.h"
#include "shell/kubelet/plugins.h"
#include "shell/kubelet/presence.h"
#include "shell/runtime/folder_watch.h"
#include "shell/runtime/loop.h"

namespace kerf::kubelet {
namespace {

/// What gRPC's threads and the mind post is bounded by calls and effects in flight; a refused post
/// would lose the end of a stream.
constexpr std::size_t kQueueMax = 1u << 20;

/// The name of a path's last part, if the path is in that folder; else "".
std::string name_in(const std::string& folder, const std::string& path) {
  const std::string prefix = folder + "/";
  return path.starts_with(prefix) ? path.substr(prefix.size()) : "";
}

}  // namespace

class Kubelet::Impl final : public PluginHost {
 public:
  Impl(Options options, Deliver deliver)
      : loop_(std::make_shared<runtime::Loop>(runtime::Loop::Options{kQueueMax})),
        hub_(std::move(options), std::move(deliver), loop_),
        client_(loop_, hub_.options().pod_resources),
        presence_(
            hub_, [this] { came(); }, [this] { left(); }),
        plugins_(hub_, client_, presence_, *this),
        calls_(hub_),
        books_(hub_, client_, presence_, plugins_) {}
  ~Impl() override { stop(); }

  Result<void> start() {
    remove_stale_sockets(hub_.options().folder);
    const std::string checkpoint = name_in(hub_.options().folder, hub_.options().checkpoint);
    auto watch = runtime::FolderWatch::start(
        *loop_, hub_.options().folder,
        [this, checkpoint](const std::string& name, runtime::Change change) {
          changed(name, change, checkpoint);
        });
    if (!watch) return tl::unexpected(std::move(watch).error().within("watching kubelet"));
    watch_ = std::move(*watch);
    (void)loop_->post([this] {
      presence_.look();
      if (!presence_.up()) hub_.tell(agent::Kubelet{false});
      books_.start();
    });
    try {
      thread_ = std::thread([this] { loop_->run(); });
    } catch (const std::system_error& error) {
      return fail(ErrorCode::Unavailable, std::string("no thread: ") + error.what());
    }
    return {};
  }

  void stop() {
    if (!thread_.joinable()) return;
    const bool posted = loop_->post([this] { end(); });
    if (!posted) loop_->quit();
    thread_.join();
  }

  template <class Action>
  void post(Action action) {
    (void)loop_->post([this, action = std::move(action)]() mutable { action(*this); });
  }

  // --- PluginHost --------------------------------------------------------------------------------
  void opened(const std::string& resource, std::shared_ptr<Stream> stream) override {
    plugins_.opened(resource, std::move(stream));
  }
  void written(const std::string& resource, std::uint64_t stream, bool ok) override {
    plugins_.written(resource, stream, ok);
  }
  void gone(const std::string& resource, std::uint64_t stream) override {
    plugins_.gone(resource, stream);
  }
  void asked(std::shared_ptr<Call> call) override { calls_.asked(std::move(call)); }
  void given_up(std::uint64_t call) override { calls_.given_up(call); }

  Plugins& plugins() { return plugins_; }
  Books& books() { return books_; }
  Calls& calls() { return calls_; }

 private:
  void changed(const std::string& name, runtime::Change change, const std::string& checkpoint) {
    if (change == runtime::Change::Everything || name == "kubelet.sock") presence_.look();
    else if (name == checkpoint && change != runtime::Change::Removed) books_.checkpoint_changed();
    else if (change != runtime::Change::Written) plugins_.file_changed(name);
  }
  void came() {
    books_.came([this] {
      told_up_ = true;
      hub_.tell(agent::Kubelet{true});
    });
  }
  void left() {
    plugins_.forget();
    books_.left();
    if (std::exchange(told_up_, false)) hub_.tell(agent::Kubelet{false});
  }
  void end() {
    watch_.reset();
    hub_.close();
    plugins_.forget();
    client_.stop();
    loop_->quit();
  }

  std::shared_ptr<runtime::Loop> loop_;
  Hub hub_;
  Client client_;
  Presence presence_;
  Plugins plugins_;
  Calls calls_;
  Books books_;
  std::unique_ptr<runtime::FolderWatch> watch_;
  bool told_up_ = false;
  std::thread thread_;
};

Kubelet::Kubelet(Options options, Deliver deliver)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(deliver))) {}
Kubelet::~Kubelet() = default;
Result<void> Kubelet::start() { return impl_->start(); }
void Kubelet::stop() { impl_->stop(); }

void Kubelet::act(agent::EffectId effect, const agent::Serve& action) {
  impl_->post([effect, action](Impl& impl) { impl.plugins().serve(effect, action); });
}
void Kubelet::act(agent::EffectId effect, const agent::Confirm&) {
  impl_->post([effect](Impl& impl) { impl.books().confirm(effect); });
}
void Kubelet::act(agent::EffectId effect, const agent::AskHolders& action) {
  impl_->post([effect, source = action.source](Impl& impl) { impl.books().ask(effect, source); });
}
void Kubelet::act(agent::EffectId, const agent::Answer& action) {
  impl_->post([action](Impl& impl) { impl.calls().answer(action); });
}
void Kubelet::act(agent::EffectId, const agent::Prefer& action) {
  impl_->post([action](Impl& impl) { impl.calls().prefer(action); });
}

}  // namespace kerf::kubelet
