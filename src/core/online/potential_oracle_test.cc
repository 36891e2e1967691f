// Potential against a plain reckoning by the rules of its header, on made-up tables and on those of
// shipped GPUs.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/online/potential.h"
#include "core/online/slice_table.h"

namespace kerf::online {
namespace {

constexpr std::size_t kDraws = 256;

/// A GPU in which `most` devices of the only unit fit.
GpuTable column(std::size_t most) {
  std::vector<std::vector<GpuState>> after(most + 1);
  for (std::size_t s = 0; s < most; ++s) after[s] = {static_cast<GpuState>(s + 1)};
  return GpuTable(1, after, std::vector<std::int32_t>(most + 1, 0));
}

/// How often each expected ask comes at each position, over all sequences: read off the worth of
/// nodes that take one pod more each time, where pods are worth powers of a number. The sequences
/// of a Potential depend on weights and options only, so another with the same has the same.
std::vector<std::vector<std::int64_t>> draws(const Expectation& expectation,
                                             const Potential::Options& options) {
  const GpuTable table = column(kDraws);
  const std::vector<Kind> kinds = {{&table}};
  std::vector<Ask> asks;
  Expectation same;
  std::int64_t power = options.sequences;
  for (std::size_t e = 0; e < expectation.size(); ++e) {
    asks.push_back({{0, 0, 0, 1}, {{{{0, 1}}}}, {power}});
    same.push_back({static_cast<AskId>(e), expectation[e].weight});
    power *= options.sequences + 1;
  }
  Potential::Options plain = options;
  plain.alone_milli = 0;
  plain.span_milli = 0;
  Potential probe(kinds, asks, same, plain);
  std::vector<std::vector<std::int64_t>> counts;
  std::int64_t before = 0;
  for (std::size_t pods = 1; pods <= kDraws; ++pods) {
    const std::int64_t worth = probe.worth({0, {0, 0, 0, static_cast<std::int64_t>(pods)}, {0}});
    counts.emplace_back();
    for (std::int64_t left = worth - before; counts.back().size() < expectation.size();
         left /= options.sequences + 1)
      counts.back().push_back(left % (options.sequences + 1));
    before = worth;
  }
  return counts;
}

/// The only sequence, as indices in the expectation.
std::vector<std::size_t> sequence(const Expectation& expectation,
                                  const Potential::Options& options) {
  std::vector<std::size_t> drawn;
  for (const std::vector<std::int64_t>& at : draws(expectation, options))
    drawn.push_back(static_cast<std::size_t>(std::find(at.begin(), at.end(), 1) - at.begin()));
  return drawn;
}

/// What can be asked of one kind of node, and a room there.
struct World {
  Prng prng;
  std::unique_ptr<SliceTable> slices;
  std::unique_ptr<GpuTable> parts;
  std::vector<Kind> kinds;
  std::vector<Ask> asks;
  Expectation expectation;

  explicit World(std::uint64_t seed) : prng(seed) {
    const char* const models[] = {"A100-40", "H100-80", "A30", "T4", "RTX-PRO-6000"};
    const gpu::Model* model = codec::builtin_catalogue().find(models[prng.below(5)]);
    if (model != nullptr && prng.below(4) != 0) {
      slices = std::make_unique<SliceTable>(*model, gpu::GpuMode::Any, 1, gpu::SharingOptions{});
      kinds = {{&slices->table()}};
    } else {
      parts = std::make_unique<GpuTable>(column(1 + prng.below(6)));
      kinds = {{parts.get()}};
    }
  }

  const GpuTable& table() const { return *kinds[0].gpus; }
  Unit unit() { return static_cast<Unit>(prng.below(table().units())); }

