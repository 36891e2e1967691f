// Draws from the machine's seed and counters, so that each draw is new and the same in every run.
#include "simgpu/drawn.h"

#include "base/prng.h"

namespace kerf::simgpu {

std::string draw_uuid(std::string_view prefix, std::uint64_t seed, State& state) {
  // next() is one to one in the generator's state, so different counters give different first
  // halves but for the four bits of the version.
  Prng prng(Prng(seed).next() ^ (++state.uuids * 0x9e3779b97f4a7c15ULL));
  const std::uint64_t halves[] = {prng.next(), prng.next()};
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string uuid(prefix);
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) uuid += '-';
    const auto digit = (halves[i / 16] >> (4 * (i % 16))) & 15;
    uuid += i == 12 ? '5' : kDigits[digit];
  }
  return uuid;
}

void initialise(GpuState& gpu, std::uint64_t seed, State& state) {
  gpu.serial = ++state.serials;
  gpu.instances.clear();
  Prng prng(Prng(seed ^ 0x6b657266ULL).next() ^ gpu.serial);
  gpu.id_mask = static_cast<std::uint8_t>(prng.below(8));
}

}  // namespace kerf::simgpu
