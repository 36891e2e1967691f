// Random pod shapes, for tests of what is written and read back.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/prng.h"
#include "codec/timestamp.h"
#include "core/cluster/pod.h"

namespace kerf::codec::testing {

/// Values of all kinds, the same for a seed in every build.
class Random {
 public:
  explicit Random(std::uint64_t seed) : prng_(seed) {}

  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(n)));
  }
  bool coin() { return below(2) == 0; }
  std::int64_t time() { return below(kTimestampMax + 1); }
  MicroUsdPerHour money() { return {below(999'999'999'999'999)}; }
  std::string text() {
    constexpr std::string_view kParts[] = {
        "",  "a", "node.kubernetes.io/x", "\"", "\\", "\n", "\xC3\xA4", "1", "true", "null",
        " ", "-"};
    std::string text;
    for (std::int64_t i = below(4); i > 0; --i)
      text += kParts[below(static_cast<std::int64_t>(std::size(kParts)))];
    return text;
  }
  std::vector<std::string> texts() {
    return several<std::string>([this] { return text(); });
  }
  template <class T, class Make>
  std::vector<T> several(Make make) {
    std::vector<T> values;
    for (std::int64_t i = below(3); i > 0; --i) values.push_back(make());
    return values;
  }
  std::string uid() { return "uid-" + std::to_string(below(1'000'000'000)); }

 private:
  Prng prng_;
};

inline cluster::Requirement random_requirement(Random& random) {
  return {random.text(), static_cast<cluster::Operator>(random.below(6)), random.texts()};
}

inline cluster::Requirements random_requirements(Random& random) {
  return random.several<cluster::Requirement>([&] { return random_requirement(random); });
}

inline cluster::PodSelector random_selector(Random& random) {
  return {random.texts(), random.coin(), random_requirements(random), random.coin()};
}

inline std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

/// Every field has something, now and then; nothing of it makes sense.
inline cluster::PodShape random_shape(Random& random) {
  cluster::PodShape shape;
  shape.ns = random.text();
  for (const std::string& key : random.texts()) shape.labels[key] = random.text();
  shape.requests = {random.below(1'000'000), random.below(1'000'000), random.below(1'000'000),
                    random.below(2)};
  shape.gpu = random.several<cluster::GpuRequest>([&] {
    return cluster::GpuRequest{static_cast<cluster::GpuRequestKind>(random.below(5)),
                               random.text(),
                               narrow(random.below(200)),
                               static_cast<cluster::Isolation>(random.below(3)),
                               narrow(random.below(1000)),
                               1 + random.below(1'000'000)};
  });
  shape.node_selector = random_requirements(random);
  shape.node_affinity =
      random.several<cluster::Requirements>([&] { return random_requirements(random); });
  shape.tolerations = random.several<cluster::Toleration>([&] {
    return cluster::Toleration{random.text(), random.coin(), random.text(), random.text()};
  });
  shape.spread = random.several<cluster::SpreadConstraint>([&] {
    return cluster::SpreadConstraint{narrow(1 + random.below(9)), narrow(1 + random.below(9)),
                                     random.text(), random_selector(random)};
  });
  const auto term = [&] { return cluster::AffinityTerm{random_selector(random), random.text()}; };
  shape.affinity = random.several<cluster::AffinityTerm>(term);
  shape.anti_affinity = random.several<cluster::AffinityTerm>(term);
  shape.host_ports = random.several<cluster::HostPort>([&] {
    return cluster::HostPort{narrow(random.below(65'536)), random.text(), random.text()};
  });
  shape.volume_zone_bound = random.coin();
  shape.volume_zones = random.texts();
  shape.priority = narrow(random.below(2'000'000'000)) - 1'000'000'000;
  shape.unplaceable = random.several<cluster::Unplaceable>([&] {
    return cluster::Unplaceable{random.text(), random.text()};
  });
  return shape;
}

}  // namespace kerf::codec::testing
