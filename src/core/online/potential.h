// Potential: what the room on a node is worth to the demand expected next, in dollars per hour.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/online/ask.h"

namespace kerf::online {

/// What a placement would leave: which GPU goes to which state.
struct Fit {
  std::uint32_t way = 0;                                 ///< index in Ask::ways[kind]
  std::vector<std::pair<std::uint32_t, GpuState>> gpus;  ///< GPU index, state afterwards
  bool operator==(const Fit&) const = default;
};

/// Assumptions: pods arrive one by one as the expectation says and stay until the node is full;
/// what does not fit on the node goes elsewhere and is not missed here.
///
/// Rules. The worth of a node's room is the sum of three parts:
///  - expected fit: fixed sequences of expected pods are put on the node, each pod if it still fits
///    (the first way that does, each device on the fullest GPU that has room for it, in the best
///    state afterwards), until nothing fits; the mean over the sequences of the Ask::worth of what
///    was put on it. Every sequence has 256 pods; over the sequences, each position draws the whole
///    distribution evenly (stratified), so that few sequences are enough;
///  - alone: how many of each expected ask would fit if nothing else came, times its worth and its
///    share of the demand in worth (alone_milli), and once more for asks that no single GPU holds
///    (span_milli, by their share among those). In a sequence, small pods come before a rare large
///    one nearly always; this part keeps room for it all the same;
///  - scarce: the same numbers, times the price set for a room of each ask (scarcity.h).
/// How many of an ask fit: the most that any one of its ways allows; where a way has several units,
/// put one after the other as in a sequence.
/// Harm of a placement is the worth of the room before less that after.
///
/// Less room is not always worth less: putting pods is greedy. All numbers are integers; ties go to
/// the way, then the GPU, first in order.
///
/// Source of the idea: expected unusable room over typical pods as in FGD (Weng et al., USENIX ATC
/// 2023), with the pods put there together in place of one by one.
///
/// Cost: a room not seen before takes sequences * (pods that fit + asks expected) steps; results
/// are remembered, in terms of rooms (GpuTable::room) in any order, and of CPU, memory, disk and
/// pod count only where these are what runs out.
class Potential {
 public:
  struct Options {
    std::uint32_t sequences = 32;
    std::int64_t alone_milli = 60;   ///< thousandths of the share of demand
    std::int64_t span_milli = 20;    ///< the same, of asks that no single GPU holds
    std::uint64_t seed = 1;
    /// Results remembered; at so many all are forgotten. About 200 bytes each.
    std::size_t remembered_max = std::size_t{1} << 18;
  };

  /// `kinds` and `asks` outlive this and may grow: new kinds, new asks, and with new kinds
  /// Ask::ways; what they say of old ones stays.
  Potential(const std::vector<Kind>& kinds, const std::vector<Ask>& asks, Expectation expectation,
            Options options);

  Potential(const std::vector<Kind>& kinds, const std::vector<Ask>& asks, Expectation expectation)
      : Potential(kinds, asks, std::move(expectation), Options()) {}

  /// Demand expected from now on. Everything remembered is forgotten, and the prices are 0.
  void expect(Expectation expectation);
  const Expectation& expectation() const { return expectation_; }

  /// What a room for each expected ask is worth beside, in micro-dollars per hour: one number for
  /// each entry of the expectation.
  void set_prices(std::vector<std::int64_t> prices);

  /// What nodes of a kind are to an expected ask (index in the expectation).
  struct Use {
    bool served = false;
    bool spans = false;     ///< served, but no single GPU holds it
    std::int64_t part = 0;  ///< of empty GPUs that one takes, in 1/GpuTable::kWhole
  };
  Use use(std::size_t expected, KindId kind);
  /// How many of an expected ask fit into the room if nothing else came.
  std::int64_t fitting(std::size_t expected, const NodeRoom& room);

  /// Worth of this room, in micro-dollars per hour.
  std::int64_t worth(const NodeRoom& room);

