// kerf_agent_bench: what kerfd agent adds to the driver's own time, and what it costs the node;
// figures to <folder>/agent.json.
//
// The agent runs as a process between the simulated driver and a fake kubelet, on a machine of
// eight H100s with seven 1g.10gb each. "Beyond" is what is left of the time that was measured when
// the time that the driver's creations and destructions are declared to take is subtracted. A take
// is of a slice that has been parked for more than a second: of one that was offered a moment ago,
// the agent waits for that second before it asks who holds it. Each time is the median of five.
// Needs root: the simulated driver lets nobody else cut.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent_node.h"
#include "base/assert.h"
#include "codec/document.h"
#include "codec/json.h"
#include "core/agent/agent.h"
#include "measure.h"
#include "shell/runtime/files.h"

namespace {

using namespace kerf;
using bench::As;
using bench::Node;

constexpr int kRounds = 5;
constexpr std::int64_t kDeclaredMs = 50;
constexpr const char* kResource = "nvidia.com/mig-1g.10gb";
constexpr int kPods = 20;
constexpr int kIdleSeconds = 60;
constexpr int kScrapeEvery = 15;

struct Figure {
  std::string what;
  const char* unit = "";
  double value = 0;
  std::optional<double> target;  ///< at most
};
class Figures {
 public:
  /// Printed at once: all of them take minutes.
  void add(Figure figure) {
    fmt::print("{:<66} {:8.2f} {:<3}", figure.what, figure.value, figure.unit);
    if (figure.target)
      fmt::print(" {} {:g}", figure.value <= *figure.target ? "<=" : "MISSES", *figure.target);
    fmt::print("\n");
    std::fflush(stdout);
    all_.push_back(std::move(figure));
  }
  codec::Node document() const {
    codec::Node document = codec::Node::mapping();
    for (const Figure& figure : all_) {
      codec::Node one = codec::Node::mapping();
      one.set("value", codec::Node::of(figure.value)).set("unit", codec::Node::of(figure.unit));
      if (figure.target) one.set("target", codec::Node::of(*figure.target));
      document.set(figure.what, std::move(one));
    }
    return document;
  }

 private:
  std::vector<Figure> all_;
};

double milliseconds(std::vector<double> seconds) { return bench::median(std::move(seconds)) * 1e3; }

/// One slice at a time, while 50 to 55 others stand.
struct Cuts {
  std::vector<double> give, take, publish;  ///< seconds
};

class Cutting {
 public:
  explicit Cutting(Node& node) : node_(node) {
    for (int gpu = 0; gpu < kRounds; ++gpu) {
      bench::want(layout_, gpu, kGiven, As::Missing);
      bench::want(layout_, gpu, kParked, As::Parked);
    }
    bench::want(layout_, kTakenGpu, kGiven, As::Missing);
    node_.rig().layout(layout_);
    node_.start(bench::kSlices - 2 * kRounds - 1);
    node_.settle();
  }
  Cuts run() {
    Cuts cuts;
    for (int gpu = 0; gpu < kRounds; ++gpu) {
      cuts.publish.push_back(change(gpu, kParked, As::Published, 0));
      cuts.give.push_back(change(gpu, kGiven, As::Published, 2));
      change(kTakenGpu, kGiven, As::Parked, 2);
      std::this_thread::sleep_for(std::chrono::milliseconds(agent::Options{}.in_flight_ms + 500));
      cuts.take.push_back(change(kTakenGpu, kGiven, As::Missing, 2));
    }
    return cuts;
  }

 private:
  static constexpr int kGiven = 2;
  static constexpr int kParked = 4;
  static constexpr int kTakenGpu = 6;

  /// From the file's replacement until kubelet has the device so; the end of a take is that kubelet
  /// does not list it any more, which comes after the driver was seen without it.
  double change(int gpu, int start, As as, std::uint64_t operations) {
    const std::string device = fmt::format("gpu{}/1g.10gb@{}", gpu, start);
    const auto done = [&] {
      const bool healthy = node_.rig().kubelet().healthy(kResource).contains(device);
      const bool unhealthy = node_.rig().kubelet().unhealthy(kResource).contains(device);
      return healthy == (as == As::Published) && unhealthy == (as == As::Parked);
    };
    const std::uint64_t before = node_.changes();
    const double seconds = bench::seconds([&] {
      bench::want(layout_, gpu, start, as);
      node_.rig().layout(layout_);
      node_.await(done);
    });
    node_.settle();
    KERF_ASSERT(node_.changes() - before == operations, "only that slice's operations are done");
    return seconds;
  }

