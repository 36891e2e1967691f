// GpuTable: checks and flattens the tables, and finds which states leave the same room.
#include "core/online/gpu_table.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/assert.h"

namespace kerf::online {

GpuTable::GpuTable(std::size_t units, const std::vector<std::vector<GpuState>>& after,
                   std::vector<std::int32_t> idle)
    : units_(units), idle_(std::move(idle)) {
  KERF_ASSERT(!idle_.empty(), "0 is a state");
  KERF_ASSERT(idle_.size() <= std::size_t{std::numeric_limits<GpuState>::max()} + 1,
              "states are numbered by GpuState");
  KERF_ASSERT(units_ <= std::size_t{std::numeric_limits<Unit>::max()} + 1,
              "units are numbered by Unit");
  KERF_ASSERT(after.size() == idle_.size() * units_, "after has one entry for each state and unit");
  begin_.reserve(after.size() + 1);
  begin_.push_back(0);
  for (std::size_t at = 0; at < after.size(); ++at) {
    for (const GpuState to : after[at]) {
      KERF_ASSERT(to < idle_.size(), "after leads to states of the table");
      KERF_ASSERT(idle_[to] <= idle_[at / units_], "a device added leaves no more idle");
      after_.push_back(to);
    }
    begin_.push_back(static_cast<std::uint32_t>(after_.size()));
  }
  for (const std::int32_t part : idle_)
    KERF_ASSERT(part >= 0 && part <= kWhole, "idle parts are in 1/kWhole");
  find_rooms(fullest_first());
}

std::vector<GpuState> GpuTable::fullest_first() const {
  // Depth first from 0; a state is done when all that follow it are.
  enum class Mark : std::uint8_t { New, Open, Done };
  struct Visit {
    GpuState state;
    std::uint32_t next;  ///< index in after_ of the successor to look at next
  };
  std::vector<Mark> marks(states(), Mark::New);
  std::vector<GpuState> done;
  std::vector<Visit> open{{0, begin_[0]}};
  marks[0] = Mark::Open;
  while (!open.empty()) {
    Visit& visit = open.back();
    if (visit.next == begin_[(visit.state + std::size_t{1}) * units_]) {
      marks[visit.state] = Mark::Done;
      done.push_back(visit.state);
      open.pop_back();
      continue;
    }
    const GpuState to = after_[visit.next++];
    KERF_ASSERT(marks[to] != Mark::Open, "adding a device never leads back");
    if (marks[to] == Mark::Done) continue;
    marks[to] = Mark::Open;
    open.push_back({to, begin_[to * units_]});
  }
  KERF_ASSERT(done.size() == states(), "every state is reachable from 0");
  return done;
}

void GpuTable::find_rooms(const std::vector<GpuState>& fullest_first) {
  // Two states are alike if they idle alike and every unit leads to the same classes of states. As
  // nothing leads back, classes are final once those of all that follow are: one pass.
  std::map<std::vector<std::int32_t>, GpuState> classes;  // signature -> class
  std::vector<GpuState> class_of(states());
  std::vector<GpuState> least;  // by class
  std::vector<std::int32_t> signature;
  std::vector<std::int32_t> next;
  for (const GpuState state : fullest_first) {
    signature.assign(1, idle_[state]);
    for (std::size_t unit = 0; unit < units_; ++unit) {
      next.clear();
      for (const GpuState to : after(state, static_cast<Unit>(unit))) next.push_back(class_of[to]);
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      signature.push_back(static_cast<std::int32_t>(next.size()));
      signature.insert(signature.end(), next.begin(), next.end());
    }
    const auto [found, added] =
        classes.try_emplace(signature, static_cast<GpuState>(classes.size()));
    if (added) least.push_back(state);
    class_of[state] = found->second;
    least[found->second] = std::min(least[found->second], state);
  }
  room_.resize(states());
  for (std::size_t state = 0; state < states(); ++state) room_[state] = least[class_of[state]];
}

}  // namespace kerf::online