  /// `ways` of each ask, with so many units; some asks are never served.
  void expect_random(std::size_t ways, std::size_t units, std::uint64_t devices) {
    for (std::uint64_t a = 1 + prng.below(5); a > 0; --a) {
      Ask ask;
      ask.need = {static_cast<std::int64_t>(500 * prng.below(4)),
                  static_cast<std::int64_t>(1000 * prng.below(4)), 0, 1};
      ask.worth = {static_cast<std::int64_t>(100 * prng.below(9))};
      ask.ways.emplace_back();
      const std::uint64_t some = prng.below(12) == 0 ? 0 : 1 + prng.below(ways);
      for (std::uint64_t w = 0; w < some; ++w) {
        std::vector<std::int32_t> counts(table().units());
        for (std::uint64_t u = 1 + prng.below(units); u > 0; --u)
          counts[unit()] = static_cast<std::int32_t>(1 + prng.below(devices));
        Way way;
        for (std::size_t u = 0; u < counts.size(); ++u)
          if (counts[u] > 0) way.emplace_back(static_cast<Unit>(u), counts[u]);
        ask.ways[0].push_back(std::move(way));
      }
      expectation.push_back(
          {static_cast<AskId>(asks.size()), static_cast<std::int64_t>(1 + prng.below(9))});
      asks.push_back(std::move(ask));
    }
  }

  NodeRoom room() {
    NodeRoom room;
    room.left = {static_cast<std::int64_t>(500 * prng.below(40)),
                 static_cast<std::int64_t>(1000 * prng.below(60)), 0,
                 static_cast<std::int64_t>(prng.below(20))};
    for (std::uint64_t g = 1 + prng.below(4); g > 0; --g) {
      GpuState state = 0;
      for (std::uint64_t steps = prng.below(5); steps > 0; --steps) {
        const auto next = table().after(state, unit());
        if (!next.empty()) state = next[prng.below(next.size())];
      }
      room.gpus.push_back(state);
    }
    return room;
  }
};

/// Puts pods on a node as the header says, without any memory.
class Node {
 public:
  Node(const World& world, const NodeRoom& room) : world_(world), left_(room.left) {
    for (const GpuState g : room.gpus) gpus_.push_back(world.table().room(g));
    std::sort(gpus_.begin(), gpus_.end());
  }

  bool put(const Ask& ask) {
    if (!ask.need.fits(left_)) return false;
    for (const Way& way : ask.ways[0]) {
      std::vector<GpuState> gpus = gpus_;
      if (!put(way, gpus)) continue;
      gpus_ = gpus;
      left_ = left_ - ask.need;
      return true;
    }
    return false;
  }

 private:
  bool put(const Way& way, std::vector<GpuState>& gpus) const {
    const GpuTable& table = world_.table();
    for (const auto& [unit, count] : way)
      for (std::int32_t i = 0; i < count; ++i) {
        std::size_t fullest = gpus.size();
        for (std::size_t g = 0; g < gpus.size(); ++g)
          if (table.fits(gpus[g], unit) &&
              (fullest == gpus.size() || table.idle(gpus[g]) < table.idle(gpus[fullest])))
            fullest = g;
        if (fullest == gpus.size()) return false;
        gpus[fullest] = table.room(table.after(gpus[fullest], unit).front());
      }
    return true;
  }

