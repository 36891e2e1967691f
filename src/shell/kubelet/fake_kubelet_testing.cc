// FakeKubelet: kubelet's device manager and PodResources over gRPC.
#include "shell/kubelet/fake_kubelet_testing.h"

#include <grpcpp/grpcpp.h>
#include <kubelet_api/deviceplugin.grpc.pb.h>
#include <kubelet_api/podresources.grpc.pb.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "shell/kubelet/fake_kubelet_parts_testing.h"

namespace kerf::kubelet {

using namespace fake;

struct FakeKubelet::Impl {
  const std::string folder, pod_resources;

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  bool alive = false;
  std::map<std::string, Endpoint> endpoints;
  std::map<std::string, std::shared_ptr<Client>> clients;  // the newest of each name
  std::vector<std::shared_ptr<Client>> all_clients;
  std::map<std::string, Devices> lists;
  std::map<std::string, int> list_count, registration_count, stream_count;
  std::map<std::string, std::set<std::string>> allocated;
  std::vector<Entry> pods;  // podDevices
  std::vector<Entry> disk;  // as in the checkpoint
  std::set<std::string> ended;
  bool panicked = false;
  int hanging = 0, looks = 0;
  bool hang_registration = false, fail_registration = false, without_stream = false;
  bool stop_reading = false, hang_pod_resources = false, pods_unknown = false;

  std::vector<std::thread> threads;
  std::unique_ptr<grpc::Server> registration, lister;
  std::unique_ptr<grpc::Service> registration_service, lister_service;

  Impl(std::string f, std::string p) : folder(std::move(f)), pod_resources(std::move(p)) {}

  void count_allocated() {
    allocated.clear();
    for (const Entry& pod : pods)
      allocated[pod.resource].insert(pod.devices.begin(), pod.devices.end());
  }
  void forget_ended() {
    if (pods_unknown) return;  // its sources are not ready
    std::erase_if(pods, [this](const Entry& pod) { return ended.contains(pod.pod); });
    count_allocated();
  }

  /// With the lock.
  void write_checkpoint() {
    disk = pods;
    std::string text = R"({"Data":{"PodDeviceEntries":[)";
    const char* comma = "";
    for (const Entry& pod : pods) {
      text += comma + (R"({"PodUID":"uid-)" + pod.pod) +
              R"(","ContainerName":"c","ResourceName":")" + pod.resource +
              R"(","DeviceIDs":{"-1":[)";
      const char* inner = "";
      for (const std::string& id : pod.devices) text += inner + ('"' + id) + '"', inner = ",";
      text += R"(]},"AllocResp":""})";
      comma = ",";
    }
    text += R"(],"RegisteredDevices":{)";
    comma = "";
    for (const auto& [resource, devices] : lists) {
      text += comma + ('"' + resource) + "\":[";
      const char* inner = "";
      for (const auto& [id, healthy] : devices)
        if (healthy) text += inner + ('"' + id) + '"', inner = ",";
      text += "]";
      comma = ",";
    }
    text += R"(}},"Checksum":1})";
    const std::string path = folder + "/kubelet_internal_checkpoint";
    std::ofstream(folder + "/.kubelet_internal_checkpoint1", std::ios::binary) << text;
    std::filesystem::rename(folder + "/.kubelet_internal_checkpoint1", path);
  }

  /// With the lock.
  void mark_unhealthy(const std::string& resource) {
    for (auto& [id, healthy] : lists[resource]) healthy = false;
    if (endpoints.contains(resource)) endpoints[resource].stopped = true;
  }
  /// With the lock. As server.go disconnectClient of the newest one.
  void disconnect_newest(const std::string& resource) {
    const auto it = clients.find(resource);
    if (it == clients.end()) return;
    const auto client = it->second;
    clients.erase(it);
    if (client && client->context) client->context->TryCancel();
    mark_unhealthy(resource);
  }

  void read_stream(const std::shared_ptr<Client>& client) {
    const auto reader = client->stub->ListAndWatch(client->context.get(), {});
    v1beta1::ListAndWatchResponse list;
    while (reader->Read(&list)) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return !stop_reading || !alive; });
      if (!alive) break;
      Devices devices;
      for (const auto& device : list.devices()) devices[device.id()] = device.health() == "Healthy";
      lists[client->resource] = std::move(devices);
      ++list_count[client->resource];
      write_checkpoint();
      changed.notify_all();
    }
    client->context->TryCancel();
    (void)reader->Finish();
    const std::lock_guard lock(mutex);
    --stream_count[client->resource];
    if (alive) disconnect_newest(client->resource);
    changed.notify_all();
  }

  grpc::Status connect_client(const std::string& resource, const std::string& endpoint) {
    auto client = std::make_shared<Client>();
    client->resource = resource;
    client->channel = connect(folder + "/" + endpoint);
    client->stub = v1beta1::DevicePlugin::NewStub(client->channel);
    client->context = std::make_unique<grpc::ClientContext>();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1beta1::DevicePluginOptions options;
    const grpc::Status status = client->stub->GetDevicePluginOptions(&context, {}, &options);
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex);
    if (!alive) return {grpc::StatusCode::UNAVAILABLE, "kubelet ends"};
    clients[resource] = client;
    endpoints[resource] = {client->stub, false};
    all_clients.push_back(client);
    ++registration_count[resource];
    if (!without_stream) {
      ++stream_count[resource];
      threads.emplace_back([this, client] { read_stream(client); });
    }
    changed.notify_all();
    return grpc::Status::OK;
  }

  void cleanup() {
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.is_socket()) std::filesystem::remove(entry.path());
  }
};

