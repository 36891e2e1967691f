// Server: an acceptor and its connections on one Asio thread; every wait has a deadline.
#include "shell/web/server.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "shell/web/request.h"
#include "shell/web/response_text.h"

namespace kerf::web {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// After a refusal: what was sent already is read and thrown away, so that the answer is not lost to
// a reset connection.
constexpr std::chrono::milliseconds kLinger{1000};
// When the system has no descriptor for another connection.
constexpr std::chrono::milliseconds kAcceptAgain{100};

class Connection;

struct Shared {
  Server::Options options;
  Server::Handlers handlers;
  std::atomic<std::size_t> connections{0};
  std::vector<Connection*> open = {};  ///< as many as `connections`; of the server's thread
  std::uint64_t turn = 0;              ///< counts what happens to connections
};

Response answer_to(const Shared& shared, const Request& request) {
  const auto handler = shared.handlers.find(request.path);
  if (handler == shared.handlers.end()) return plain(404);
  if (request.method != "GET" && request.method != "HEAD") return plain(405);
  return handler->second(request);
}

/// Lives as long as one of its operations is pending; the timer closes the socket, which ends them.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// What becomes of it when there are too many: those of the first kind go first.
  enum class Stage { Leaving, Idle, Asking, Answered };

  Connection(tcp::socket socket, Shared& shared, asio::ip::address peer)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        shared_(shared),
        peer_(std::move(peer)),
        reader_(shared.options.header_bytes_max) {
    shared_.open.push_back(this);
    ++shared_.connections;
  }
  ~Connection() { leave(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    next_request();
  }
  void close() {
    leave();
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }
  const asio::ip::address& peer() const { return peer_; }
  /// The smallest is the one to close.
  std::pair<Stage, std::uint64_t> worth() const { return {stage_, since_}; }

 private:
  void leave() {
    if (std::erase(shared_.open, this) != 0) --shared_.connections;
  }

  void enter(Stage stage) {
    stage_ = stage;
    since_ = ++shared_.turn;
  }

  void set_deadline(std::chrono::milliseconds duration) {
    timer_.expires_after(duration);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      // It may have been set anew after it had rung.
      if (!error && self->timer_.expiry() <= std::chrono::steady_clock::now()) self->close();
    });
  }

  void next_request() {
    if (!bytes_.empty()) {
      begin_request();
    } else {
      set_deadline(answers_ == 0 ? shared_.options.first_deadline : shared_.options.idle_deadline);
      enter(Stage::Idle);
    }
    go_on();
  }

  void begin_request() {
    set_deadline(shared_.options.read_deadline);
    enter(Stage::Asking);
  }

  void go_on() {
    switch (reader_.take(bytes_)) {
      case RequestReader::State::More: return read();
      case RequestReader::State::Bad: return answer(plain(reader_.bad()), false, false);
      case RequestReader::State::Done: break;
    }
    const Request& request = reader_.request();
    answer(answer_to(shared_, request), request.method == "HEAD", reader_.keep_alive());
  }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                              if (error) return self->close();
                              if (self->stage_ == Stage::Idle) self->begin_request();
                              self->bytes_.append(self->buffer_.data(), size);
                              self->go_on();
                            });
  }

  void answer(const Response& response, bool head, bool keep_alive) {
    text_ = answer_text(response, head, keep_alive);
    ++answers_;
    set_deadline(shared_.options.write_deadline);
    enter(Stage::Answered);
    asio::async_write(
        socket_, asio::buffer(text_),
        [self = shared_from_this(), keep_alive](const error_code& error, std::size_t) {
          if (error) return self->close();
          self->text_.clear();
          if (keep_alive) return self->next_request();
          self->linger();
        });
  }

  void linger() {
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    if (error) return close();
    set_deadline(kLinger);
    enter(Stage::Leaving);
    discard();
  }

  void discard() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const error_code& error, std::size_t) {
                              if (error) return self->close();
                              self->discard();
                            });
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  Shared& shared_;
  const asio::ip::address peer_;
  Stage stage_ = Stage::Idle;
  std::uint64_t since_ = 0;    // shared_.turn when stage_ began
  std::uint64_t answers_ = 0;  // begun
  RequestReader reader_;
  std::string bytes_;  // not yet read by reader_
  std::string text_;   // the answer that is being sent
  std::array<char, 4096> buffer_;
};