  const World& world_;
  Resources left_;
  std::vector<GpuState> gpus_;
};

std::int64_t put_in_turn(const World& world, const std::vector<std::size_t>& drawn,
                         const NodeRoom& room) {
  Node node(world, room);
  std::int64_t worth = 0;
  for (const std::size_t e : drawn) {
    const Ask& ask = world.asks[world.expectation[e].ask];
    if (node.put(ask)) worth += ask.worth.micro;
  }
  return worth;
}

TEST(PotentialOracle, WorthIsWhatIsPutOnTheNodeInTurn) {
  std::int64_t sum = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    World world(seed);
    world.expect_random(3, 2, 3);
    const std::size_t remembered[] = {1, 3, 1000};
    const Potential::Options options{.sequences = 1,
                                     .alone_milli = 0,
                                     .span_milli = 0,
                                     .seed = seed,
                                     .remembered_max = remembered[seed % 3]};
    const std::vector<std::size_t> drawn = sequence(world.expectation, options);
    Potential potential(world.kinds, world.asks, world.expectation, options);
    for (int i = 0; i < 40; ++i) {
      NodeRoom room = world.room();
      const std::int64_t worth = put_in_turn(world, drawn, room);
      EXPECT_EQ(potential.worth(room), worth) << "seed " << seed << " room " << i;
      std::reverse(room.gpus.begin(), room.gpus.end());
      EXPECT_EQ(potential.worth(room), worth) << "seed " << seed << " room " << i << " reversed";
      sum += worth;
    }
  }
  EXPECT_GT(sum, 1'000'000);
}

TEST(PotentialOracle, OverTheSequencesEachPositionDrawsTheWholeDistribution) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng prng(seed);
    Expectation expectation;
    std::int64_t total = 0;
    for (AskId ask = 0; ask < 2 + seed % 3; ++ask) {
      expectation.push_back({ask, static_cast<std::int64_t>(1 + prng.below(20))});
      total += expectation.back().weight;
    }
    const Potential::Options options{.sequences = seed % 2 == 0 ? 8U : 32U, .seed = seed};
    const std::int64_t n = options.sequences;
    for (const std::vector<std::int64_t>& at : draws(expectation, options)) {
      EXPECT_EQ(std::accumulate(at.begin(), at.end(), std::int64_t{0}), n);
      std::int64_t come = 0;
      std::int64_t weight = 0;
      for (std::size_t e = 0; e < at.size(); ++e) {
        come += at[e];
        weight += expectation[e].weight;
        EXPECT_LE(std::abs(come * total - n * weight), total) << "less than one from its share";
      }
    }
  }
}

TEST(PotentialOracle, SequencesDifferBySeedAndTheMeanIsOverAllOfThem) {
  // Two asks, of which the node takes one: the mean over n sequences is as often the first as it
  // comes first.
  World world(1);
  world.parts = std::make_unique<GpuTable>(column(1));
  world.kinds = {{world.parts.get()}};
  world.asks = {{{0, 0, 0, 1}, {{{{0, 1}}}}, {3200}}, {{0, 0, 0, 1}, {{{{0, 1}}}}, {0}}};
  const NodeRoom one = {0, {0, 0, 0, 9}, {0}};
  const Potential::Options options{.sequences = 32, .alone_milli = 0, .span_milli = 0};
  Potential half(world.kinds, world.asks, {{0, 1}, {1, 1}}, options);
  EXPECT_EQ(half.worth(one), 1600);
  Potential quarter(world.kinds, world.asks, {{0, 1}, {1, 3}}, options);
  EXPECT_EQ(quarter.worth(one), 800);
  const Expectation even = {{0, 1}, {1, 1}};
  EXPECT_NE(sequence(even, {.sequences = 1, .seed = 1}),
            sequence(even, {.sequences = 1, .seed = 2}));
}

/// The most devices of the unit that the GPU can take if nothing else comes, trying every state.
std::int64_t most(const GpuTable& table, GpuState state, Unit unit) {
  std::int64_t best = 0;
  for (const GpuState to : table.after(state, unit))
    best = std::max(best, 1 + most(table, to, unit));
  return best;
}

/// How many pods of an ask with one way of one unit fit if nothing else comes.
std::int64_t fit_alone(const World& world, const Ask& ask, const NodeRoom& room) {
  if (ask.ways[0].empty()) return 0;
  const auto [unit, count] = ask.ways[0][0][0];
  std::int64_t devices = 0;
  for (const GpuState g : room.gpus) devices += most(world.table(), g, unit);
  std::int64_t pods = devices / count;
  Resources left = room.left;
  std::int64_t fit = 0;
  for (; fit < pods && ask.need.fits(left); ++fit) left = left - ask.need;
  return fit;
}

