// Part 7 of kerf_target_bench: whole GPUs for 10,000 pods against Karpenter's own scheduler, which
// is built from its public Go packages where they are at hand.
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "codec/csv.h"
#include "target_parts.h"
#include "target_world.h"

namespace kerf::bench {

using codec::Node;

namespace {

constexpr std::int64_t kPods = 10'000;

struct Scheduled {
  std::int64_t types = 0, pods = 0, errors = 0, nodes = 0;
  double per_hour = 0, seconds = 0;
};

/// Last lines of output and the exit status of a shell command.
std::pair<std::string, int> run(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {"no shell", -1};
  std::string text;
  char part[4096];
  while (const std::size_t n = std::fread(part, 1, sizeof(part), pipe)) text.append(part, n);
  const int status = pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return {text, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

std::string last_line(const std::string& text) {
  const std::size_t at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

std::string go() {
  for (const char* path : {"/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/usr/bin/go"})
    if (std::filesystem::exists(path)) return path;
  return "";
}

/// The path of the program, or why there is none.
std::pair<std::string, std::string> build(const std::string& folder) {
  const std::string source = std::string(KERF_SHARED_DIR) + "/bench/karpenter";
  if (!std::filesystem::exists(source + "/main.go"))
    return {"", "its bench is not there (../shared/bench/karpenter)"};
  const std::string compiler = go();
  if (compiler.empty()) return {"", "there is no Go >= 1.26"};
  const std::string place = std::filesystem::absolute(folder + "/karpenter").string();
  std::filesystem::create_directories(place);
  for (const char* file : {"main.go", "go.mod", "go.sum"}) {
    const std::string to = place + "/" + file;
    std::filesystem::remove(to);
    std::filesystem::copy_file(source + "/" + file, to);
    std::filesystem::permissions(to, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
  }
  fmt::print("  building Karpenter's scheduler (two minutes the first time)\n");
  std::fflush(stdout);
  const auto [text, status] =
      run(fmt::format("cd '{}' && GOFLAGS=-mod=mod '{}' build -o kbench .", place, compiler));
  if (status != 0) return {"", "it does not build: " + last_line(text)};
  return {place + "/kbench", ""};
}

/// Capacity and price of the types that Karpenter is given, as Kerf has them: "" if they are equal.
std::string differences(const std::string& path, std::int64_t& types) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  const auto table = codec::CsvTable::parse(text.str(), path);
  if (!table) return table.error().message();
  const auto cell = [&](const codec::CsvRow& row, const char* name) {
    return std::string(row.cells[*table->column(name)]);
  };
  for (const char* name : {"instance_type", "on_demand_usd_per_hour_us_east_1", "gpu_count", "arch",
                           "vcpu", "memory_mib", "max_pods"})
    if (!table->column(name)) return fmt::format("{} has no column {}", path, name);
  std::string out;
  for (const codec::CsvRow& row : table->rows()) {
    const std::string name = cell(row, "instance_type");
    const double price = std::atof(cell(row, "on_demand_usd_per_hour_us_east_1").c_str());
    if (price == 0 || cell(row, "gpu_count") == "0" || cell(row, "arch") != "amd64") continue;
    ++types;
    const market::InstanceType* type = market().type_named(name);
    const auto sold =
        std::find_if(market().offerings.begin(), market().offerings.end(),
                     [&](const market::Offering& offering) {
                       return type != nullptr && &market().types[offering.type] == type &&
                              offering.capacity_type == market::CapacityType::OnDemand;
                     });
    if (type == nullptr || sold == market().offerings.end()) {
      out += fmt::format(" {}: not sold;", name);
      continue;
    }
    // As its main.go has it, in whole milli-CPU: what the fake type takes is given back there.
    const std::int64_t vcpu = std::atoll(cell(row, "vcpu").c_str());
    const std::int64_t memory = std::atoll(cell(row, "memory_mib").c_str());
    const std::int64_t pods = std::atoll(cell(row, "max_pods").c_str());
    std::int64_t reserved = 0, from = 0;
    for (const auto& [to, tenths] :
         {std::pair<std::int64_t, std::int64_t>{1, 600}, {2, 100}, {4, 50}, {INT64_MAX, 25}}) {
      reserved += std::max<std::int64_t>(0, std::min(vcpu, to) - from) * tenths;
      from = to;
    }
    const Resources have = market::allocatable(*type);
    if (have.cpu_milli != vcpu * 1000 - reserved / 10 ||
        have.memory_mib != memory - (memory * 75 + 999) / 1000 - 255 - 11 * pods - 100 ||
        have.pods != pods || std::abs(static_cast<double>(sold->price.micro) / 1e6 - price) > 1e-6)
      out += fmt::format(" {};", name);
  }
  return out;
}

/// The pods in the trace's order, again from its start until there are enough.
cluster::Demand in_trace_order(const cluster::Demand& trace) {
  std::vector<std::uint32_t> order(trace.pods.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return trace.pods[a].name < trace.pods[b].name;  // numbered with leading zeros
  });
  std::vector<std::uint32_t> keep;
  for (std::int64_t i = 0; i < kPods; ++i)
    keep.push_back(order[static_cast<std::size_t>(i) % order.size()]);
  std::stable_sort(keep.begin(), keep.end(), [&](std::uint32_t a, std::uint32_t b) {
    return trace.pods[a].workload < trace.pods[b].workload;
  });
  return chosen(trace, keep);
}

}  // namespace

void karpenter(const Setting& setting, Report& report) {
  const std::string what = fmt::format("{} pods with whole GPUs, against Karpenter", kPods);
  const std::string target = "200 times as fast, 25 % cheaper";
  const auto trace = openb("default", codec::TraceMap::Whole);
  if (!trace) {
    report.add(not_measured(7, what, target, "the openb trace is not there"));
    return;
  }
  const std::string types = std::string(KERF_SHARED_DIR) + "/data/ec2/ec2_gpu_instances.csv";
  Scheduled theirs;
  const std::string differing = differences(types, theirs.types);
  fmt::print("  capacity and price of {} types: {}\n", theirs.types,
             differing.empty() ? "as Karpenter's" : "DIFFERENT:" + differing);
  const auto [program, why] = build(setting.folder);
  if (program.empty()) {
    report.add(not_measured(7, what, target, why));
    return;
  }
  fmt::print("  running Karpenter's scheduler once (over a minute)\n");
  std::fflush(stdout);
  const auto [text, status] =
      run(fmt::format("'{}' '{}' '{}' {}", program, openb_path("default"), types, kPods));
  const std::string line = last_line(text);
  long long number[4] = {};
  if (status != 0 ||
      std::sscanf(line.c_str(), "types %lld pods %lld errors %lld nodes %lld $/h %lf solve %lf s",
                  &number[0], &number[1], &number[2], &number[3], &theirs.per_hour,
                  &theirs.seconds) != 6) {
    report.add(not_measured(7, what, target, "it failed: " + line));
    return;
  }
  fmt::print("  Karpenter: {}\n", line);
  const cluster::Demand demand = in_trace_order(*trace);
  for (const int effort : {3, 1}) {
    Ask ask = setting.ask;
    ask.effort = effort;
    const std::string row = fmt::format("{}, effort {}", what, effort);
    const auto out = measure(demand, market(), cluster::Policy{}, ask);
    if (!out) {
      report.add(too_slow(7, row, target, ask));
      continue;
    }
    const double ratio = theirs.seconds / out->seconds;
    const double cheaper = 100 * (1 - out->bill() / theirs.per_hour);
    Node figures = figures_of(*out);
    figures.set("karpenter_seconds", Node::of(theirs.seconds))
        .set("karpenter_usd_per_hour", Node::of(theirs.per_hour))
        .set("karpenter_nodes", Node::of(static_cast<std::int64_t>(number[3])))
        .set("karpenter_errors", Node::of(static_cast<std::int64_t>(number[2])))
        .set("times_as_fast", Node::of(ratio))
        .set("cheaper_percent", Node::of(cheaper))
        .set("same_capacity", Node::of(differing.empty()));
    report.add(
        {7, row, target,
         fmt::format("{:.0f} times as fast ({} for {}), {:.1f} % cheaper ({} for ${:.2f}), "
                     "{} and {} unplaced",
                     ratio, duration(out->seconds), duration(theirs.seconds), cheaper,
                     format_usd({out->bill_micro}), theirs.per_hour, out->unplaced, number[2]),
         ratio >= 200 && cheaper >= 25 && out->faults == 0 && out->unplaced <= number[2] &&
             differing.empty(),
         std::move(figures)});
  }
}

}  // namespace kerf::bench
