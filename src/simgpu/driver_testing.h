// What the driver's tests share: machines, and the calls that are expected to succeed.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "simgpu/driver.h"

namespace kerf::simgpu {

inline Config machine(std::initializer_list<const char*> boards, std::uint64_t seed = 1) {
  Config config;
  for (const char* board : boards) config.gpus.push_back({board, "", -1});
  config.seed = seed;
  return config;
}

/// The value of an answer that has to be Success.
template <class T>
T good(const Answer<T>& answer) {
  EXPECT_EQ(answer.code, Return::Success) << name(answer.code);
  return answer.value;
}

inline Device gpu(Driver& driver, int index = 0) { return good(driver.device_by_index(index)); }

/// A machine with MIG on everywhere; all boards must have it.
inline Driver cut_machine(const Config& config) {
  Driver driver(config);
  for (std::size_t i = 0; i < config.gpus.size(); ++i)
    EXPECT_EQ(good(driver.set_mig_mode(gpu(driver, static_cast<int>(i)), true)), Return::Success);
  return driver;
}
inline Driver cut_machine(const char* board) { return cut_machine(machine({board})); }

/// One GPU with MIG on, whose ids lie on the board in this way (see gpu_instance_id_at).
inline Driver cut_machine_with_ids(const char* board, std::uint8_t id_mask) {
  for (std::uint64_t seed = 1; seed < 1000; ++seed) {
    Driver driver = cut_machine(machine({board}, seed));
    if (driver.state().gpus[0].id_mask == id_mask) return driver;
  }
  ADD_FAILURE() << "no seed draws mask " << int{id_mask};
  return cut_machine(board);
}

/// The ids of GPU instances created like `nvidia-smi mig -cgi 19,14,5`; stops at the first failure.
struct Created {
  std::vector<std::uint32_t> ids;
  Return last = Return::Success;
  bool operator==(const Created&) const = default;
};
inline Created create_in_order(Driver& driver, std::initializer_list<std::uint32_t> profile_ids) {
  Created created;
  for (const std::uint32_t id : profile_ids) {
    const Answer<GpuInstance> made = driver.create_gpu_instance(gpu(driver), id);
    created.last = made.code;
    if (!made.ok()) break;
    created.ids.push_back(good(driver.gpu_instance_info(made.value)).id);
  }
  return created;
}

/// A GPU instance of that profile id at that start, and a compute instance of all of it.
struct Slice {
  GpuInstance gpu_instance;
  ComputeInstance compute_instance;
  ComputeInstanceInfo info;
};
inline Slice make_slice(Driver& driver, std::uint32_t profile_id, std::uint8_t start,
                        std::uint8_t size, std::uint32_t compute_profile, int index = 0) {
  Slice slice;
  slice.gpu_instance = good(
      driver.create_gpu_instance_with_placement(gpu(driver, index), profile_id, {start, size}));
  slice.compute_instance =
      good(driver.create_compute_instance(slice.gpu_instance, compute_profile));
  slice.info = good(driver.compute_instance_info(slice.compute_instance));
  return slice;
}

}  // namespace kerf::simgpu
