// Tests of the driver as a value, and of what holds in every state that a random walk comes to.
#include "simgpu/driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/prng.h"
#include "simgpu/boards.h"
#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

/// Does something at random to a machine, knowing no more than an agent does.
class Walk {
 public:
  explicit Walk(std::uint64_t seed)
      : driver(machine({"A100-40", "H100-80", "RTX-PRO-6000", "T4"}, seed)), prng_(seed) {}

  void step() {
    const int index = static_cast<int>(prng_.below(4));
    const auto device = driver.device_by_index(index).value;
    switch (prng_.below(14)) {
      case 0: driver.set_mig_mode(device, prng_.below(4) != 0); break;
      case 1:
      case 2:
      case 3: create(device); break;
      case 4:
      case 5:
      case 6: part(); break;
      case 7: destroy_gpu_instance(); break;
      case 8: destroy_compute_instance(); break;
      case 9: start(index); break;
      case 10: driver.process_exit(static_cast<std::uint32_t>(1 + prng_.below(6))); break;
      case 11: disturb(index); break;
      case 12: driver.set_open_clients(index, prng_.below(8) == 0 ? 1 : 0); break;
      case 13:
        if (prng_.below(8) == 0) restart(index);
        break;
    }
  }

  Driver driver;

 private:
  void create(Device device) {
    static constexpr std::uint32_t kIds[] = {0, 5, 9, 14, 15, 19, 20, 35, 47, 65, 67, 99};
    const std::uint32_t id = kIds[prng_.below(std::size(kIds))];
    const auto start = static_cast<std::uint8_t>(prng_.below(9));
    const auto size = static_cast<std::uint8_t>(1 + prng_.below(4));
    if (prng_.below(2) == 0) driver.create_gpu_instance(device, id);
    else driver.create_gpu_instance_with_placement(device, id, {start, size});
  }
  template <class Use>
  void at_any_instance(Use use) {
    std::vector<std::uint64_t> serials;
    for (const GpuState& g : driver.state().gpus)
      for (const GpuInstanceState& gi : g.instances) serials.push_back(gi.serial);
    if (!serials.empty()) use(serials[prng_.below(serials.size())]);
  }
  void part() {
    at_any_instance([&](std::uint64_t serial) {
      driver.create_compute_instance({(3ULL << 56) | serial},
                                     static_cast<std::uint32_t>(prng_.below(5)));
    });
  }
  void destroy_gpu_instance() {
    at_any_instance([&](std::uint64_t s) { driver.destroy_gpu_instance({(3ULL << 56) | s}); });
  }
  void destroy_compute_instance() {
    at_any_instance([&](std::uint64_t s) {
      const GpuInstance instance{(3ULL << 56) | s};
      const auto found = driver.compute_instance_by_id(instance, 0);
      if (found.ok()) driver.destroy_compute_instance(found.value);
    });
  }
  void start(int index) {
    const GpuState& g = driver.state().gpus[static_cast<std::size_t>(index)];
    std::vector<std::string> uuids;
    if (prng_.below(8) == 0) uuids.push_back(g.uuid);
    for (const GpuInstanceState& gi : g.instances)
      for (const ComputeInstanceState& ci : gi.compute_instances) uuids.push_back(ci.uuid);
    if (uuids.empty()) return;
    driver.process_start(uuids[prng_.below(uuids.size())],
                         static_cast<std::uint32_t>(1 + prng_.below(6)));
  }
  void disturb(int index) {
    switch (prng_.below(40)) {
      case 0: driver.fail_next(Operation::CreateComputeInstance, Return::Unknown, 1); break;
      case 1:
        driver.fail_next(Operation::CreateGpuInstance, Return::Unknown, 2, Effect::Done, index);
        break;
      case 2: driver.inject_xid(index, 31, 7, 0); break;
      case 3: driver.inject_xid(index, 79); break;
      case 4: driver.set_slow(prng_.below(2) == 0); break;
      default: break;
    }
  }
  void restart(int index) {
    switch (prng_.below(3)) {
      case 0: driver.reset_gpu(index); break;
      case 1: driver.reload_driver(); break;
      case 2: driver.reboot(); break;
    }
  }

