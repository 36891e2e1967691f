// What the lines of planner cases and of online cases have in common: words, pods, market, policy.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::tests {

using Words = std::vector<std::string>;

/// The parts between separators; empty ones are left out.
Words split(const std::string& text, const std::string& separator);
std::string trimmed(const std::string& text);

/// Throws std::runtime_error: `expected WHAT, found "FOUND"`.
[[noreturn]] void expected(const std::string& what, const std::string& found);

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return *std::move(result);
}

std::int64_t number(const std::string& text);
MicroUsdPerHour dollars(const std::string& text);  ///< "$6.88"
std::string exact_usd(MicroUsdPerHour rate);       ///< the other way round
/// The words of a text that has so many.
Words exactly(std::size_t words, const std::string& form, const std::string& text);

/// "6 x chat: ..." -> 6, "chat", "...".
struct Counted {
  std::int64_t count = 0;
  std::string name, rest;
};
Counted counted(const std::string& line);

/// A pod of that name before any clause: its label app, and one pod's place on a node.
cluster::PodShape plain_pod(const std::string& name);
/// One clause about a pod, as in "cpu 2" or "nvidia.com/gpu x2".
void apply_clause(const std::string& clause, const std::string& name, const gpu::Catalogue& gpus,
                  cluster::PodShape& shape);
/// Adds a workload of like pods, named NAME-0, NAME-1, ..., where none of that name is before.
void add_pods(const std::string& line, const gpu::Catalogue& gpus,
              std::map<std::string, int>& named, cluster::Demand& demand);

/// The shipped market of us-east-1 with nothing on sale.
market::Market empty_market();
void read_market(const std::string& line, market::Market& market);
void sort_offerings(market::Market& market);
/// "KEY=VALUE:EFFECT"
cluster::Taint taint_of(const std::string& text);
/// False: it is none of the lines about a policy.
bool read_policy(const std::string& line, const gpu::Catalogue& gpus, cluster::Policy& policy);

/// Calls `each(section, line)` for every line that says something: line "" opens one of the
/// sections named, section "" is a line that is not indented and opens none. An error gets the
/// file's name and the line's number in front of it.
void each_line(std::istream& in, const std::string& name, const Words& sections,
               const std::function<void(const std::string&, const std::string&)>& each);

/// Nodes to buy, like ones together: "2 x p5.4xlarge in us-east-1a: H100-80 [3g.40gb@4]".
Words fleet_lines(const std::vector<plan::NodePlan>& nodes, const market::Market& market);
/// "2 x chat: LimitGpus"
Words unplaced_lines(const std::vector<plan::Unplaced>& unplaced, const cluster::Demand& demand);

}  // namespace kerf::tests