/// Both parts beside the sequences, in one fraction: the exact value, and what it is divided by.
Int128 alone_exactly(const World& world, const NodeRoom& room, const Potential::Options& options,
                     Int128& divisor) {
  const NodeRoom one_gpu = {0, {1'000'000, 1'000'000, 0, 100}, {0}};
  Int128 all = 0;
  Int128 spanning = 0;
  std::vector<bool> spans;
  for (const Expected& expected : world.expectation) {
    const Ask& ask = world.asks[expected.ask];
    spans.push_back(!ask.ways[0].empty() && fit_alone(world, ask, one_gpu) == 0);
    const Int128 demand = Int128(expected.weight) * ask.worth.micro;
    all += demand;
    if (spans.back()) spanning += demand;
  }
  const Int128 by_all = std::max<Int128>(all, 1);
  const Int128 by_spanning = std::max<Int128>(spanning, 1);
  Int128 sum = 0;
  for (std::size_t e = 0; e < world.expectation.size(); ++e) {
    const Ask& ask = world.asks[world.expectation[e].ask];
    const Int128 demand = Int128(world.expectation[e].weight) * ask.worth.micro;
    Int128 share = demand * options.alone_milli * by_spanning;
    if (spans[e]) share += demand * options.span_milli * by_all;
    sum += share * ask.worth.micro * fit_alone(world, ask, room);
  }
  divisor = by_all * by_spanning * 1000;
  return sum;
}

TEST(PotentialOracle, AloneAndSpanAreWhatWouldFitByItsShareOfDemand) {
  std::int64_t sum = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    World world(seed);
    world.expect_random(1, 1, 3);
    const Potential::Options without{.sequences = 2, .alone_milli = 0, .span_milli = 0};
    Potential::Options with = without;
    with.alone_milli = seed % 3 == 0 ? 0 : static_cast<std::int64_t>(world.prng.below(2000));
    with.span_milli = seed % 3 == 1 ? 0 : static_cast<std::int64_t>(world.prng.below(2000));
    Potential whole(world.kinds, world.asks, world.expectation, with);
    Potential part(world.kinds, world.asks, world.expectation, without);
    for (int i = 0; i < 40; ++i) {
      const NodeRoom room = world.room();
      const std::int64_t got = whole.worth(room) - part.worth(room);
      Int128 divisor = 1;
      const Int128 exact = alone_exactly(world, room, with, divisor);
      // Rounded down, of shares that are kept in 1/2^20.
      EXPECT_GE(exact, divisor * got) << "seed " << seed << " room " << i;
      EXPECT_LT(exact * 1000, divisor * (got * 1000 + 1010)) << "seed " << seed << " room " << i;
      sum += got;
    }
  }
  EXPECT_GT(sum, 100'000);
}

TEST(PotentialOracle, WhatIsExpectedFromNowOnIsAllThatCounts) {
  std::size_t differ = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    World world(seed);
    world.expect_random(2, 2, 2);
    Expectation other = world.expectation;
    for (Expected& expected : other) expected.weight = 1 + (expected.weight * 7) % 11;
    if (other.size() > 1) other.pop_back();
    Potential changing(world.kinds, world.asks, world.expectation);
    Potential first(world.kinds, world.asks, world.expectation);
    Potential second(world.kinds, world.asks, other);
    std::vector<NodeRoom> rooms;
    for (int i = 0; i < 20; ++i) rooms.push_back(world.room());
    for (const NodeRoom& room : rooms) EXPECT_EQ(changing.worth(room), first.worth(room)) << seed;
    changing.expect(other);
    for (const NodeRoom& room : rooms) {
      EXPECT_EQ(changing.worth(room), second.worth(room)) << seed;
      differ += first.worth(room) != second.worth(room) ? 1 : 0;
    }
    const std::uint64_t evaluations = changing.evaluations();
    changing.expect(other);
    changing.worth(rooms[0]);
    EXPECT_GT(changing.evaluations(), evaluations) << "nothing is remembered";
    changing.expect({});
    for (const NodeRoom& room : rooms) EXPECT_EQ(changing.worth(room), 0) << seed;
    changing.expect(world.expectation);
    for (const NodeRoom& room : rooms) EXPECT_EQ(changing.worth(room), first.worth(room)) << seed;
  }
  EXPECT_GT(differ, 100U);
}

}  // namespace
}  // namespace kerf::online
