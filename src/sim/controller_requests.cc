// Each effect is one write: what it changes, of which version.
#include "sim/controller_requests.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "core/control/names.h"

namespace kerf::sim {

namespace {

/// An update of one part of an object of that version.
template <class T>
Request update(Key key, Part part, Version version, std::function<void(T&)> change) {
  Request request;
  request.verb = Verb::Update;
  request.kind = kKindOf<T>;
  request.key = std::move(key);
  request.part = part;
  request.version = version;
  request.change = [change = std::move(change)](Object& object) {
    change(*std::get_if<T>(&object));
  };
  return request;
}

Request create(Key key, Object object) {
  Request request;
  request.verb = Verb::Create;
  request.kind = control::kind_of(object);
  request.key = std::move(key);
  request.object = std::move(object);
  return request;
}

Request of_uid(Verb verb, Kind kind, Key key, const std::string& uid) {
  Request request;
  request.verb = verb;
  request.kind = kind;
  request.key = std::move(key);
  request.uid = uid;
  return request;
}

void set_price(control::GpuNode& node, MicroUsdPerHour price) {
  if (price.micro != 0) node.meta.annotations[control::kUsdPerHour] = format_exact(price);
}

Request request(const controller::PutLayout& put) {
  if (put.version != 0)
    return update<control::GpuNode>({"", put.node}, Part::Main, put.version,
                                    [put](control::GpuNode& node) {
                                      node.spec = put.spec;
                                      set_price(node, put.price);
                                    });
  control::GpuNode node;
  node.meta.name = put.node;
  node.spec = put.spec;
  set_price(node, put.price);
  return create({"", put.node}, std::move(node));
}

Request request(const controller::CreateClaim& buy) {
  return create({"", buy.claim.meta.name}, buy.claim);
}

Request request(const controller::DeleteClaim& gone) {
  return of_uid(Verb::Delete, Kind::NodeClaim, {"", gone.name}, gone.uid);
}

Request request(const controller::Nominate& nominate) {
  Request request =
      update<control::Pod>(nominate.pod, Part::Status, nominate.version,
                           [node = nominate.node](control::Pod& pod) { pod.nominated = node; });
  request.uid = nominate.uid;
  return request;
}

Request request(const controller::Publish& publish) {
  return update<control::Node>({"", publish.node}, Part::Status, publish.version,
                               [raised = publish.amounts](control::Node& node) {
                                 for (const auto& [resource, count] : raised) {
                                   std::int64_t& capacity = node.capacity_of[resource];
                                   capacity = std::max(capacity, count);
                                   node.allocatable_of[resource] = count;
                                 }
                               });
}

Request request(const controller::Withdraw& withdraw) {
  return update<control::Node>({"", withdraw.node}, Part::Status, withdraw.version,
                               [lowered = withdraw.amounts](control::Node& node) {
                                 for (const auto& [resource, count] : lowered)
                                   node.allocatable_of[resource] = count;
                               });
}

Request request(const controller::Evict& evict) {
  return of_uid(Verb::Evict, Kind::Pod, evict.pod, evict.uid);
}

Request request(const controller::PatchNode& patch) {
  return update<control::Node>(
      {"", patch.node}, Part::Main, patch.version, [patch](control::Node& node) {
        for (const auto& [key, value] : patch.labels) node.meta.labels[key] = value;
        for (const std::string& key : patch.remove_labels) node.meta.labels.erase(key);
        if (patch.remove_uncut)
          std::erase_if(node.taints,
                        [](const auto& taint) { return taint.key == control::kUncutTaint; });
      });
}

Request request(const controller::PutStatus& put) {
  return update<control::SlicePolicy>(
      {"", put.policy}, Part::Status, put.version,
      [status = put.status](control::SlicePolicy& policy) { policy.status = status; });
}

template <class Other>
Request request(const Other&) {
  KERF_ASSERT(false, "not a request");
  return {};
}

}  // namespace

Request request_for(const controller::Action& action) {
  return std::visit([](const auto& one) { return request(one); }, action);
}

}  // namespace kerf::sim
