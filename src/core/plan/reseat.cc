// Pairs the GPUs of a planned node with those of one that stands, so that whoever can stay stays.
#include "core/plan/reseat.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace kerf::plan {

namespace {

constexpr std::size_t kNoGpu = ~std::size_t{0};
/// How far it is tried to bring the GPUs of pods on several GPUs together: ways to pair the GPUs of
/// one seat, seats tried where all of these pods are to stay, and ends looked at.
constexpr std::size_t kWays = 4;
constexpr int kSteps = 400;
constexpr int kLeaves = 16;

class Reseater {
 public:
  Reseater(const NodePair& nodes, Arrangements::Table* table)
      : nodes_(nodes), count_(nodes.planned.gpus.size()), fits_(nodes, table) {}

  std::optional<Reseated> run() {
    pairing_.to.assign(count_, kNoGpu);
    pairing_.from.assign(count_, kNoGpu);
    spanning_ = spanning();
    strict_ = true;
    search(0);
    strict_ = false;
    if (!done_) search(0);
    if (!best_) {  // those pods kept others from what there is of room
      spanning_.clear();
      search(0);
    }
    return std::move(best_);
  }

 private:
  /// Which GPU is which, as far as it is decided.
  struct Pairing {
    std::vector<std::size_t> to, from;  ///< standing by planned, planned by standing
    GpuFits::Together together;         ///< running pod on several GPUs: its seat
  };

  // --- pairs ---------------------------------------------------------------------------------

  void pair(std::size_t g, std::size_t h) {
    pairing_.to[g] = h;
    pairing_.from[h] = g;
  }

  /// Running pods with devices on several GPUs: those on most first, then by pod.
  std::vector<const Seat*> spanning() const {
    std::vector<const Seat*> list;
    for (const Seat& seat : nodes_.running.pods)
      if (seat.gpus.size() > 1) list.push_back(&seat);
    std::stable_sort(list.begin(), list.end(),
                     [](const Seat* a, const Seat* b) { return a->gpus.size() > b->gpus.size(); });
    return list;
  }

  static std::uint32_t part_kind(const std::vector<SeatPart>& parts, std::uint32_t pod) {
    for (const SeatPart& part : parts)
      if (part.pod == pod) return part.kind;
    return kNoPod;
  }

  using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
  /// A planned seat for a running pod on several GPUs, and what its GPUs would then be.
  struct Option {
    GpuFit sum;
    std::uint32_t seat = 0;
    Pairs pairs;
  };

  /// Every way to pair the GPUs of the running seat from its `i`-th on with those of the planned
  /// one, added to `options`; kWays of a seat at most.
  void add_ways(const Seat& planned, const Seat& running, std::size_t i, Option& way,
                std::size_t& ways, std::vector<Option>& options) const {
    if (i == running.gpus.size()) {
      ++ways;
      options.push_back(way);
      return;
    }
    const std::uint32_t h = running.gpus[i];
    const std::uint32_t kind = part_kind(nodes_.running.gpus[h], running.pod);
    for (const std::uint32_t g : planned.gpus) {
      const auto used = [&](const auto& pair) { return pair.first == g; };
      const std::size_t now = pairing_.from[h];
      if (ways == kWays || !fits_.at(g, h).ok ||
          (now == kNoGpu ? pairing_.to[g] != kNoGpu : now != g) ||
          part_kind(nodes_.seats.gpus[g], planned.pod) != kind ||
          std::any_of(way.pairs.begin(), way.pairs.end(), used))
        continue;
      const GpuFit before = way.sum;
      way.sum.add(fits_.at(g, h));
      way.pairs.emplace_back(g, h);
      add_ways(planned, running, i + 1, way, ways, options);
      way.pairs.pop_back();
      way.sum = before;
    }
  }

  /// Planned seats that the running pod may have, the best first.
  std::vector<Option> options_for(const Seat& running) const {
    std::vector<Option> options;
    for (const Seat& seat : nodes_.seats.pods) {
      const auto taken = [&](const auto& entry) { return entry.second == seat.pod; };
      if (seat.kind != running.kind || seat.gpus.size() != running.gpus.size() ||
          std::any_of(pairing_.together.begin(), pairing_.together.end(), taken))
        continue;
      Option way;
      way.seat = seat.pod;
      std::size_t ways = 0;
      add_ways(seat, running, 0, way, ways, options);
    }
    std::stable_sort(options.begin(), options.end(), [](const Option& a, const Option& b) {
      return a.sum.order() < b.sum.order();
    });
    return options;
  }

  /// Tries the seats for the pods from `i` on, the best first, until everybody stays who may. First
  /// only ways in which all of these pods find a seat (strict), then any.
  void search(std::size_t i) {
    if (i == spanning_.size()) {
      finish();
      return;
    }
    const Seat& running = *spanning_[i];
    const std::vector<Option> options = options_for(running);
    if (options.empty() && !strict_) search(i + 1);
    const Pairing before = pairing_;
    for (const Option& choice : options) {
      if (strict_ && ++steps_ > kSteps) return;
      pairing_.together[running.pod] = choice.seat;
      for (const auto& [g, h] : choice.pairs) pair(g, h);
      search(i + 1);
      pairing_ = before;
      if (done_) return;
    }
  }

