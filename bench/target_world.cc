// Workloads of kerf_target_bench.
#include "target_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "codec/policy.h"
#include "codec/yaml.h"
#include "core/plan/problem.h"

namespace kerf::bench {

namespace {

std::optional<std::string> text_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "kerf_target_bench: {}\n", why);
  std::exit(2);
}

/// The workloads of `from` without pods, and shapes that `change` makes of its own.
template <typename Change>
cluster::Demand changed(const cluster::Demand& from, const std::vector<std::uint32_t>& keep,
                        const Change& change) {
  cluster::Demand out;
  out.workloads = from.workloads;
  out.overhead = from.overhead;
  out.described = from.described;
  for (cluster::Workload& workload : out.workloads) workload.pods = 0;
  for (const std::uint32_t index : keep) {
    const cluster::Pod& pod = from.pods[index];
    cluster::PodShape shape = from.shapes[pod.shape];
    if (!change(shape)) continue;
    ++out.workloads[pod.workload].pods;
    out.pods.push_back({fmt::format("{}-{}", pod.name, out.pods.size()),
                        out.intern(std::move(shape)), pod.workload});
  }
  return out;
}

std::vector<std::uint32_t> all_of(const cluster::Demand& demand) {
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  return pods;
}

std::int64_t classes_of(const cluster::Demand& demand, const cluster::Policy& policy) {
  const plan::Problem problem =
      plan::compile(demand, all_of(demand), market(), policy, plan::Coupled::AsPlanned);
  return static_cast<std::int64_t>(problem.classes.size());
}

/// The pods of the shapes that most pods have, so many shapes.
cluster::Demand commonest(const cluster::Demand& from, std::int64_t shapes) {
  std::vector<std::int64_t> pods(from.shapes.size());
  for (const cluster::Pod& pod : from.pods) ++pods[pod.shape];
  std::vector<std::uint32_t> order(from.shapes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return pods[a] > pods[b]; });
  std::vector<bool> kept(order.size());
  for (std::size_t i = 0; i < std::min(order.size(), static_cast<std::size_t>(shapes)); ++i)
    kept[order[i]] = true;
  std::vector<std::uint32_t> keep;
  for (std::uint32_t pod = 0; pod < from.pods.size(); ++pod)
    if (kept[from.pods[pod].shape]) keep.push_back(pod);
  return chosen(from, keep);
}

/// `from`, of whose kinds of pods `more` are there twice, the second time with other CPU and
/// memory; then `pods` of all kinds, each kind at least once.
cluster::Demand varied(const cluster::Demand& from, std::int64_t pods, std::int64_t more) {
  Prng prng(2026);
  cluster::Demand kinds = from;
  for (std::int64_t i = 0; i < more; ++i) {
    const cluster::Pod& model = from.pods[prng.below(from.pods.size())];
    cluster::PodShape shape = from.shapes[model.shape];
    const auto near = [&](std::int64_t value) {
      return std::max<std::int64_t>(
          1, value * static_cast<std::int64_t>(800 + prng.below(200)) / 1000);
    };
    shape.requests.cpu_milli = near(shape.requests.cpu_milli);
    shape.requests.memory_mib = near(shape.requests.memory_mib);
    kinds.pods.push_back({model.name, kinds.intern(std::move(shape)), model.workload});
  }
  std::vector<std::uint32_t> keep;
  for (std::uint32_t pod = static_cast<std::uint32_t>(from.pods.size()); pod < kinds.pods.size();
       ++pod)
    keep.push_back(pod);
  while (static_cast<std::int64_t>(keep.size()) < pods) {
    const bool plain = more == 0 || prng.below(2) == 0;
    keep.push_back(static_cast<std::uint32_t>(
        plain ? prng.below(from.pods.size())
              : from.pods.size() + prng.below(static_cast<std::uint64_t>(more))));
  }
  keep.resize(static_cast<std::size_t>(pods));
  std::sort(keep.begin(), keep.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(kinds.pods[a].workload, a) < std::pair(kinds.pods[b].workload, b);
  });
  return chosen(kinds, keep);
}

}  // namespace

std::string openb_path(const std::string& name) {
  return fmt::format("{}/data/openb/openb_pod_list_{}.csv", KERF_SHARED_DIR, name);
}

std::optional<cluster::Demand> openb(const std::string& name, codec::TraceMap map) {
  const std::string path = openb_path(name);
  std::optional<std::string> text = text_of(path);
  if (!text) return std::nullopt;
  cluster::Demand demand;
  codec::TraceOptions options;
  options.map = map;
  const auto read =
      codec::read_trace(std::move(*text), path, options, codec::builtin_catalogue(), demand);
  if (!read) give_up(read.error().message());
  return demand;
}

