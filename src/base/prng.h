// Prng: Kerf's own seeded generator (SplitMix64), the same numbers in every build.
#pragma once

#include <cstdint>

namespace kerf {

/// Deterministic; not for secrets. Sequence after Steele, Lea, Flood 2014 (SplitMix64).
class Prng {
 public:
  __extension__ using Wide = unsigned __int128;

  explicit Prng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, n); n > 0. The bias of the multiply-shift is below 2^-32 for n < 2^32.
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * n) >> 64);
  }

 private:
  std::uint64_t state_;
};

}  // namespace kerf