/// Room for one more of that peer, so that it is always taken: whoever fills all places with silent
/// connections loses them to those who ask.
void make_room(Shared& shared, const asio::ip::address& peer) {
  const auto close_one = [&shared](const auto& counts) {
    Connection* least = nullptr;
    for (Connection* one : shared.open)
      if (counts(*one) && (least == nullptr || one->worth() < least->worth())) least = one;
    if (least != nullptr) least->close();
  };
  const auto of_peer = [&peer](const Connection& one) { return one.peer() == peer; };
  const auto count = std::ranges::count_if(
      shared.open, [&of_peer](const Connection* one) { return of_peer(*one); });
  if (static_cast<std::size_t>(count) >= shared.options.connections_of_peer_max) close_one(of_peer);
  else if (shared.open.size() >= shared.options.connections_max)
    close_one([](const Connection&) { return true; });
}

tl::unexpected<Error> cannot_listen(const Server::Options& options, const error_code& error) {
  const std::string where = (options.address.empty() ? "port " : options.address + " port ") +
                            std::to_string(options.port);
  if (error == asio::error::address_in_use)
    return fail(ErrorCode::Conflict, "cannot listen on " + where + ": another program has it");
  const bool wrong = error == boost::system::errc::address_not_available;
  return fail(wrong ? ErrorCode::InvalidArgument : ErrorCode::Unavailable,
              "cannot listen on " + where + ": " + error.message());
}

error_code listen_at(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified())
    acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
  }
  return error;
}

}  // namespace

struct Server::Impl {
  Impl(Options options, Handlers handlers) : shared{std::move(options), std::move(handlers)} {}

  Result<void> listen();
  void accept();
  void take(tcp::socket socket);
  void accept_later();
  void run();

  // Everything that stop() takes down at once, connections included.
  struct Network {
    asio::io_context io{1};
    tcp::acceptor acceptor{io};
    asio::steady_timer pause{io};
  };
  Shared shared;  // outlives the connections
  std::unique_ptr<Network> network = std::make_unique<Network>();
  std::uint16_t port = 0;
  std::thread thread;
};

Result<void> Server::Impl::listen() {
  const Options& options = shared.options;
  error_code error;
  if (options.address.empty()) {
    error = listen_at(network->acceptor, {tcp::v6(), options.port});
    // A machine without IPv6.
    if (error == asio::error::address_family_not_supported ||
        error == boost::system::errc::address_not_available)
      error = listen_at(network->acceptor, {tcp::v4(), options.port});
  } else {
    const auto address = asio::ip::make_address(options.address, error);
    if (error)
      return invalid("cannot listen on " + quoted(options.address) + ": expected an IP address");
    error = listen_at(network->acceptor, {address, options.port});
  }
  if (error) return cannot_listen(options, error);
  port = network->acceptor.local_endpoint(error).port();
  if (error) return cannot_listen(options, error);
  return {};
}

void Server::Impl::accept() {
  network->acceptor.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
        error == boost::system::errc::too_many_files_open_in_system ||
        error == boost::system::errc::no_buffer_space)
      return accept_later();
    if (!error) take(std::move(socket));
    accept();
  });
}

void Server::Impl::take(tcp::socket socket) {
  error_code error;
  const asio::ip::address peer = socket.remote_endpoint(error).address();
  if (error) return;  // it is gone already
  make_room(shared, peer);
  std::make_shared<Connection>(std::move(socket), shared, peer)->start();
}

void Server::Impl::accept_later() {
  network->pause.expires_after(kAcceptAgain);
  network->pause.async_wait([this](const error_code& error) {
    if (!error) accept();
  });
}

void Server::Impl::run() {
  sigset_t all;  // signals are the main thread's
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "kerf-web");
  network->io.run();
}

Result<std::unique_ptr<Server>> Server::start(Options options, Handlers handlers) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handlers));
  KERF_CHECK_OK(impl->listen());
  impl->accept();
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { stop(); }

std::uint16_t Server::port() const { return impl_->port; }
std::size_t Server::connections() const { return impl_->shared.connections; }

void Server::stop() {
  if (!impl_->network) return;
  impl_->network->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->network.reset();
}

}  // namespace kerf::web
