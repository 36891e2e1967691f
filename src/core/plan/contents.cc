// Few rounds of pricing, then whole parts and the largest fractions, cut down and filled again.
#include "core/plan/contents.h"

#include <algorithm>
#include <cmath>

namespace kerf::plan {

namespace {

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSimplexSteps = 50'000;
constexpr double kGain = 1e-6;           ///< a content must be worth this much more than it costs
constexpr std::int64_t kEverywhere = 4;  ///< each so manieth round asks all machines
constexpr std::size_t kFocus = 10;       ///< classes a round
constexpr std::size_t kHosts = 6;        ///< machines for each of them
constexpr std::int64_t kMostOfOne = 64;
constexpr double kUnserved = 1e5;  ///< dollars for an item that stays unserved: more than any node

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }

}  // namespace

Contents::Contents(const Problem& problem, std::vector<std::int64_t> demand,
                   std::vector<double> values, std::vector<std::int64_t> left,
                   std::vector<std::uint32_t> machines, LpSolver& solver)
    : problem_(problem),
      solver_(solver),
      residual_(std::move(demand)),
      values_(std::move(values)),
      duals_(values_),
      first_values_(values_),
      rent_(problem.machines.size()),
      left_(std::move(left)),
      limit_row_(problem.machines.size(), -1),
      machines_(std::move(machines)),
      asked_(residual_) {
  for (std::int64_t items : residual_) fresh_.add_row(static_cast<double>(items), kInf);
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    fillers_.emplace_back(problem, m);
    if (left_[m] >= 0) limit_row_[m] = fresh_.add_row(-kInf, static_cast<double>(left_[m]));
  }
  for (std::size_t c = 0; c < residual_.size(); ++c) {
    fresh_.add_column(kUnserved, 0, kInf);
    fresh_.add_entry(static_cast<std::int32_t>(c), 1);
  }
  first_column_ = fresh_.columns();
  add_singles();
}

bool Contents::add(const Pattern& pattern) {
  if (pattern.content.empty() || !seen_.insert(pattern).second) return false;
  contents_.push_back(pattern);
  const Machine& machine = problem_.machines[pattern.machine];
  fresh_.add_column(dollars(machine.price), 0, kInf);
  for (std::size_t i = 0; i < pattern.content.size();) {
    const std::uint32_t cls = machine.candidates[pattern.content[i].first].cls;
    double sum = 0;
    for (; i < pattern.content.size() && machine.candidates[pattern.content[i].first].cls == cls;
         ++i)
      sum += pattern.content[i].second;
    fresh_.add_entry(static_cast<std::int32_t>(cls), sum);
  }
  if (limit_row_[pattern.machine] >= 0) fresh_.add_entry(limit_row_[pattern.machine], 1);
  return true;
}

/// For every class the node of it alone that serves it cheapest.
void Contents::add_singles() {
  std::vector<double> least(residual_.size(), kInf);
  std::vector<Pattern> best(residual_.size());
  for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
    const Machine& machine = problem_.machines[m];
    if (left_[m] == 0) continue;
    const Room room(problem_, m);
    for (std::uint32_t i = 0; i < machine.candidates.size(); ++i) {
      const std::uint32_t cls = machine.candidates[i].cls;
      if (residual_[cls] <= 0) continue;
      const std::int64_t n = room.most(i, std::min<std::int64_t>(residual_[cls], 255));
      if (n == 0 || dollars(machine.price) / static_cast<double>(n) >= least[cls]) continue;
      least[cls] = dollars(machine.price) / static_cast<double>(n);
      best[cls] = {m, {{i, static_cast<std::int32_t>(n)}}};
    }
  }
  for (const Pattern& pattern : best) add(pattern);
}

void Contents::start(std::uint32_t machine, double nodes, std::vector<double> items) {
  const double most = std::max(1.0, nodes / 8);
  while (nodes > 0.5) {
    std::vector<double> due = items;
    for (double& one : due) one /= std::max(1.0, nodes);
    const Pattern node = fillers_[machine].even(std::move(due), items);
    if (node.content.empty()) return;
    double n = most;
    for (const auto& [candidate, k] : node.content) n = std::min(n, (items[candidate] + 0.5) / k);
    n = std::max(1.0, std::floor(n));
    for (const auto& [candidate, k] : node.content) items[candidate] -= n * k;
    nodes -= n;
    add(fillers_[machine].fill(0, node, values_, residual_).pattern);
  }
}