  /// The ways to put one pod of this ask on a node with that room, best first: the least harm, then
  /// way, then GPU index. GPUs of one room are tried once. Ways of several devices: one for each
  /// set of rooms that they can leave.
  struct Scored {
    Fit fit;
    std::int64_t harm = 0;  ///< micro-dollars per hour; may be < 0
    bool operator==(const Scored&) const = default;
  };
  std::vector<Scored> fits(AskId ask, const NodeRoom& room);
  /// The harm of the first of them; nullopt if there is none.
  std::optional<std::int64_t> least_harm(AskId ask, const NodeRoom& room);

  /// Rooms worked out so far.
  std::uint64_t evaluations() const { return evaluations_; }

 private:
  static constexpr std::size_t kWords = 4;
  static constexpr std::size_t kDraws = 64 * kWords;
  /// Bit i: position i of a sequence.
  using Draws = std::array<std::uint64_t, kWords>;

  /// An expected ask as nodes of one view serve it.
  struct Served {
    std::vector<Way> ways;  ///< empty = never
    Resources need;
    std::int64_t worth = 0;
    std::int64_t alone = 0;  ///< what one that fits alone adds, in worth / 2^20
    Use use;
  };
  /// What a kind is to the expected asks; kinds that are the same share one.
  struct View {
    const GpuTable* table = nullptr;
    std::vector<Served> served;        ///< by index in expectation_
    std::vector<GpuState> first;       ///< state * units + unit: the best state afterwards
    std::vector<std::int32_t> copies;  ///< state * units + unit: how many of the unit fit
  };
  struct Filled {
    std::int64_t worth = 0;  ///< sum over the sequences
    Resources used;          ///< the most that any sequence took of each
  };

  void draw_sequences();
  const View& view_of(KindId kind);
  View make_view(KindId kind) const;
  std::vector<Served> served_by(KindId kind) const;
  static Use use_of(const View& view, const Served& served);
  void weigh_alone(View& view) const;
  static bool put_unit(const View& view, Unit unit, std::vector<GpuState>& gpus);
  static bool put_way(const View& view, const Way& way, std::vector<GpuState>& gpus);
  static bool put(const View& view, const Served& served, std::vector<GpuState>& gpus);
  Filled fill(const View& view, const Resources& left, const std::vector<GpuState>& rooms);
  void run_sequence(std::size_t sequence, const View& view, const std::vector<std::uint32_t>& live,
                    Resources left, Filled& filled);
  static std::int64_t fitting(const View& view, const Served& served, const Resources& left,
                              const std::vector<GpuState>& rooms);
  std::int64_t alone(const View& view, const Resources& left,
                     const std::vector<GpuState>& rooms) const;
  const Filled& remembered(std::uint32_t view, const Resources& left,
                           const std::vector<GpuState>& rooms, int level);
  std::int64_t worth_of(KindId kind, const Resources& left, std::vector<GpuState>& rooms);
  template <class Each>
  void each_fit(AskId ask, const NodeRoom& room, Each each);
  template <class Each>
  void each_fit_of_one(Fit& fit, Unit unit, const NodeRoom& room, Each& each);
  template <class Each>
  void each_fit_of_many(Fit& fit, const Way& way, const NodeRoom& room, Each& each);

  const std::vector<Kind>& kinds_;
  const std::vector<Ask>& asks_;
  Expectation expectation_;
  Options options_;
  std::vector<std::int64_t> prices_;  ///< by index in expectation_
  std::vector<std::unique_ptr<View>> views_;
  std::vector<std::uint32_t> view_of_kind_;                   ///< by kind; kNoView = not made yet
  std::vector<std::array<std::uint16_t, kDraws>> sequences_;  ///< indices in expectation_
  std::vector<Draws> positions_;  ///< sequence * expected + index: where a sequence has it
  std::unordered_map<std::u32string, Filled> memory_;
  std::u32string key_;
  std::vector<GpuState> gpus_, rooms_, after_;  ///< scratch
  std::uint64_t evaluations_ = 0;
};

}  // namespace kerf::online
