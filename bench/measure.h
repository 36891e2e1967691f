// What benchmarks measure with: wall seconds, medians, and a loop that says what a second is worth.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <vector>

#include "base/prng.h"

namespace kerf::bench {

inline double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A fixed loop of integer work: what one second of this machine is worth today.
inline double calibration() {
  return seconds([] {
    Prng prng(1);
    std::uint64_t sum = 0;
    for (int i = 0; i < 200'000'000; ++i) sum ^= prng.next();
    if (sum == 42) std::puts("");
  });
}

/// Of an even number of values the upper one of the two in the middle. `values` is not empty.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace kerf::bench
