// Records: what is written reads back the same, and nothing else is believed.
#include "fakedriver/record.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "simgpu/boards.h"
#include "simgpu/driver_testing.h"

namespace kerf::fakedriver {
namespace {

using simgpu::cut_machine;
using simgpu::Driver;
using simgpu::make_slice;

std::string record_of(const Driver& driver) {
  std::string bytes;
  write_record(driver, bytes);
  return bytes;
}

/// A driver with something in every field of its state.
Driver full() {
  Driver driver = cut_machine(simgpu::machine({"A100-40", "H100-80"}));
  const auto slice = make_slice(driver, 9, 4, 4, 2);
  make_slice(driver, 19, 0, 1, 0, 1);
  driver.create_gpu_instance_with_placement(simgpu::gpu(driver, 1), 14, {2, 2});
  driver.process_start(slice.info.mig_uuid, 4711, 2000);
  driver.process_start(driver.state().gpus[0].uuid, 12);
  driver.inject_xid(1, 31, 3, 0);
  driver.lose_gpu(1, true);
  driver.set_open_clients(0, 2);
  driver.fail_next(simgpu::Operation::SetMigMode, simgpu::Return::InUse, 3, simgpu::Effect::Done,
                   1);
  driver.set_slow(true);
  return driver;
}

TEST(Record, ReadsBackTheSame) {
  const Driver driver = full();
  const auto read = read_record(record_of(driver));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_TRUE(*read == driver);
}

TEST(Record, KeepsEveryBoardInEveryWalk) {
  for (const simgpu::Board& board : simgpu::boards()) {
    Prng prng(board.key.size());
    Driver driver{simgpu::machine({board.key.data()})};
    if (board.mig()) driver.set_mig_mode(simgpu::gpu(driver), true);
    for (int step = 0; step < 40; ++step) {
      if (board.mig()) {
        const auto& profile = board.profiles[prng.below(board.profiles.size())];
        const auto made = driver.create_gpu_instance(simgpu::gpu(driver), profile.id);
        if (made.ok()) driver.create_compute_instance(made.value, 0);
      }
      if (prng.below(3) == 0) driver.process_start(driver.state().gpus[0].uuid, 1 + step);
      if (prng.below(4) == 0) driver.process_exit(1 + static_cast<std::uint32_t>(prng.below(40)));
      const auto read = read_record(record_of(driver));
      ASSERT_TRUE(read.has_value()) << board.key << ": " << read.error().message();
      ASSERT_TRUE(*read == driver);
    }
  }
}

TEST(Record, OfADriverBranchThatIsNotSimulatedIsRefused) {
  simgpu::Config config = full().config();
  config.driver_major = 571;
  EXPECT_FALSE(read_record(record_of(Driver(config))).has_value());
}

TEST(Record, IsRefusedWhenItIsCutOff) {
  const std::string bytes = record_of(full());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_FALSE(read_record(std::string_view(bytes).substr(0, length)).has_value()) << length;
  EXPECT_FALSE(read_record(bytes + '\0').has_value());
}

TEST(Record, WithAFlippedBitIsRefusedOrADriverThatCanBe) {
  const std::string bytes = record_of(full());
  int believed = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string other = bytes;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    auto read = read_record(other);
    if (!read) {
      EXPECT_EQ(read.error().code(), ErrorCode::InvalidArgument);
      continue;
    }
    ++believed;
    // It can be used: every GPU can be asked and cut further without an assert.
    for (int gpu = 0; gpu < 2; ++gpu) {
      read->create_gpu_instance(read->handle_of(gpu), 19);
      read->running_processes(read->handle_of(gpu));
    }
  }
  EXPECT_GT(believed, 0);  // a UUID's letter, a latency
}

struct Impossible {
  const char* what;
  void (*change)(simgpu::Config&, simgpu::State&);
};

TEST(Record, OfADriverThatCannotBeIsRefused) {
  const Impossible cases[] = {
      {"board", [](auto& c, auto&) { c.gpus[0].board = "A100-41"; }},
      {"number of GPUs", [](auto& c, auto&) { c.gpus.pop_back(); }},
      {"latency",
       [](auto& c, auto&) {
         c.latencies.ranges[0] = {5, 1};
       }},
      {"serial", [](auto&, auto& s) { s.gpus[0].serial = s.serials + 1; }},
      {"serial", [](auto&, auto& s) { s.gpus[1].serial = s.gpus[0].serial; }},
      {"minor", [](auto&, auto& s) { s.gpus[0].minor = -1; }},
      {"profile", [](auto&, auto& s) { s.gpus[0].instances[0].profile = 200; }},
      {"start", [](auto&, auto& s) { s.gpus[0].instances[0].start = 3; }},
      {"id", [](auto&, auto& s) { s.gpus[0].instances[0].id = 9; }},
      {"fit together", [](auto&, auto& s) { s.gpus[1].instances[1].start = 2; }},
      {"while MIG is off", [](auto&, auto& s) { s.gpus[0].mig = {}; }},
      {"placement",
       [](auto&, auto& s) { s.gpus[0].instances[0].compute_instances[0].placement.start = 7; }},
      {"index", [](auto&, auto& s) { s.gpus[0].instances[0].compute_instances[0].mig_index = 77; }},
      {"processes",
       [](auto&, auto& s) {
         s.gpus[0].pids = {5, 4};
       }},
      {"an event", [](auto&, auto& s) { s.events[0].gpu = 2; }},
      {"a fault", [](auto&, auto& s) { s.faults[0].count = 0; }},
      {"memory", [](auto&, auto& s) { s.memory[0].mib = -1; }},
  };
  const Driver driver = full();
  for (const Impossible& c : cases) {
    simgpu::Config config = driver.config();
    simgpu::State state = driver.state();
    c.change(config, state);
    const auto restored = Driver::restore(config, state);
    ASSERT_FALSE(restored.has_value()) << c.what;
    EXPECT_NE(restored.error().message().find(c.what), std::string::npos)
        << restored.error().message();
  }
}

}  // namespace
}  // namespace kerf::fakedriver
