// Reads SlicePolicy.status back, entry by entry: what a person has broken is left out, and told.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/quote.h"
#include "codec/lenient_fields.h"
#include "codec/policy_status.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

using control::Figures;
using control::Instant;
using control::Kept;

constexpr std::size_t kTroublesMax = 20;
constexpr std::size_t kPurchasesMax = 200'000;
constexpr std::size_t kTimesMax = 100'000;
constexpr std::int64_t kCountMax = 1'000'000;
constexpr std::int64_t kWeightMax = INT64_MAX;
constexpr std::size_t kUidBytesMax = 253;

/// The first of what is left out, and how many more there are.
class Troubles {
 public:
  explicit Troubles(std::vector<std::string>& told) : told_(told) {}
  ~Troubles() {
    if (more_ > 0) told_.push_back("and " + std::to_string(more_) + " more");
  }
  Troubles(const Troubles&) = delete;
  Troubles& operator=(const Troubles&) = delete;

  void add(const Error& error) {
    if (count_++ < kTroublesMax - 1) told_.push_back(error.message());
    else ++more_;
  }
  /// The value, or what stands in for it where there is none.
  template <class T>
  T value(Result<T> result, T otherwise = {}) {
    if (result) return *std::move(result);
    add(result.error());
    return otherwise;
  }

 private:
  std::vector<std::string>& told_;
  std::size_t count_ = 0;
  std::size_t more_ = 0;
};

Result<Instant> time_of(const Field& field) {
  KERF_TRY(const std::string text, field.text());
  Result<std::int64_t> at = parse_timestamp(text);
  if (!at) return field.wrong(at.error());
  return at;
}

Result<std::int64_t> given_count(const std::optional<Field>& mapping, std::string_view key) {
  KERF_TRY(const auto count, given_integer(mapping, key, 0, INT64_MAX));
  return count.value_or(0);
}

Result<std::optional<MicroUsdPerHour>> given_money(const std::optional<Field>& mapping,
                                                   std::string_view key) {
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  if (!field) return std::optional<MicroUsdPerHour>();
  KERF_TRY(const MicroUsdPerHour rate, field->usd_per_hour());
  return std::optional(rate);
}

Figures read_figures(const std::optional<Field>& figures, Troubles& troubles) {
  Figures read;
  read.pods = troubles.value(given_count(figures, "pods"));
  read.pending = troubles.value(given_count(figures, "pending"));
  read.unserved = troubles.value(given_count(figures, "unserved"));
  read.bill = troubles.value(given_money(figures, "usdPerHour")).value_or(MicroUsdPerHour{});
  read.could_be = troubles.value(given_money(figures, "couldBeUsdPerHour"));
  read.bound = troubles.value(given_money(figures, "boundUsdPerHour"));
  read.whole_gpus = troubles.value(given_money(figures, "wholeGpuUsdPerHour"));
  return read;
}

/// The number of purchases that a group of uids stands under.
Result<std::int64_t> count_of(const std::string& key, const Field& uids) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), count);
  if (error != std::errc() || end != key.data() + key.size() || count < 1 || count > kCountMax)
    return uids.wrong(quoted(key) + " is no number of purchases; expected 1 to 1,000,000");
  return count;
}

void read_purchases(const std::optional<Field>& kept, Kept& into, Troubles& troubles) {
  const auto groups = troubles.value(given_mapping(kept, "purchases"));
  if (!groups) return;
  std::size_t left = kPurchasesMax;
  for (const auto& [key, uids] : troubles.value(groups->members(kPurchasesMax))) {
    const Result<std::int64_t> count = count_of(key, uids);
    if (!count) {
      troubles.add(count.error());
      continue;
    }
    if (uids.node().kind == Node::Kind::Sequence && uids.node().items.empty()) continue;
    for (const Field& entry : troubles.value(uids.items(left))) {
      --left;
      const Result<std::string> uid = entry.text(kUidBytesMax);
      if (!uid) {
        troubles.add(uid.error());
        continue;
      }
      std::int64_t& known = into.purchases[*uid];
      known = std::max(known, *count);
    }
  }
}

void read_moved(const std::optional<Field>& kept, Kept& into, Troubles& troubles) {
  const auto owners = troubles.value(given_mapping(kept, "moved"));
  if (!owners) return;
  for (const auto& [owner, field] : troubles.value(owners->members(kTimesMax))) {
    const Result<Instant> at = time_of(field);
    if (at) into.moved.emplace(owner, *at);
    else troubles.add(at.error());
  }
}

void read_moves(const std::optional<Field>& kept, Kept& into, Troubles& troubles) {
  for (const Field& field : troubles.value(given_list(kept, "moves", kTimesMax))) {
    const Result<Instant> at = time_of(field);
    if (at) into.moves.push_back(*at);
    else troubles.add(at.error());
  }
  std::ranges::sort(into.moves);
}

Result<std::pair<cluster::PodShape, std::int64_t>> read_demand(const Field& entry) {
  KERF_TRY(const auto weight, given_integer(entry, "weight", 1, kWeightMax));
  KERF_TRY(const std::optional<Field> shape, given_mapping(entry, "shape"));
  if (!weight || !shape) return entry.wrong("expected weight and shape");
  KERF_TRY(cluster::PodShape read, read_pod_shape(*shape));
  return std::pair(std::move(read), *weight);
}

void read_demands(const std::optional<Field>& kept, Kept& into, Troubles& troubles) {
  for (const Field& entry : troubles.value(given_list(kept, "demand", kKeptDemandMax))) {
    auto read = read_demand(entry);
    if (!read) {
      troubles.add(read.error());
      continue;
    }
    const auto same = std::ranges::find(into.demand, read->first,
                                        &std::pair<cluster::PodShape, std::int64_t>::first);
    if (same == into.demand.end()) into.demand.push_back(*std::move(read));
    else troubles.add(entry.wrong("the shape is listed already").value());
  }
}

}  // namespace

control::PolicyStatus read_policy_status(const Field& status, std::vector<std::string>& told) {
  control::PolicyStatus read;
  Troubles troubles(told);
  if (status.node().kind != Node::Kind::Mapping) {
    if (!status.node().is_null()) troubles.add(status.expected("a mapping").value());
    return read;
  }
  read.figures = read_figures(troubles.value(given_mapping(status, "figures")), troubles);
  const auto kept = troubles.value(given_mapping(status, "kept"));
  read_purchases(kept, read.kept, troubles);
  read_moved(kept, read.kept, troubles);
  read_moves(kept, read.kept, troubles);
  if (const auto at = troubles.value(given(kept, "demandAt"))) {
    read.kept.demand_at = troubles.value(time_of(*at));
  }
  read_demands(kept, read.kept, troubles);
  return read;
}

}  // namespace kerf::codec