bool Contents::solve() {
  if (session_ == nullptr) session_ = solver_.load(fresh_);
  else if (fresh_.columns() > 0) session_->add_columns(fresh_);
  fresh_ = LinearProgram{};
  for (std::size_t c = 0; c < residual_.size(); ++c) {
    if (asked_[c] == residual_[c]) continue;
    asked_[c] = residual_[c];
    session_->set_row_bounds(static_cast<std::int32_t>(c), static_cast<double>(asked_[c]), kInf);
  }
  for (std::uint32_t m = 0; m < left_.size(); ++m)
    if (limit_row_[m] >= 0)
      session_->set_row_bounds(limit_row_[m], -kInf, static_cast<double>(left_[m]));
  LpSolution solution = session_->solve(kSimplexSteps);
  ++solves_;
  if (solution.status != LpStatus::Optimal) return false;
  primal_ = std::move(solution.primal);
  for (std::size_t c = 0; c < duals_.size(); ++c) duals_[c] = std::max(0.0, solution.dual[c]);
  for (std::uint32_t m = 0; m < rent_.size(); ++m)
    rent_[m] = limit_row_[m] < 0
                   ? 0
                   : std::max(0.0, -solution.dual[static_cast<std::size_t>(limit_row_[m])]);
  return true;
}

/// Adds contents that are worth more than they cost; false where there are none.
bool Contents::price(bool everywhere, bool smooth) {
  std::vector<double> values = duals_;
  if (smooth)
    for (std::size_t c = 0; c < values.size(); ++c) values[c] = 0.5 * (values[c] + values_[c]);
  std::vector<std::uint32_t> all;
  if (everywhere)
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) all.push_back(m);
  bool grew = false;
  for (const std::uint32_t m : everywhere ? all : machines_) {
    if (left_[m] == 0) continue;
    const double cost = dollars(problem_.machines[m].price) + rent_[m];
    bool here = false;
    for (std::size_t notion = 0; notion < NodeFiller::kNotions; ++notion) {
      const Filled filled = fillers_[m].fill(notion, values, residual_);
      double worth = 0;
      for (const auto& [candidate, n] : filled.pattern.content)
        worth += duals_[problem_.machines[m].candidates[candidate].cls] * n;
      if (worth > cost * (1 + kGain)) here = add(filled.pattern) || here;
    }
    grew = grew || here;
    if (here && everywhere && std::find(machines_.begin(), machines_.end(), m) == machines_.end())
      machines_.push_back(m);
  }
  values_ = std::move(values);
  return grew;
}

/// The machines on which an item of each class loses least of its value.
void Contents::find_hosts() {
  hosts_.resize(duals_.size());
  for (std::uint32_t m = 0; m < problem_.machines.size(); ++m)
    for (std::uint32_t i = 0; i < problem_.machines[m].candidates.size(); ++i)
      hosts_[problem_.machines[m].candidates[i].cls].push_back({fillers_[m].taken(i), m, i});
  for (std::vector<Host>& hosts : hosts_) {
    std::stable_sort(hosts.begin(), hosts.end(),
                     [](const Host& a, const Host& b) { return a.taken < b.taken; });
    if (hosts.size() > kHosts) hosts.resize(kHosts);
  }
}

/// Contents around the classes that cost most above what they are worth where nodes can be parted:
/// one, half as many and as many as a node holds, and what fits beside them.
bool Contents::focus() {
  if (hosts_.empty()) find_hosts();
  std::vector<std::pair<double, std::uint32_t>> order;
  for (std::uint32_t c = 0; c < duals_.size(); ++c) {
    const double over = (duals_[c] - first_values_[c]) * static_cast<double>(residual_[c]);
    if (over > 1e-6) order.emplace_back(-over, c);
  }
  std::sort(order.begin(), order.end());
  if (order.size() > kFocus) order.resize(kFocus);
  bool grew = false;
  std::vector<std::int64_t> left = residual_;
  for (const auto& [minus_over, c] : order) {
    for (const Host& host : hosts_[c]) {
      if (left_[host.machine] == 0) continue;
      const double cost = dollars(problem_.machines[host.machine].price) + rent_[host.machine];
      const std::int64_t all =
          Room(problem_, host.machine)
              .most(host.candidate, std::min<std::int64_t>(residual_[c], kMostOfOne));
      std::int64_t last = 0;
      for (const std::int64_t n : {std::int64_t{1}, all / 2, all}) {
        if (n <= last || n > all) continue;
        last = n;
        left[c] -= n;
        const Pattern first{host.machine, {{host.candidate, static_cast<std::int32_t>(n)}}};
        const Filled filled = fillers_[host.machine].fill(0, first, duals_, left);
        left[c] += n;
        if (filled.value > cost * (1 + kGain)) grew = add(filled.pattern) || grew;
      }
    }
  }
  return grew;
}

