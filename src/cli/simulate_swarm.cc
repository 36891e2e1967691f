// Runs a swarm and prints what broke, each with the line that runs it again.
#include "cli/simulate_swarm.h"

#include <fmt/format.h>

#include <vector>

#include "base/hash.h"
#include "cli/files.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "report/simulation.h"
#include "report/text.h"
#include "sim/swarm.h"

namespace kerf::cli {
namespace {

struct Swarm {
  std::int64_t first = 1;
  std::int64_t seeds = 0;
  std::int64_t simulated_ms = 0;
  std::int64_t faults = 0;
  std::int64_t pods = 0;
  std::int64_t nodes = 0;
  Hasher hash;  ///< of the worlds at their ends
  std::vector<sim::SwarmResult> broken;
};

std::string hours(std::int64_t ms) { return report::with_thousands(ms / control::kHour); }

std::string text_of(const Swarm& swarm) {
  std::string out;
  for (const sim::SwarmResult& result : swarm.broken) {
    out += sim::to_text(result);
    if (!out.ends_with('\n')) out += '\n';
  }
  return out +
         fmt::format("{} from seed {} on: {} cluster-hours, {} pods, {} nodes, {} faults; {}\n",
                     report::counted(swarm.seeds, "cluster", "clusters"), swarm.first,
                     hours(swarm.simulated_ms), report::with_thousands(swarm.pods),
                     report::with_thousands(swarm.nodes), report::with_thousands(swarm.faults),
                     swarm.broken.empty()
                         ? "every promise was kept"
                         : fmt::format("{} with a broken promise", swarm.broken.size())) +
         fmt::format("hash {:016x}\n", swarm.hash.value());
}

codec::Node json_of(const Swarm& swarm) {
  using codec::Node;
  Node broken = Node::sequence();
  for (const sim::SwarmResult& result : swarm.broken) {
    Node entry = Node::mapping();
    entry.set("seed", Node::of(static_cast<std::int64_t>(result.seed)))
        .set("replay", Node::of(sim::replay_of(result.seed)))
        .set("text", Node::of(sim::to_text(result)));
    broken.push(std::move(entry));
  }
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/simulation/v1alpha1"))
      .set("kind", Node::of("Swarm"))
      .set("first_seed", Node::of(swarm.first))
      .set("seeds", Node::of(swarm.seeds))
      .set("simulated_seconds", Node::of(static_cast<double>(swarm.simulated_ms) / 1000.0))
      .set("pods", Node::of(swarm.pods))
      .set("nodes", Node::of(swarm.nodes))
      .set("faults", Node::of(swarm.faults))
      .set("hash", Node::of(fmt::format("{:016x}", swarm.hash.value())))
      .set("broken", std::move(broken));
  return root;
}

}  // namespace

double TimeLeft::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string TimeLeft::text(std::int64_t done, std::int64_t all) const {
  if (done <= 0 || done * 50 < all) return {};
  const double left = seconds() * static_cast<double>(all - done) / static_cast<double>(done);
  return fmt::format(", {} left",
                     report::length_text(static_cast<std::int64_t>(left) * control::kSecond));
}

Result<ExitCode> run_swarm(const SimulateArguments& arguments, ProgressLine& progress) {
  KERF_TRY(const market::Market base, codec::builtin_market(codec::builtin_regions().front()));
  Swarm swarm;
  swarm.first = arguments.seed.value_or(1);
  const TimeLeft time;
  for (std::int64_t i = 0; i < *arguments.swarm; ++i) {
    sim::SwarmResult result = sim::run(static_cast<std::uint64_t>(swarm.first + i), base);
    ++swarm.seeds;
    swarm.simulated_ms += result.stats.simulated_ms;
    swarm.faults += result.stats.faults;
    swarm.pods += result.stats.pods;
    swarm.nodes += result.stats.nodes;
    swarm.hash.add(result.hash);
    if (!result.verdicts.empty()) {
      if (!arguments.quiet) {
        progress.erase();
        say(fmt::format("a promise was broken: {}", sim::replay_of(result.seed)));
      }
      swarm.broken.push_back(std::move(result));
    }
    const double rate = static_cast<double>(swarm.simulated_ms) /
                        static_cast<double>(control::kHour) / time.seconds();
    progress.show(fmt::format("swarm: {} of {}, {} broken, {:.0f} cluster-hours/s{}", swarm.seeds,
                              *arguments.swarm, swarm.broken.size(), rate,
                              time.text(swarm.seeds, *arguments.swarm)));
  }
  progress.erase();
  if (!arguments.quiet) {
    say(fmt::format("{:.0f} cluster-hours in {:.1f} s",
                    static_cast<double>(swarm.simulated_ms) / static_cast<double>(control::kHour),
                    time.seconds()));
  }
  const std::string text =
      arguments.output == OutputFormat::Json ? codec::write_json(json_of(swarm)) : text_of(swarm);
  KERF_CHECK_OK(arguments.output_file ? write_file(*arguments.output_file, text)
                                      : write_stdout(text));
  return swarm.broken.empty() ? kPlaced : kUnplaced;
}

}  // namespace kerf::cli