  Prng prng_;
};

void expect_sound(const Driver& driver) {
  for (std::size_t g = 0; g < driver.state().gpus.size(); ++g) {
    const GpuState& gpu = driver.state().gpus[g];
    const Board& board = *find_board(driver.config().gpus[g].board);
    EXPECT_TRUE(gpu.mig.current || gpu.instances.empty());
    std::set<std::uint32_t> ids;
    std::set<int> units;
    std::set<int> indices;
    for (const GpuInstanceState& gi : gpu.instances) {
      EXPECT_TRUE(ids.insert(gi.id).second) << "two instances with one id";
      EXPECT_LE(gi.id, 14u);
      const BoardProfile& p = board.profiles[gi.profile];
      for (int unit = gi.start; unit < gi.start + p.size; ++unit)
        EXPECT_TRUE(units.insert(unit).second && unit < board.units) << "units overlap";
      std::set<int> slices;
      std::set<std::uint32_t> compute_ids;
      for (const ComputeInstanceState& ci : gi.compute_instances) {
        EXPECT_TRUE(compute_ids.insert(ci.id).second);
        EXPECT_TRUE(indices.insert(ci.mig_index).second && ci.mig_index < board.compute_slices);
        for (int s = ci.placement.start; s < ci.placement.start + ci.placement.size; ++s)
          EXPECT_TRUE(slices.insert(s).second && s < p.compute_slices) << "slices overlap";
      }
    }
  }
}

TEST(Driver, StaysSoundOnRandomWalks) {
  std::size_t created = 0;
  std::size_t ids_reused = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Walk walk(seed);
    std::map<std::string, std::uint64_t> serial_of;  // of each UUID ever seen
    std::map<std::pair<std::size_t, std::uint32_t>, std::uint64_t> last_with_id;
    for (int i = 0; i < 4000 && !testing::Test::HasFailure(); ++i) {
      walk.step();
      expect_sound(walk.driver);
      for (std::size_t g = 0; g < 4; ++g) {
        for (const GpuInstanceState& gi : walk.driver.state().gpus[g].instances) {
          const auto [at, first] = last_with_id.try_emplace({g, gi.id}, gi.serial);
          if (!first && at->second != gi.serial) ++ids_reused;
          at->second = gi.serial;
          for (const ComputeInstanceState& ci : gi.compute_instances)
            EXPECT_EQ(serial_of.emplace(ci.uuid, ci.serial).first->second, ci.serial)
                << "a UUID came back";
        }
      }
    }
    created += serial_of.size();
  }
  EXPECT_GT(created, 1000u);
  EXPECT_GT(ids_reused, 500u);
}

TEST(Driver, HasEqualHashesExactlyForEqualStates) {
  Walk walk(7);
  std::map<std::uint64_t, Driver> seen;
  for (int i = 0; i < 1500; ++i) {
    walk.step();
    const auto [at, first] = seen.emplace(walk.driver.hash(), walk.driver);
    EXPECT_TRUE(at->second == walk.driver);
  }
  for (auto at = seen.begin(); std::next(at) != seen.end(); ++at)
    EXPECT_FALSE(at->second == std::next(at)->second);
  EXPECT_GT(seen.size(), 500u);
}

TEST(Driver, DoesTheSameForTheSameSeed) {
  Walk a(3);
  Walk b(3);
  Walk c(4);
  for (int i = 0; i < 500; ++i) {
    a.step();
    b.step();
    c.step();
    ASSERT_EQ(a.driver.hash(), b.driver.hash());
    ASSERT_TRUE(a.driver == b.driver);
  }
  EXPECT_NE(a.driver.hash(), c.driver.hash());
}

TEST(Driver, HasTheSameHashInEveryBuild) {
  Driver driver = cut_machine(machine({"A100-40"}, 42));
  const Slice slice = make_slice(driver, 9, 4, 4, 2);
  EXPECT_TRUE(driver.process_start(slice.info.mig_uuid, 5));
  driver.inject_xid(0, 31);
  driver.fail_next(Operation::GetMigMode, Return::Unknown);
  EXPECT_EQ(hash(driver.state()), 17513559297131742293u);
}

