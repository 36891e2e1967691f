// Reservation: a place that is kept for a pod, or for one that is to come.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/control/kube.h"
#include "core/online/standing.h"

namespace kerf::controller {

/// Who a place is for.
enum class For : std::uint8_t {
  Pod,        ///< a pod that is pending
  Successor,  ///< the pod that its owner makes in the place of one that has to go
  Member,     ///< a pod of a group that is not there yet
  Warm,       ///< nobody in particular: kept cut and offered
  Headroom,   ///< nobody: room that is kept free
};

/// Kept for nobody: it gives way to pods.
constexpr bool is_room(For whom) { return whom == For::Warm || whom == For::Headroom; }

struct Reservation {
  std::string id;  ///< "pod/<uid>", "heir/<uid of the one that goes>", "warm/<policy>/..." ...
  For whom = For::Pod;
  std::string policy;
  std::string machine;
  std::string owner;  ///< Successor, Member: uid of the owner whose next pod takes it
  std::shared_ptr<const cluster::PodShape> shape;
  std::vector<online::DeviceAt> devices;
  std::vector<std::string> resources;  ///< by device
  bool offered = true;                 ///< published as soon as it stands; else parked
  control::Instant since = 0;
  control::Instant visible = 0;    ///< since when the scheduler could have bound it; 0 = not yet
  control::Instant nominated = 0;  ///< when its pod was last nominated; 0 = not yet
  std::uint64_t naming = 0;        ///< the effect that nominated it last
  bool may_come = true;            ///< Successor: the pod that it replaces has been told to go
  std::string heir_of;             ///< Pod: the reservation that it took over; "" = none
};

/// By id.
using Reservations = std::map<std::string, Reservation>;

inline void add_to(Hasher& hasher, const Reservation& reservation) {
  hasher.add(reservation.id);
  hasher.add(reservation.machine);
  hasher.add(reservation.owner);
  for (std::size_t i = 0; i < reservation.devices.size(); ++i) {
    hasher.add(reservation.devices[i].gpu);
    hasher.add(std::uint32_t{reservation.devices[i].start});
    hasher.add(std::uint32_t{reservation.devices[i].form.profile});
    hasher.add(static_cast<std::uint32_t>(reservation.devices[i].form.kind));
    hasher.add(reservation.resources[i]);
  }
  hasher.add(reservation.offered);
  hasher.add(reservation.since);
  hasher.add(reservation.visible);
}

/// The resource names that a pod of the shape asks for, one for each device, in the order of its
/// requests.
std::vector<std::string> resources_of(const cluster::PodShape& shape);

/// The name for each device of a placement: that of the request which it serves.
std::vector<std::string> resources_for(const cluster::PodShape& shape, const market::Market& market,
                                       const market::InstanceType& type,
                                       const cluster::Policy& policy,
                                       const std::vector<online::DeviceAt>& devices);

}  // namespace kerf::controller