  Node& node_;
  bench::Layout layout_ = bench::full_layout();
};

void measure_cuts(Figures& figures, const std::string& state) {
  for (const bool reads : {false, true}) {
    Node node({kDeclaredMs, reads}, state);
    const Cuts seen = Cutting(node).run();
    const char* driver = reads ? ", the driver's answers as slow as real ones" : "";
    const auto target = reads ? std::optional<double>() : 20.0;
    figures.add({fmt::format("give: beyond{}", driver), "ms",
                 milliseconds(seen.give) - 2 * kDeclaredMs, target});
    figures.add({fmt::format("take: beyond{}", driver), "ms",
                 milliseconds(seen.take) - 2 * kDeclaredMs, target});
    figures.add({fmt::format("publish{}", driver), "ms", milliseconds(seen.publish), {}});
    node.stop();
  }
}

void measure_starts(Figures& figures, const std::string& state) {
  const double cutting = 2.0 * bench::kSlices * kDeclaredMs;
  std::vector<double> empty, standing, booted;
  for (int i = 0; i < kRounds; ++i) {
    Node node({kDeclaredMs, false}, state);
    node.rig().layout(bench::full_layout());
    const auto operations = [&, before = node.changes()](double seconds, std::uint64_t count) {
      KERF_ASSERT(node.changes() - before == count, "each slice is made once");
      return seconds;
    };
    empty.push_back(operations(node.start(), 2 * bench::kSlices));
    node.settle();
    node.stop();
    standing.push_back(operations(node.start(), 2 * bench::kSlices));
    node.settle();
    node.reboot();
    booted.push_back(node.start());
    node.settle();
    node.stop();
  }
  figures.add({"start to 56 healthy: slices stand", "ms", milliseconds(standing), 300.0});
  figures.add(
      {"start to 56 healthy: from nothing, beyond", "ms", milliseconds(empty) - cutting, 300.0});
  figures.add(
      {"start to 56 healthy: after a reboot, beyond", "ms", milliseconds(booted) - cutting, 300.0});
}

void add_memory(Figures& figures, const std::string& when, const Node& node,
                std::optional<double> target) {
  const bench::Memory memory = node.memory();
  figures.add({"resident memory, " + when, "MiB", memory.resident_mib, target});
  figures.add({"of it anonymous, " + when, "MiB", memory.anonymous_mib, {}});
}

void hold(Node& node) {
  for (int i = 0; i < kPods; ++i) {
    const auto outcome = node.rig().kubelet().admit(fmt::format("pod-{}", i), kResource, 1);
    KERF_ASSERT(outcome.granted, "a free slice is granted");
  }
}

/// Percent of one core while nothing happens.
double idle(Node& node, const std::function<void()>& each_scrape) {
  // What the pods' coming has set in motion is over when the grants are believed no longer.
  std::this_thread::sleep_for(std::chrono::milliseconds(agent::Options{}.grant_ms + 2'000));
  const double before = node.cpu_seconds();
  const double seconds = bench::seconds([&] {
    for (int slept = 0; slept < kIdleSeconds; slept += kScrapeEvery) {
      each_scrape();
      std::this_thread::sleep_for(std::chrono::seconds(kScrapeEvery));
    }
  });
  return (node.cpu_seconds() - before) / seconds * 100;
}

void measure_costs(Figures& figures, const std::string& state) {
  {
    Node node({}, state);
    // One slice of each GPU is parked, because without a cluster nothing published is taken.
    bench::Layout layout = bench::full_layout();
    const auto change = [&](As as) {
      for (int gpu = 0; gpu < bench::kGpus; ++gpu) bench::want(layout, gpu, 3, as);
      node.rig().layout(layout);
    };
    change(As::Parked);
    node.start(bench::kSlices - bench::kGpus);
    node.settle();
    add_memory(figures, "56 slices served", node, 40.0);
    for (int i = 0; i < 200 / bench::kGpus; ++i) {
      for (const As as : {As::Missing, As::Parked}) {
        change(as);
        node.settle();
      }
    }
    node.rig().layout(bench::full_layout());
    node.settle();
    std::vector<double> allocations;
    for (int i = 0; i < 1'000; ++i) {
      const std::string pod = fmt::format("short-{}", i);
      allocations.push_back(bench::seconds([&] {
        KERF_ASSERT(node.rig().kubelet().admit(pod, kResource, 1).granted, "a slice is free");
      }));
      node.rig().kubelet().end(pod);
    }
    figures.add({"allocation: kubelet's two calls", "ms", milliseconds(allocations), {}});
    add_memory(figures, "after 200 gives and takes, 1,000 allocations", node, 40.0);
    hold(node);
    figures.add({"idle CPU, 20 pods", "%", idle(node, [] {}), 0.1});
    node.stop();
  }
  const int port = bench::free_port();
  Node node({}, state, fmt::format("127.0.0.1:{}", port));
  node.rig().layout(bench::full_layout());
  node.start();
  node.settle();
  hold(node);
  const double busy = idle(node, [&] {
    KERF_ASSERT(bench::scrape(port).find("kerf_") != std::string::npos, "metrics are served");
  });
  figures.add({"idle CPU, 20 pods, metrics read every 15 s", "%", busy, 0.1});
  add_memory(figures, "metrics served", node, 40.0);
  node.stop();
}

/// What this disk takes to make a journal durable.
double durable_ms(const std::string& state) {
  KERF_ASSERT(runtime::make_folders(state, 0700).has_value(), "a folder can be made there");
  std::vector<double> rounds;
  const std::string text(4'000, 'x');
  for (int i = 0; i < 50; ++i)
    rounds.push_back(bench::seconds([&] {
      const auto done =
          runtime::replace_file(state + "/journal", text, runtime::Durability::Durable, 0600);
      KERF_ASSERT(done.has_value(), "a file can be written there");
    }));
  return milliseconds(rounds);
}

}  // namespace

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    fmt::print("not measured: the simulated driver lets only root cut\n");
    return 0;
  }
  const std::filesystem::path folder = argc > 1 ? argv[1] : "build/bench";
  const std::string state = std::filesystem::absolute(folder / "agent-state").string();
  ::setenv("TMPDIR", "/dev/shm", 1);
  Figures figures;
  const double loop = bench::calibration();
  fmt::print("calibration loop {:.3f} s\n", loop);
  figures.add({"a durable write of this disk (a journal)", "ms", durable_ms(state), {}});
  measure_cuts(figures, state);
  measure_starts(figures, state);
  measure_costs(figures, state);
  std::filesystem::remove_all(state);

  std::filesystem::create_directories(folder);
  std::ofstream out(folder / "agent.json");
  out << codec::write_json(std::move(codec::Node::mapping()
                                         .set("calibration_s", codec::Node::of(loop))
                                         .set("figures", figures.document())));
  return out.good() ? 0 : 1;
}