std::int64_t Contents::times(const Pattern& node) const {
  const Machine& machine = problem_.machines[node.machine];
  std::int64_t most = left_[node.machine] < 0 ? std::int64_t{1} << 40 : left_[node.machine];
  for (std::size_t i = 0; i < node.content.size();) {
    const std::uint32_t cls = machine.candidates[node.content[i].first].cls;
    std::int64_t n = 0;
    for (; i < node.content.size() && machine.candidates[node.content[i].first].cls == cls; ++i)
      n += node.content[i].second;
    most = std::min(most, residual_[cls] / n);
  }
  return most;
}

void Contents::take(const Pattern& node, std::int64_t n, Fleet& fleet) {
  const Machine& machine = problem_.machines[node.machine];
  for (const auto& [candidate, items] : node.content)
    residual_[machine.candidates[candidate].cls] -= items * n;
  if (left_[node.machine] >= 0) left_[node.machine] -= n;
  fleet.insert(fleet.end(), static_cast<std::size_t>(n), node);
}

/// The content cut down to what is left, then filled again by value.
Pattern Contents::refill(const Pattern& node) {
  const Machine& machine = problem_.machines[node.machine];
  std::vector<std::int64_t> left = residual_;
  Pattern cut{node.machine, {}};
  for (const auto& [candidate, n] : node.content) {
    std::int64_t& rest = left[machine.candidates[candidate].cls];
    const std::int64_t m = std::min<std::int64_t>(n, rest);
    if (m <= 0) continue;
    cut.content.emplace_back(candidate, static_cast<std::int32_t>(m));
    rest -= m;
  }
  return fillers_[node.machine].fill(0, cut, duals_, left).pattern;
}

/// Buys whole parts of the solution, or the largest fractions of it.
std::int64_t Contents::fix(double part, Fleet& fleet) {
  std::int64_t bought = 0;
  double fractions = 0;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t j = 0; j < contents_.size(); ++j) {
    const double x = primal_[static_cast<std::size_t>(first_column_) + j];
    if (x <= 1e-6) continue;
    const auto whole = static_cast<std::int64_t>(std::floor(x + 1e-6));
    const std::int64_t n = std::min(whole, times(contents_[j]));
    if (n > 0) take(contents_[j], n, fleet);
    bought += n;
    const double fraction = x - static_cast<double>(n);
    if (fraction <= 1e-6) continue;
    fractions += fraction;
    order.emplace_back(-fraction, j);
  }
  if (bought > 0) return bought;
  std::sort(order.begin(), order.end());
  const auto batch = static_cast<std::int64_t>(std::ceil(fractions * part));
  for (const auto& [minus_fraction, j] : order) {
    if (bought >= batch) break;
    Pattern node = contents_[j];
    if (left_[node.machine] == 0) continue;
    if (times(node) < 1) node = refill(node);
    if (node.content.empty()) continue;
    take(node, 1, fleet);
    ++bought;
  }
  return bought;
}

Fleet Contents::buy(const ContentOptions& options) {
  Fleet fleet;
  std::int64_t rounds = options.root_rounds;
  while (std::any_of(residual_.begin(), residual_.end(), [](std::int64_t n) { return n > 0; })) {
    bool solved = solve();
    for (std::int64_t round = 0; solved && round < rounds; ++round) {
      if (options.tick) options.tick();
      const bool found = price(round % kEverywhere == kEverywhere - 1, true);
      if (!focus() && !found && !price(false, false) && !price(true, false)) break;
      solved = solve();
    }
    if (!solved || fix(options.part, fleet) == 0) break;
    rounds = options.step_rounds;
    // What the solution is made of, as far as it can still be bought.
    const std::size_t known = contents_.size();
    for (std::size_t j = 0; j < known; ++j)
      if (static_cast<std::size_t>(first_column_) + j < primal_.size() &&
          primal_[static_cast<std::size_t>(first_column_) + j] > 1e-6 && times(contents_[j]) < 1)
        add(refill(contents_[j]));
  }
  return fleet;
}

}  // namespace kerf::plan
