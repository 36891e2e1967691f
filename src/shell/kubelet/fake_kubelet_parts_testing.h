// What the fake kubelet is made of: a plugin's client, an endpoint, what a pod was given.
#pragma once

#include <grpcpp/grpcpp.h>
#include <kubelet_api/deviceplugin.grpc.pb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace kerf::kubelet::fake {

using Stub = v1beta1::DevicePlugin::Stub;
using Devices = std::map<std::string, bool>;  // id -> healthy

struct Client {
  std::string resource;
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<Stub> stub;
  std::unique_ptr<grpc::ClientContext> context;  // of its ListAndWatch
};
struct Endpoint {
  std::shared_ptr<Stub> stub;  // null: another plugin's, or restored from the checkpoint
  bool stopped = false;
};
struct Entry {
  std::string pod, resource;
  std::set<std::string> devices;
  bool init = false;
};

inline std::shared_ptr<grpc::Channel> connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

inline void leave_dead_socket(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
}

}  // namespace kerf::kubelet::fake
