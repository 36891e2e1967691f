// Groups by grid cell; means as needs; members put back by size.
#include "core/plan/merge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace kerf::plan {

namespace {

double share(std::int64_t need, std::int64_t total) {
  return total <= 0 ? 0.0 : static_cast<double>(need) / static_cast<double>(total);
}

bool company_matters(const Problem& problem) {
  return problem.has_conflicts() ||
         std::any_of(problem.classes.begin(), problem.classes.end(), [](const ItemClass& item) {
           return item.per_node != std::numeric_limits<std::int32_t>::max() || !item.labels.empty();
         });
}

}  // namespace

std::vector<std::uint32_t> alike(const Problem& problem, std::size_t most) {
  const std::size_t n = problem.classes.size();
  std::vector<std::uint32_t> group_of(n);
  for (std::uint32_t c = 0; c < n; ++c) group_of[c] = c;
  if (n <= most || company_matters(problem)) return group_of;
  // How each class is served: the kinds and units of its candidates, as a set.
  std::vector<std::vector<std::pair<std::uint16_t, UnitCounts>>> served(n);
  for (const Machine& machine : problem.machines)
    for (const Candidate& candidate : machine.candidates)
      served[candidate.cls].emplace_back(machine.kind, candidate.units);
  std::map<std::vector<std::pair<std::uint16_t, UnitCounts>>, std::uint32_t> ways;
  std::vector<std::uint32_t> way(n);
  for (std::uint32_t c = 0; c < n; ++c) {
    std::sort(served[c].begin(), served[c].end());
    served[c].erase(std::unique(served[c].begin(), served[c].end()), served[c].end());
    way[c] = ways.try_emplace(std::move(served[c]), static_cast<std::uint32_t>(ways.size()))
                 .first->second;
  }
  std::size_t groups = n;
  for (double step = 1.03; groups > most && step < 1e3; step = 1 + (step - 1) * 1.4) {
    const double log_step = std::log(step);
    const auto cell = [&](std::int64_t amount) {
      return amount <= 0 ? -1 : std::llround(std::log(static_cast<double>(amount)) / log_step);
    };
    using Key = std::tuple<std::uint32_t, long long, long long, long long>;
    std::map<Key, std::uint32_t> index;
    for (std::uint32_t c = 0; c < n; ++c) {
      const Resources& need = problem.classes[c].need;
      const Key key{way[c], cell(need.cpu_milli), cell(need.memory_mib), cell(need.disk_mib)};
      group_of[c] = index.try_emplace(key, static_cast<std::uint32_t>(index.size())).first->second;
    }
    groups = index.size();
  }
  return group_of;
}

Merged::Merged(const Problem& problem, const std::vector<std::int64_t>& demand,
               const std::vector<std::uint32_t>& group_of)
    : problem_(problem), group_of_(group_of) {
  std::uint32_t groups = 0;
  for (std::uint32_t group : group_of) groups = std::max(groups, group + 1);
  merged_.classes.resize(groups);
  std::vector<Resources> sums(groups);
  for (std::uint32_t c = 0; c < group_of.size(); ++c) {
    merged_.classes[group_of[c]].demand += demand[c];
    sums[group_of[c]] = sums[group_of[c]] + problem.classes[c].need * demand[c];
  }
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::int64_t n = std::max<std::int64_t>(1, merged_.classes[g].demand);
    const auto mean = [n](std::int64_t sum) { return (sum + n / 2) / n; };
    merged_.classes[g].need = {mean(sums[g].cpu_milli), mean(sums[g].memory_mib),
                               mean(sums[g].disk_mib), mean(sums[g].pods)};
  }
  for (const auto& kind : problem.kinds) merged_.kinds.push_back(std::make_unique<GpuKind>(*kind));
  members_.resize(problem.machines.size());
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    Machine copy;
    copy.type = machine.type;
    copy.capacity_type = machine.capacity_type;
    copy.price = machine.price;
    copy.allocatable = machine.allocatable;
    copy.kind = machine.kind;
    copy.gpus = machine.gpus;
    copy.at_most = machine.at_most;
    struct Entry {
      std::uint32_t group;
      UnitCounts units;
      Member member;
    };
    std::vector<Entry> entries;
    for (std::uint32_t i = 0; i < machine.candidates.size(); ++i) {
      const Candidate& candidate = machine.candidates[i];
      if (demand[candidate.cls] <= 0) continue;
      const Resources& need = problem.classes[candidate.cls].need;
      const double size = share(need.cpu_milli, machine.allocatable.cpu_milli) +
                          share(need.memory_mib, machine.allocatable.memory_mib) +
                          share(need.disk_mib, machine.allocatable.disk_mib);
      entries.push_back({group_of[candidate.cls], candidate.units, {i, candidate.cls, size}});
    }
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      if (a.group != b.group) return a.group < b.group;
      if (a.units != b.units) return a.units < b.units;
      return a.member.size > b.member.size;
    });
    for (const Entry& entry : entries) {
      if (copy.candidates.empty() || copy.candidates.back().cls != entry.group ||
          !(copy.candidates.back().units == entry.units)) {
        copy.candidates.push_back({entry.group, entry.units});
        members_[m].emplace_back();
      }
      members_[m].back().push_back(entry.member);
    }
    merged_.machines.push_back(std::move(copy));
  }
}

std::vector<std::int64_t> Merged::demand(const std::vector<std::int64_t>& by_class) const {
  std::vector<std::int64_t> sum(merged_.classes.size());
  for (std::uint32_t c = 0; c < by_class.size(); ++c) sum[group_of_[c]] += by_class[c];
  return sum;
}

std::vector<double> Merged::values(const std::vector<double>& by_class,
                                   const std::vector<std::int64_t>& demand) const {
  std::vector<double> sum(merged_.classes.size()), items(merged_.classes.size());
  for (std::uint32_t c = 0; c < by_class.size(); ++c) {
    sum[group_of_[c]] += by_class[c] * static_cast<double>(demand[c]);
    items[group_of_[c]] += static_cast<double>(demand[c]);
  }
  for (std::size_t g = 0; g < sum.size(); ++g) sum[g] /= std::max(1.0, items[g]);
  return sum;
}

Pattern Merged::realise(const Pattern& node, std::vector<std::int64_t>& residual) const {
  Room room(problem_, node.machine);
  const Machine& merged = merged_.machines[node.machine];
  Resources kept;  // the mean of the places that are still empty
  for (const auto& [candidate, n] : node.content)
    kept = kept + merged_.classes[merged.candidates[candidate].cls].need * n;
  for (auto it = node.content.rbegin(); it != node.content.rend(); ++it) {
    const auto& [candidate, n] = *it;
    const Resources& mean = merged_.classes[merged.candidates[candidate].cls].need;
    for (std::int32_t i = 0; i < n; ++i) {
      kept = kept - mean;
      const Resources open = room.left() - kept;
      const Member* chosen = nullptr;
      for (const Member& member : members_[node.machine][candidate]) {
        if (residual[member.cls] <= 0) continue;
        chosen = &member;
        if (problem_.classes[member.cls].need.fits(open)) break;
      }
      if (chosen == nullptr || room.most(chosen->candidate, 1) == 0) continue;
      room.add(chosen->candidate, 1);
      --residual[chosen->cls];
    }
  }
  return room.pattern();
}

}  // namespace kerf::plan