namespace {

// Templates, because FakeKubelet::Impl is private.
template <class I>
struct RegistrationService final : v1beta1::Registration::Service {
  explicit RegistrationService(I& it) : impl(it) {}
  grpc::Status Register(grpc::ServerContext*, const v1beta1::RegisterRequest* request,
                        v1beta1::Empty*) override {
    {
      std::unique_lock lock(impl.mutex);
      ++impl.hanging;
      impl.changed.notify_all();
      impl.changed.wait(lock, [&] { return !impl.hang_registration || !impl.alive; });
      --impl.hanging;
      if (impl.fail_registration) return {grpc::StatusCode::UNKNOWN, "refused by the test"};
    }
    if (request->version() != "v1beta1") return {grpc::StatusCode::UNKNOWN, "version"};
    if (!request->options().get_preferred_allocation_available())
      return {grpc::StatusCode::UNKNOWN, "the test wants preferred allocations"};
    return impl.connect_client(request->resource_name(), request->endpoint());
  }
  I& impl;
};

template <class I>
struct ListerService final : v1::PodResourcesLister::Service {
  explicit ListerService(I& it) : impl(it) {}
  grpc::Status List(grpc::ServerContext*, const v1::ListPodResourcesRequest*,
                    v1::ListPodResourcesResponse* response) override {
    std::unique_lock lock(impl.mutex);
    impl.changed.wait(lock, [&] { return !impl.hang_pod_resources || !impl.alive; });
    impl.forget_ended();
    ++impl.looks;
    impl.changed.notify_all();
    if (impl.pods_unknown) return grpc::Status::OK;
    for (const auto& entry : impl.pods) {
      auto* pod = response->add_pod_resources();
      pod->set_namespace_("ns");
      pod->set_name(entry.pod);
      if (entry.init) continue;
      auto* devices = pod->add_containers()->add_devices();
      devices->set_resource_name(entry.resource);
      for (const std::string& id : entry.devices) devices->add_device_ids(id);
    }
    return grpc::Status::OK;
  }
  grpc::Status GetAllocatableResources(grpc::ServerContext*, const v1::AllocatableResourcesRequest*,
                                       v1::AllocatableResourcesResponse* response) override {
    std::unique_lock lock(impl.mutex);
    impl.changed.wait(lock, [&] { return !impl.hang_pod_resources || !impl.alive; });
    for (const auto& [resource, list] : impl.lists)
      for (const auto& [id, healthy] : list) {
        if (!healthy) continue;
        auto* devices = response->add_devices();  // kubelet, too, writes one entry per device
        devices->set_resource_name(resource);
        devices->add_device_ids(id);
      }
    return grpc::Status::OK;
  }
  I& impl;
};

}  // namespace

FakeKubelet::FakeKubelet(std::string folder, std::string pod_resources)
    : impl_(std::make_shared<Impl>(std::move(folder), std::move(pod_resources))) {}
FakeKubelet::~FakeKubelet() { kill(); }

void FakeKubelet::start() {
  Impl& it = *impl_;
  std::filesystem::create_directories(it.folder);
  {
    const std::lock_guard lock(it.mutex);
    it.alive = true;
    it.endpoints.clear();
    it.clients.clear();
    it.lists.clear();
    it.list_count.clear();
    it.registration_count.clear();
    it.stream_count.clear();
    it.pods = it.disk;
    it.count_allocated();
  }
  const auto serve = [](const std::string& path, grpc::Service* service) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    builder.RegisterService(service);
    return builder.BuildAndStart();
  };
  it.lister_service = std::make_unique<ListerService<FakeKubelet::Impl>>(it);
  it.lister = serve(it.pod_resources, it.lister_service.get());
  it.cleanup();
  it.registration_service = std::make_unique<RegistrationService<FakeKubelet::Impl>>(it);
  it.registration = serve(it.folder + "/kubelet.sock", it.registration_service.get());
}