TEST(Driver, IsCopiedWithAllThatItKnows) {
  Driver original = cut_machine("H100-80");
  const Slice slice = make_slice(original, 19, 0, 1, 0);
  Driver copy = original;
  EXPECT_TRUE(copy == original);
  const std::uint64_t before = original.hash();
  good(copy.destroy_compute_instance(slice.compute_instance));
  good(copy.destroy_gpu_instance(slice.gpu_instance));
  EXPECT_FALSE(copy == original);
  EXPECT_EQ(original.hash(), before);
  EXPECT_TRUE(original.compute_instance_info(slice.compute_instance).ok());
}

TEST(Driver, IsNotChangedByReading) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 9, 0, 4, 0);
  const Driver before = driver;
  const Device device = gpu(driver);
  std::uint64_t cursor = 0;
  for (int i = 0; i < 2; ++i) {
    driver.device_count();
    driver.device_by_uuid("GPU-none");
    driver.mig_mode(device);
    driver.gpu_instance_profile_info(device, 0);
    driver.possible_placements(device, 19);
    driver.remaining_capacity(device, 19);
    driver.gpu_instances(device, 9);
    driver.gpu_instance_by_id(device, 1);
    driver.compute_instance_profile_info(slice.gpu_instance, 0);
    driver.compute_instance_remaining_capacity(slice.gpu_instance, 0);
    driver.compute_instances(slice.gpu_instance, 0);
    driver.mig_device_by_index(device, 0);
    driver.uuid(slice.info.device);
    driver.attributes(slice.info.device);
    driver.running_processes(device);
    driver.memory_used(device);
    driver.device_index(slice.info.device);
    driver.gpu_instance_profile_info_by_id(device, 19);
    driver.wait_events(cursor);
    driver.next_event(cursor, [](const Event&) { return true; });
  }
  EXPECT_TRUE(driver == before);
  EXPECT_EQ(driver.uuid(slice.info.device), driver.uuid(slice.info.device));
}

TEST(Driver, NamesItsDevices) {
  Config config = machine({"A100-40", "T4"});
  config.gpus[1] = {"T4", "GPU-mine", 3};
  Driver driver(config);
  EXPECT_EQ(good(driver.device_count()), 2);
  EXPECT_EQ(good(driver.device_name(gpu(driver, 0))), "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(good(driver.uuid(gpu(driver, 0))).substr(0, 4), "GPU-");
  EXPECT_EQ(good(driver.memory_mib(gpu(driver, 0))), 40960);
  EXPECT_EQ(good(driver.minor_number(gpu(driver, 0))), 0);
  EXPECT_FALSE(good(driver.is_mig_device(gpu(driver, 0))));
  EXPECT_EQ(good(driver.uuid(gpu(driver, 1))), "GPU-mine");
  EXPECT_EQ(good(driver.minor_number(gpu(driver, 1))), 3);
  EXPECT_EQ(good(driver.device_by_uuid("GPU-mine")), gpu(driver, 1));
  EXPECT_EQ(driver.device_by_uuid("GPU-none").code, Return::NotFound);
}

TEST(Driver, NumbersCodesAsNvmlDoes) {
  // nvml.h, nvmlReturn_t.
  EXPECT_EQ(static_cast<int>(Return::InvalidArgument), 2);
  EXPECT_EQ(static_cast<int>(Return::NotSupported), 3);
  EXPECT_EQ(static_cast<int>(Return::NoPermission), 4);
  EXPECT_EQ(static_cast<int>(Return::NotFound), 6);
  EXPECT_EQ(static_cast<int>(Return::GpuIsLost), 15);
  EXPECT_EQ(static_cast<int>(Return::ResetRequired), 16);
  EXPECT_EQ(static_cast<int>(Return::InUse), 19);
  EXPECT_EQ(static_cast<int>(Return::InsufficientResources), 23);
  EXPECT_EQ(static_cast<int>(Return::Unknown), 999);
  EXPECT_STREQ(name(Return::InsufficientResources), "INSUFFICIENT_RESOURCES");
}

}  // namespace
}  // namespace kerf::simgpu
