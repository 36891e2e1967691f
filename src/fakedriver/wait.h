// Waiting as long as a call of the simulated driver is declared to take.
#pragma once

#include <chrono>
#include <thread>

namespace kerf::fakedriver {

/// To the microsecond: the last stretch, which the kernel's timers would overrun, is spent waking.
inline void wait_until(std::chrono::steady_clock::time_point until) {
  std::this_thread::sleep_until(until - std::chrono::microseconds(150));
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
}

}  // namespace kerf::fakedriver