void FakeKubelet::kill() {
  Impl& it = *impl_;
  std::vector<std::thread> threads;
  std::vector<std::shared_ptr<Client>> clients;
  {
    const std::lock_guard lock(it.mutex);
    if (!it.alive) return;
    it.alive = false;
    clients.swap(it.all_clients);
    it.changed.notify_all();
  }
  for (const auto& client : clients) client->context->TryCancel();
  it.registration->Shutdown(std::chrono::system_clock::now());
  it.lister->Shutdown(std::chrono::system_clock::now());
  it.registration.reset();
  it.lister.reset();
  {
    const std::lock_guard lock(it.mutex);
    threads.swap(it.threads);
    it.clients.clear();
    it.endpoints.clear();
  }
  for (std::thread& thread : threads) thread.join();
  if (std::filesystem::is_directory(it.folder)) leave_dead_socket(it.folder + "/kubelet.sock");
}

FakeKubelet::Outcome FakeKubelet::admit(const std::string& pod, const std::string& resource,
                                        int count, Container container) {
  Impl& it = *impl_;
  Outcome outcome;
  std::unique_lock lock(it.mutex);
  it.forget_ended();
  const Endpoint endpoint = it.endpoints[resource];
  std::vector<std::string> available;
  for (const auto& [id, healthy] : it.lists[resource])
    if (healthy && !it.allocated[resource].contains(id)) available.push_back(id);
  if (static_cast<int>(available.size()) < count || endpoint.stopped || !endpoint.stub) {
    outcome.why = "requested number of devices unavailable";
    return outcome;
  }
  lock.unlock();
  Outcome preferred = prefer_raw(resource, available, {}, count, std::chrono::seconds(60));
  if (!preferred.granted) return preferred;
  lock.lock();
  for (const std::string& id : preferred.devices)
    if (static_cast<int>(outcome.devices.size()) < count) outcome.devices.insert(id);
  it.allocated[resource].insert(outcome.devices.begin(), outcome.devices.end());
  lock.unlock();
  Outcome given = allocate_raw(resource, {{outcome.devices.begin(), outcome.devices.end()}},
                               std::chrono::seconds(60));
  lock.lock();
  if (!given.granted) {
    it.count_allocated();
    return given;
  }
  for (const std::string& id : outcome.devices)
    if (!it.lists[resource].contains(id)) it.panicked = true;  // manager.go: a nil device
  it.pods.push_back({pod, resource, outcome.devices, container == Container::Init});
  it.write_checkpoint();
  it.changed.notify_all();
  given.devices = outcome.devices;
  return given;
}

void FakeKubelet::end(const std::string& pod) {
  const std::lock_guard lock(impl_->mutex);
  impl_->ended.insert(pod);
}

