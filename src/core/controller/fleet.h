// Fleet: the machines that Kerf has, put together from NodeClaims, Nodes, GpuNodes and Pods.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/control/objects.h"
#include "core/controller/reservation.h"
#include "core/controller/store.h"
#include "core/market/market.h"
#include "core/online/slice_tables.h"
#include "core/online/standing.h"

namespace kerf::controller {

/// A pod's place on a machine: bound to it, or reserved.
struct Seat {
  std::string id;                     ///< Reservation::id, or "pod/<uid>" of a bound pod
  const control::Pod* pod = nullptr;  ///< nullptr: nobody yet, the place is kept for one to come
  const cluster::PodShape* shape = nullptr;
  std::shared_ptr<const cluster::PodShape> kept_shape;  ///< reserved: `shape` is this one
  std::vector<online::DeviceAt> devices;
  std::vector<std::string> resources;  ///< by device: the name that it is offered under
  bool daemon = false;                 ///< a DaemonSet's pod: it goes with its node
  bool known = true;    ///< bound: kubelet or agent has said which devices; else they are guessed
  bool offered = true;  ///< its devices are to be published
};

/// A slice that stands on a GPU.
struct Standing {
  online::DeviceAt at;
  std::string resource;
  cluster::SliceState state = cluster::SliceState::Free;
  bool published = false;
  bool lent = false;  ///< offered by the agent, against the spec
  std::string pod;    ///< "namespace/name" of who holds it, as the agent says
};

/// One machine, whether its claim was only just created or its node runs.
struct Machine {
  std::string name;  ///< the claim's, or the node's if it has none
  const control::NodeClaim* claim = nullptr;
  const control::Node* node = nullptr;
  const control::GpuNode* gpus = nullptr;
  std::string policy;
  std::uint32_t type = 0;  ///< in the market
  const market::InstanceType* instance = nullptr;
  const gpu::Model* model = nullptr;
  gpu::GpuMode mode = gpu::GpuMode::Any;
  std::string zone;
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  MicroUsdPerHour price;
  bool seen_by_agent = false;  ///< the agent has said what stands
  bool uncut = false;          ///< its node has not been in service yet
  bool unregistered = false;   ///< ... and Karpenter has not put taints and labels on it yet
  bool in_service = false;     ///< its node is ready and takes pods
  bool going = false;          ///< being deleted, interrupted, lost
  bool cordoned = false;       ///< by somebody: it takes nobody, and whoever is there stays
  bool unusable = false;       ///< degraded: nothing new is put on it
  bool leaving = false;        ///< it is being emptied and given back by Kerf
  bool making_room = false;    ///< pods move away from it for others: nobody else comes
  Resources allocatable;       ///< less what pods take that have no seat
  std::vector<Standing> slices;
  std::vector<Seat> seats;
  std::vector<const control::Pod*> unseated;  ///< bound, and no room is known that it could have
  bool strangers = false;  ///< pods without a seat are on it that are no DaemonSet's
  /// No two seats want the same room, and what stands is legal; else nothing is decided on it.
  bool sound = true;

  bool has_pods() const {
    return std::any_of(seats.begin(), seats.end(), [](const Seat& seat) { return !seat.daemon; });
  }
  bool has_seat(const std::string& id) const {
    return std::any_of(seats.begin(), seats.end(), [&](const Seat& seat) { return seat.id == id; });
  }
  /// Nothing new is put on it.
  bool closed() const { return is_withheld() || unusable || leaving; }
  /// Somebody else decides about it.
  bool is_withheld() const { return going || cordoned; }
  bool coming() const { return node == nullptr || !in_service; }
};

/// By machine name. Pointers go into the store and the market.
using Fleet = std::map<std::string, Machine>;

/// All machines of all policies, those of claims that were only asked for (`creating`, by name)
/// too. A reservation that does not fit beside what is known to be there has no seat; those of
/// machines that are gone are ignored. What is given outlives the fleet.
Fleet build_fleet(const Store& store, const market::Market& market,
                  const market::NodeOverhead& overhead,
                  const std::map<std::string, control::NodeClaim>& creating,
                  const Reservations& reservations, online::SliceTables& tables);

/// Of a node that Kerf did not buy, by its labels; 0 = it is not known.
MicroUsdPerHour price_of(const market::Market& market, const control::Node& node);

/// Thousandths of a GPU that a device of that form is.
std::int64_t milli_of(const gpu::Model& model, const gpu::Form& form);

/// The slice that stands there; nullptr: none does.
const Standing* standing_at(const Machine& machine, const online::DeviceAt& at);

/// The id by which kubelet knows it.
std::string id_of(const Machine& machine, const online::DeviceAt& at);

/// How many devices of that name kubelet has confirmed, by the agent's word.
std::int64_t published(const Machine& machine, const std::string& resource);
/// How many of that name the API offers; 0 without a node.
std::int64_t offered(const Machine& machine, const std::string& resource);

/// The devices of one pod on a planned node.
std::vector<online::DeviceAt> devices_of(const plan::NodePlan& node, std::uint32_t pod);
/// The planned node with other numbers for its pods.
plan::NodePlan renumbered(plan::NodePlan node,
                          const std::function<std::uint32_t(std::uint32_t)>& number);

/// The devices of a machine's GPUs as kubelet's ids name them; empty where one is not known.
std::vector<online::DeviceAt> devices_of(const Machine& machine,
                                         const std::vector<control::HeldDevice>& held);

/// The machine as a node that stands, with what its seats hold; seats become pods.
cluster::Node as_node(const Machine& machine);

}  // namespace kerf::controller