  /// Pairs whatever is left, and keeps what comes of it if nothing better was found yet.
  void finish() {
    const Pairing before = pairing_;
    pair_rest();
    bool all = true;
    for (std::size_t g = 0; g < count_ && all; ++g) {
      std::vector<bool> tried(count_, false);
      all = pairing_.to[g] != kNoGpu || augment(g, tried);
    }
    if (all) {
      Reseated made = settle();
      const auto order = [&](const Reseated& way) {
        const auto kept = std::count_if(way.stays.begin(), way.stays.end(),
                                        [&](const auto& stay) { return fixed(stay.second); });
        return std::tuple(way.stays.size(), kept, !way.cut);
      };
      done_ = made.stays.size() == most_stays() && !made.cut;
      if (!best_ || order(made) > order(*best_)) best_ = std::move(made);
    }
    done_ = done_ || spanning_.empty() || ++leaves_ == kLeaves;
    pairing_ = before;
  }

  /// Seats that both nodes have.
  std::size_t most_stays() const {
    std::size_t sum = 0;
    auto there = nodes_.running.kinds.begin();
    for (const auto& [kind, count] : nodes_.seats.kinds) {
      while (there != nodes_.running.kinds.end() && there->first < kind) ++there;
      if (there != nodes_.running.kinds.end() && there->first == kind)
        sum += static_cast<std::size_t>(std::min(count, there->second));
    }
    return sum;
  }

  void pair_rest() {
    Pairs open;
    for (std::size_t g = 0; g < count_; ++g)
      for (std::size_t h = 0; h < count_; ++h)
        if (pairing_.to[g] == kNoGpu && pairing_.from[h] == kNoGpu && fits_.at(g, h).ok)
          open.emplace_back(g, h);
    std::stable_sort(open.begin(), open.end(), [&](const auto& a, const auto& b) {
      return fits_.at(a.first, a.second).order() < fits_.at(b.first, b.second).order();
    });
    for (const auto& [g, h] : open)
      if (pairing_.to[g] == kNoGpu && pairing_.from[h] == kNoGpu) pair(g, h);
  }

  /// A planned GPU that found none takes one from another that can have a third.
  bool augment(std::size_t g, std::vector<bool>& tried) {
    for (std::size_t h = 0; h < count_; ++h) {
      if (tried[h] || !fits_.at(g, h).ok) continue;
      tried[h] = true;
      if (pairing_.from[h] != kNoGpu && !augment(pairing_.from[h], tried)) continue;
      pair(g, h);
      return true;
    }
    return false;
  }

  bool fixed(std::uint32_t pod) const { return !nodes_.facts[pod].fixed.empty(); }

  Reseated settle() const {
    Reseated made;
    std::map<std::uint32_t, std::size_t> parts_kept;  // by pod that runs
    std::map<std::uint32_t, std::uint32_t> seat_of;   // its seat
    for (std::size_t h = 0; h < count_; ++h) {
      const std::size_t g = pairing_.from[h];
      made.cut = made.cut || fits_.at(g, h).made > 0;
      const GpuFits::Kept kept = fits_.kept(g, h, pairing_.together);
      for (const auto& [part, running] : kept) {
        const std::uint32_t pod = nodes_.running.gpus[h][running].pod;
        ++parts_kept[pod];
        seat_of[pod] = nodes_.seats.gpus[g][part].pod;
      }
      made.gpus.push_back(fits_.put(g, h, kept));
    }
    for (const Seat& seat : nodes_.running.pods) {
      const auto kept = parts_kept.find(seat.pod);
      if (kept != parts_kept.end() && kept->second == seat.gpus.size())
        made.stays.emplace_back(seat_of.at(seat.pod), seat.pod);
    }
    return made;
  }

  const NodePair& nodes_;
  std::size_t count_;
  GpuFits fits_;
  std::vector<const Seat*> spanning_;
  Pairing pairing_;
  std::optional<Reseated> best_;
  bool strict_ = false;
  bool done_ = false;
  int steps_ = 0;
  int leaves_ = 0;
};

/// A node that is cut or whole as a whole cannot be the other while others hold devices of it.
bool mode_can_be(const NodePair& nodes, std::uint8_t fraction) {
  if (!gpu::mode_is_the_nodes(nodes.model, fraction)) return true;
  for (const cluster::StandingGpu& there : nodes.standing.gpus)
    for (const cluster::StandingSlice& slice : there.slices)
      for (const GpuPlan& gpu : nodes.planned.gpus)
        if (is_others(slice) && !gpu.slices.empty() &&
            is_slices(gpu) != (slice.form.kind == gpu::FormKind::Slice))
          return false;
  return true;
}

}  // namespace

std::optional<Reseated> reseat(const NodePlan& planned, const Seats& seats,
                               const cluster::StandingNode& standing, const Seats& running,
                               const std::vector<cluster::PodFacts>& facts,
                               const market::Market& market, Arrangements& arrangements) {
  const market::InstanceType& type = market.types[planned.type];
  const NodePair nodes{planned, seats, standing, running, facts, market.model_of(type)};
  if (standing.gpus.size() != planned.gpus.size() || !mode_can_be(nodes, type.gpu_fraction))
    return std::nullopt;
  return Reseater(nodes, arrangements.of(nodes.model)).run();
}

}  // namespace kerf::plan
