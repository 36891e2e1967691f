// Spread over zones: tallies by constraint and zone, kept as pods get their zones.
#include "core/plan/coupling_spread.h"

#include <algorithm>

#include "core/plan/coupling_zones.h"

namespace kerf::plan {

namespace {

std::int64_t count_in(const std::map<std::string, std::int64_t>& by_zone, const std::string& zone) {
  const auto found = by_zone.find(zone);
  return found == by_zone.end() ? 0 : found->second;
}

}  // namespace

void SpreadTally::add_carrier(std::uint32_t shape, const std::vector<std::string>& counted) {
  for (const auto& spread : demand_.shapes[shape].spread)
    if (is_zone(spread.topology_key)) terms_.push_back({shape, &spread, counted, {}, {}});
}

OnNodes SpreadTally::counts(const Term& term, std::uint32_t shape, const std::string& zone) {
  std::vector<bool>& matched = matched_[shape];
  for (std::size_t i = matched.size(); i < terms_.size(); ++i)
    matched.push_back(cluster::matches(terms_[i].spread->selector, demand_.shapes[shape]));
  if (!matched[static_cast<std::size_t>(&term - terms_.data())]) return OnNodes::Never;
  const auto [at, fresh] = known_.try_emplace({term.carrier, shape, zone}, OnNodes::Never);
  if (fresh) at->second = on_nodes_of(demand_.shapes[term.carrier], demand_.shapes[shape], zone);
  return at->second;
}

bool SpreadTally::allows(std::uint32_t shape, const std::string& zone) {
  for (const Term& term : terms_) {
    if (term.carrier != shape && !placed_.contains({term.carrier, zone})) continue;
    const OnNodes one = counts(term, shape, zone);
    if (one == OnNodes::Never && term.carrier != shape) continue;
    std::int64_t least = count_in(term.least, zone) + (one == OnNodes::Always ? 1 : 0);
    for (const std::string& other : term.counted)
      if (other != zone) least = std::min(least, count_in(term.least, other));
    if (static_cast<std::int64_t>(term.counted.size()) < term.spread->min_domains) least = 0;
    const std::int64_t most = count_in(term.most, zone) + (one == OnNodes::Never ? 0 : 1);
    if (most - least > term.spread->max_skew) return false;
  }
  return true;
}

void SpreadTally::place(std::uint32_t shape, const std::string& zone) {
  placed_.insert({shape, zone});
  for (Term& term : terms_) {
    const OnNodes one = counts(term, shape, zone);
    if (one != OnNodes::Never) ++term.most[zone];
    if (one == OnNodes::Always) ++term.least[zone];
  }
}

std::int64_t SpreadTally::crowd(std::uint32_t shape, const std::string& zone) const {
  std::int64_t sum = 0;
  for (const Term& term : terms_)
    if (term.carrier == shape) sum += count_in(term.most, zone);
  return sum;
}

}  // namespace kerf::plan