FakeKubelet::Outcome FakeKubelet::allocate_raw(
    const std::string& resource, const std::vector<std::vector<std::string>>& containers,
    std::chrono::milliseconds deadline) {
  std::shared_ptr<Stub> stub;
  {
    const std::lock_guard lock(impl_->mutex);
    stub = impl_->endpoints[resource].stub;
  }
  Outcome outcome;
  if (!stub) return outcome;
  v1beta1::AllocateRequest request;
  for (const auto& ids : containers) {
    auto* container = request.add_container_requests();
    for (const std::string& id : ids) container->add_devices_ids(id);
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  v1beta1::AllocateResponse response;
  const grpc::Status status = stub->Allocate(&context, request, &response);
  outcome.granted = status.ok();
  outcome.code = status.error_code();
  outcome.why = status.error_message();
  for (const auto& container : response.container_responses()) {
    for (const auto& device : container.cdi_devices()) outcome.cdi.push_back(device.name());
    v1beta1::ContainerAllocateResponse names;
    *names.mutable_cdi_devices() = container.cdi_devices();
    if (names.ByteSizeLong() != container.ByteSizeLong()) outcome.something_else = true;
  }
  return outcome;
}

FakeKubelet::Outcome FakeKubelet::prefer_raw(const std::string& resource,
                                             const std::vector<std::string>& available,
                                             const std::vector<std::string>& must, int size,
                                             std::chrono::milliseconds deadline) {
  std::shared_ptr<Stub> stub;
  {
    const std::lock_guard lock(impl_->mutex);
    stub = impl_->endpoints[resource].stub;
  }
  Outcome outcome;
  if (!stub) return outcome;
  v1beta1::PreferredAllocationRequest request;
  auto* container = request.add_container_requests();
  for (const std::string& id : available) container->add_available_deviceids(id);
  for (const std::string& id : must) container->add_must_include_deviceids(id);
  container->set_allocation_size(size);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  v1beta1::PreferredAllocationResponse response;
  const grpc::Status status = stub->GetPreferredAllocation(&context, request, &response);
  outcome.granted = status.ok();
  outcome.code = status.error_code();
  outcome.why = status.error_message();
  for (const auto& one : response.container_responses())
    outcome.devices.insert(one.deviceids().begin(), one.deviceids().end());
  return outcome;
}

namespace {
template <class I>
std::set<std::string> of_health(const I& impl, const std::string& resource, bool wanted) {
  const std::lock_guard lock(impl.mutex);
  std::set<std::string> out;
  const auto found = impl.lists.find(resource);
  if (found == impl.lists.end()) return out;
  for (const auto& [id, healthy] : found->second)
    if (healthy == wanted) out.insert(id);
  return out;
}
template <class I>
int count_of(const I& impl, const std::map<std::string, int>& counts, const std::string& resource) {
  const std::lock_guard lock(impl.mutex);
  const auto found = counts.find(resource);
  return found == counts.end() ? 0 : found->second;
}
template <class I>
void set(I& impl, bool& flag, bool value) {
  const std::lock_guard lock(impl.mutex);
  flag = value;
  impl.changed.notify_all();
}
}  // namespace

std::set<std::string> FakeKubelet::healthy(const std::string& r) const {
  return of_health(*impl_, r, true);
}
std::set<std::string> FakeKubelet::unhealthy(const std::string& r) const {
  return of_health(*impl_, r, false);
}
int FakeKubelet::lists(const std::string& r) const {
  return count_of(*impl_, impl_->list_count, r);
}
int FakeKubelet::registrations(const std::string& r) const {
  return count_of(*impl_, impl_->registration_count, r);
}
int FakeKubelet::streams(const std::string& r) const {
  return count_of(*impl_, impl_->stream_count, r);
}
int FakeKubelet::looks() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->looks;
}
int FakeKubelet::hanging() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->hanging;
}
bool FakeKubelet::panicked() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->panicked;
}
bool FakeKubelet::wait(const std::function<bool()>& condition) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait_for(lock, std::chrono::milliseconds(20));
    if (std::chrono::steady_clock::now() > end) return false;
  }
  return true;
}

void FakeKubelet::hang_registration(bool hang) { set(*impl_, impl_->hang_registration, hang); }
void FakeKubelet::fail_registration(bool fail) { set(*impl_, impl_->fail_registration, fail); }
void FakeKubelet::register_without_stream(bool so) { set(*impl_, impl_->without_stream, so); }
void FakeKubelet::stop_reading(bool stop) { set(*impl_, impl_->stop_reading, stop); }
void FakeKubelet::hang_pod_resources(bool hang) { set(*impl_, impl_->hang_pod_resources, hang); }
void FakeKubelet::pods_unknown(bool unknown) { set(*impl_, impl_->pods_unknown, unknown); }

void FakeKubelet::connect_again(const std::string& resource) {
  for (const auto& entry : std::filesystem::directory_iterator(impl_->folder)) {
    const std::string name = entry.path().filename();
    std::string plain = resource;
    for (char& c : plain)
      if (c == '/') c = '_';
    if (name == "kerf-" + plain + ".sock") (void)impl_->connect_client(resource, name);
  }
}
void FakeKubelet::end_stream(const std::string& resource) {
  const std::lock_guard lock(impl_->mutex);
  impl_->disconnect_newest(resource);
}
void FakeKubelet::write_checkpoint() {
  const std::lock_guard lock(impl_->mutex);
  impl_->write_checkpoint();
}
void FakeKubelet::foreign(const std::string& resource, const std::set<std::string>& devices) {
  const std::lock_guard lock(impl_->mutex);
  impl_->clients[resource] = nullptr;
  impl_->endpoints[resource] = {};
  impl_->lists[resource].clear();
  for (const std::string& id : devices) impl_->lists[resource][id] = true;
  impl_->write_checkpoint();
}
void FakeKubelet::end_foreign(const std::string& resource) {
  const std::lock_guard lock(impl_->mutex);
  impl_->disconnect_newest(resource);
}

}  // namespace kerf::kubelet