cluster::Demand synthetic(std::int64_t pods, int kinds) {
  cluster::Demand demand;
  demand.described = fmt::format("synthetic: {} pods of {} kinds", pods, kinds);
  Prng prng(2026);
  const char* profiles[] = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "1g.5gb", "1g.24gb"};
  const int ladder[] = {4, 8, 10, 16, 24, 40};
  std::vector<std::uint32_t> shapes;
  for (int k = 0; k < kinds; ++k) {
    cluster::PodShape shape;
    cluster::GpuRequest request;
    switch (prng.below(4)) {
      case 0: request.count = std::int64_t{1} << prng.below(3); break;
      case 1:
        request.kind = cluster::GpuRequestKind::Portable;
        request.gib = ladder[prng.below(6)];
        break;
      default:
        request.kind = cluster::GpuRequestKind::Slice;
        request.profile = profiles[prng.below(6)];
    }
    shape.gpu = {request};
    shape.requests = {static_cast<std::int64_t>(250 * (1 + prng.below(40))),
                      static_cast<std::int64_t>(512 * (1 + prng.below(60))), 0, 1};
    demand.workloads.push_back({"Synthetic", "default", fmt::format("kind-{}", k), 0, false, 730,
                                cluster::describe(shape.gpu), ""});
    shapes.push_back(demand.intern(std::move(shape)));
  }
  for (std::int64_t i = 0; i < pods; ++i) {
    const auto kind = static_cast<std::uint32_t>(prng.below(static_cast<std::uint64_t>(kinds)));
    ++demand.workloads[kind].pods;
    demand.pods.push_back({fmt::format("pod-{}", i), shapes[kind], kind});
  }
  return demand;
}

const market::Market& market() {
  static const market::Market market = *codec::builtin_market("us-east-1");
  return market;
}

cluster::Policy mig_only() {
  const std::string path = std::string(KERF_SOURCE_DIR) + "/examples/policies/mig-only.yaml";
  const std::optional<std::string> text = text_of(path);
  if (!text) give_up("cannot read " + path);
  const auto documents = codec::parse_yaml(*text, path);
  if (!documents) give_up(documents.error().message());
  auto policy = codec::read_policy(documents->at(0), codec::builtin_catalogue());
  if (!policy) give_up(policy.error().message());
  return std::move(*policy);
}

market::Market a100_80_alone() {
  market::Market alone;
  alone.gpus = market().gpus;
  alone.region = market().region;
  market::InstanceType type = *market().type_named("p4de.24xlarge");
  type.name = "bench.a100-80";
  type.vcpu = 10'000;
  type.memory_mib = std::int64_t{1} << 30;
  type.gpu_count = 1;
  type.max_pods = 1000;
  alone.types = {type};
  market::Offering offering;
  offering.price = {1'000'000};
  alone.offerings = {offering};
  return alone;
}

cluster::Demand chosen(const cluster::Demand& from, const std::vector<std::uint32_t>& keep) {
  return changed(from, keep, [](cluster::PodShape&) { return true; });
}

cluster::Demand with_cpu(const cluster::Demand& from, std::int64_t percent) {
  return changed(from, all_of(from), [&](cluster::PodShape& shape) {
    shape.requests.cpu_milli = (shape.requests.cpu_milli * percent + 99) / 100;
    return true;
  });
}

cluster::Demand shares_alone(const cluster::Demand& from) {
  return changed(from, all_of(from), [](cluster::PodShape& shape) {
    shape.requests = {0, 0, 0, 1};
    return shape.gpu.at(0).kind != cluster::GpuRequestKind::Whole;
  });
}

cluster::Demand subset(const cluster::Demand& from, std::int64_t pods, std::uint64_t seed) {
  Prng prng(seed);
  std::vector<std::uint32_t> deck = all_of(from);
  const auto wanted = static_cast<std::size_t>(pods);
  for (std::size_t i = 0; i < wanted; ++i)
    std::swap(deck[i], deck[i + prng.below(deck.size() - i)]);
  deck.resize(wanted);
  std::sort(deck.begin(), deck.end());
  return chosen(from, deck);
}

cluster::Demand repeated(const cluster::Demand& from, std::int64_t pods, std::int64_t classes,
                         const cluster::Policy& policy) {
  if (static_cast<std::int64_t>(from.shapes.size()) > classes && classes_of(from, policy) > classes)
    return repeated(commonest(from, classes), pods, classes, policy);
  // Most kinds added are a class of their own, so the number that is missing is nearly enough.
  cluster::Demand best = varied(from, pods, 0);
  std::int64_t more = 0, have = classes_of(best, policy);
  for (int i = 0; i < 8 && have < classes - classes / 100; ++i) {
    const std::int64_t tried = more + std::max<std::int64_t>(1, (classes - have) * 9 / 10);
    cluster::Demand next = varied(from, pods, tried);
    const std::int64_t seen = classes_of(next, policy);
    if (seen > classes) break;
    more = tried;
    have = seen;
    best = std::move(next);
  }
  return best;
}

}  // namespace kerf::bench
