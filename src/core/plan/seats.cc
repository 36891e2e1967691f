// Numbers seats by group of pods and by devices, first on the whole node, then GPU by GPU.
#include "core/plan/seats.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace kerf::plan {

namespace {

static_assert(kNoPod == cluster::kNone, "nobody is nobody, in a plan and in a cluster");

/// What makes two devices the same, as one number.
std::uint32_t code(const gpu::Form& form) {
  const auto kind = static_cast<std::uint32_t>(form.kind) << 8;
  switch (form.kind) {
    case gpu::FormKind::Slice: return kind | form.profile;
    case gpu::FormKind::TimeSliced:
    case gpu::FormKind::Mps: return kind | form.replicas;
    case gpu::FormKind::Whole:
    case gpu::FormKind::Fraction: return kind | form.fraction;
  }
  return kind;
}

Seat& seat_of(Seats& seats, std::uint32_t pod) {
  return *std::lower_bound(seats.pods.begin(), seats.pods.end(), pod,
                           [](const Seat& seat, std::uint32_t key) { return seat.pod < key; });
}

}  // namespace

SeatReader::SeatReader(const cluster::Cluster& cluster, const cluster::Demand& demand)
    : cluster_(cluster), demand_(demand) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> groups;
  for (const cluster::Pod& pod : demand.pods) {
    const bool job = demand.workloads[pod.workload].transient;
    const auto next = static_cast<std::uint32_t>(groups.size());
    group_.push_back(
        groups.try_emplace({pod.shape, job ? pod.workload + 1 : 0}, next).first->second);
  }
}

std::uint32_t SeatReader::number(std::map<Words, std::uint32_t>& numbers, const Words& key) {
  return numbers.try_emplace(key, static_cast<std::uint32_t>(numbers.size())).first->second;
}

template <class Gpus, class Here>
Seats SeatReader::read(const Gpus& gpus, Here here) {
  Seats seats;
  seats.gpus.resize(gpus.size());
  std::map<std::uint32_t, Words> devices;  // by pod
  for (std::size_t g = 0; g < gpus.size(); ++g) {
    std::map<std::uint32_t, SeatPart> parts;
    for (std::size_t s = 0; s < gpus[g].slices.size(); ++s) {
      const std::uint32_t pod = gpus[g].slices[s].pod;
      if (pod == kNoPod || !here(pod)) continue;
      devices[pod].push_back(code(gpus[g].slices[s].form));
      parts[pod].slices.push_back(static_cast<std::uint32_t>(s));
    }
    for (auto& [pod, part] : parts) {
      part.pod = pod;
      seats.gpus[g].push_back(std::move(part));
    }
  }
  for (auto& [pod, words] : devices) {
    std::sort(words.begin(), words.end());
    words.push_back(group_[pod]);
    const std::uint32_t kind = number(kinds_, words);
    if (kind == shape_of_kind_.size()) shape_of_kind_.push_back(demand_.pods[pod].shape);
    seats.pods.push_back({pod, kind, {}});
  }
  for (std::uint32_t g = 0; g < seats.gpus.size(); ++g)
    for (const SeatPart& part : seats.gpus[g]) seat_of(seats, part.pod).gpus.push_back(g);
  tell_apart(gpus, seats);
  std::map<std::uint32_t, std::int32_t> counts;
  for (const Seat& seat : seats.pods) ++counts[seat.kind];
  seats.kinds.assign(counts.begin(), counts.end());
  return seats;
}

template <class Gpus>
void SeatReader::tell_apart(const Gpus& gpus, Seats& seats) {
  std::vector<Words> held, all;  // by GPU
  for (std::size_t g = 0; g < seats.gpus.size(); ++g) {
    Words& on_gpu = held.emplace_back();
    for (SeatPart& part : seats.gpus[g]) {
      const Seat& seat = seat_of(seats, part.pod);
      Words words;
      for (const std::uint32_t s : part.slices) words.push_back(code(gpus[g].slices[s].form));
      std::sort(words.begin(), words.end());
      words.push_back(seat.kind);
      part.kind = number(parts_, words);
      part.spans = seat.gpus.size() > 1;
      on_gpu.push_back(part.kind);
    }
    std::sort(on_gpu.begin(), on_gpu.end());
    Words devices_on_gpu;
    for (const auto& slice : gpus[g].slices) devices_on_gpu.push_back(code(slice.form));
    std::sort(devices_on_gpu.begin(), devices_on_gpu.end());
    on_gpu.insert(on_gpu.begin(), static_cast<std::uint32_t>(on_gpu.size()));
    all.push_back(on_gpu);
    devices_on_gpu.push_back(static_cast<std::uint32_t>(devices_on_gpu.size()));
    all.back().insert(all.back().end(), devices_on_gpu.begin(), devices_on_gpu.end());
  }
  const auto number_of = [&](std::vector<Words> lists, std::uint32_t what) {
    std::sort(lists.begin(), lists.end());
    Words key = {what};
    for (const Words& list : lists) key.insert(key.end(), list.begin(), list.end());
    return number(nodes_, key);
  };
  seats.alike = number_of(std::move(held), 0);
  seats.same = number_of(std::move(all), 1);
}

Seats SeatReader::planned(const NodePlan& node) {
  return read(node.gpus, [](std::uint32_t) { return true; });
}

Seats SeatReader::standing(std::uint32_t node) {
  return read(cluster_.nodes[node].gpus, [&](std::uint32_t pod) {
    KERF_ASSERT(pod < cluster_.pods.size(), "facts are parallel to the demand's pods");
    return cluster_.pods[pod].node == node;
  });
}

}  // namespace kerf::plan
