// The fields of a driver's configuration and state, one after the other.
//
// Whole numbers as LEB128 (negative ones as two's complement of 64 bits), texts and lists with
// their length first. The two archives go over the same lists of fields, so they cannot differ.
#include "fakedriver/record.h"

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "fakedriver/identity.h"

namespace kerf::fakedriver {

namespace {

constexpr std::uint64_t kFormat = 2;  // counts changes of the lists of fields below

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;
template <class T>
concept Whole = std::is_integral_v<T> || std::is_enum_v<T>;

// Each function names all members of its struct, so that a new one does not compile until it is
// kept.
template <class A, Is<simgpu::LatencyRange> T>
void fields(A& a, T& v) {
  auto& [min_ms, max_ms] = v;
  a(min_ms, max_ms);
}
template <class A, Is<simgpu::Latencies> T>
void fields(A& a, T& v) {
  auto& [ranges, slow_mig_device, slow_by_uuid] = v;
  for (auto& range : ranges) a(range);
  a(slow_mig_device, slow_by_uuid);
}
template <class A, Is<simgpu::GpuConfig> T>
void fields(A& a, T& v) {
  auto& [board, uuid, minor] = v;
  a(board, uuid, minor);
}
template <class A, Is<simgpu::Bridge> T>
void fields(A& a, T& v) {
  auto& [one, other] = v;
  a(one, other);
}
template <class A, Is<simgpu::Config> T>
void fields(A& a, T& v) {
  auto& [gpus, driver_major, passthrough, seed, latencies, bridges] = v;
  a(gpus, driver_major, passthrough, seed, latencies, bridges);
}
template <class A, Is<simgpu::Placement> T>
void fields(A& a, T& v) {
  auto& [start, size] = v;
  a(start, size);
}
template <class A, Is<simgpu::ComputeInstanceState> T>
void fields(A& a, T& v) {
  auto& [serial, id, profile, placement, uuid, mig_index, pids] = v;
  a(serial, id, profile, placement, uuid, mig_index, pids);
}
template <class A, Is<simgpu::GpuInstanceState> T>
void fields(A& a, T& v) {
  auto& [serial, id, profile, start, compute_instances] = v;
  a(serial, id, profile, start, compute_instances);
}
template <class A, Is<simgpu::MigMode> T>
void fields(A& a, T& v) {
  auto& [current, pending] = v;
  a(current, pending);
}
template <class A, Is<simgpu::GpuState> T>
void fields(A& a, T& v) {
  auto& [uuid, minor, serial, mig, lost, back, clients, mask, pids, instances] = v;
  a(uuid, minor, serial, mig, lost, back, clients, mask, pids, instances);
}
template <class A, Is<simgpu::Event> T>
void fields(A& a, T& v) {
  auto& [sequence, gpu, xid, gpu_instance, compute_instance] = v;
  a(sequence, gpu, xid, gpu_instance, compute_instance);
}
template <class A, Is<simgpu::Fault> T>
void fields(A& a, T& v) {
  auto& [operation, code, count, effect, gpu] = v;
  a(operation, code, count, effect, gpu);
}
template <class A, Is<simgpu::ProcessMemory> T>
void fields(A& a, T& v) {
  auto& [pid, mib] = v;
  a(pid, mib);
}
template <class A, Is<simgpu::State> T>
void fields(A& a, T& v) {
  auto& [gpus, serials, uuids, changes, newest_event, events, faults, memory, slow] = v;
  a(gpus, serials, uuids, changes, newest_event, events, faults, memory, slow);
}

class Writer {
 public:
  explicit Writer(std::string& bytes) : bytes_(bytes) {}
  template <class... T>
  void operator()(const T&... values) {
    (one(values), ...);
  }

 private:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_.push_back(static_cast<char>(value | 0x80U));
    bytes_.push_back(static_cast<char>(value));
  }
  template <Whole T>
  void one(const T& value) {
    number(static_cast<std::uint64_t>(value));
  }
  void one(const std::string& text) {
    number(text.size());
    bytes_ += text;
  }
  template <class T>
  void one(const std::vector<T>& list) {
    number(list.size());
    for (const T& value : list) one(value);
  }
  template <class T>
    requires(!Whole<T>)
  void one(const T& value) {
    fields(*this, value);
  }

  std::string& bytes_;
};

/// After the first thing that is wrong all values stay as they were made.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }
  template <class... T>
  void operator()(T&... values) {
    (one(values), ...);
  }

 private:
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  template <Whole T>
  void one(T& value) {
    const std::uint64_t read = number();
    if (!ok_) return;
    if constexpr (std::same_as<T, bool>) {
      ok_ = read <= 1;
    } else if constexpr (std::is_enum_v<T>) {
      using Under = std::underlying_type_t<T>;
      ok_ = static_cast<std::uint64_t>(static_cast<Under>(read)) == read;
    } else {
      ok_ = static_cast<std::uint64_t>(static_cast<T>(read)) == read;
    }
    if (ok_) value = static_cast<T>(read);
  }
  void one(std::string& text) {
    const std::uint64_t size = number();
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return;
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }
  template <class T>
  void one(std::vector<T>& list) {
    // Every value takes at least one byte, so a length that lies costs nothing.
    const std::uint64_t size = number();
    if (size > rest_.size()) ok_ = false;
    if (ok_) list.clear();
    for (std::uint64_t i = 0; ok_ && i < size; ++i) one(list.emplace_back());
  }
  template <class T>
    requires(!Whole<T>)
  void one(T& value) {
    if (ok_) fields(*this, value);
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

void write_record(const simgpu::Driver& driver, std::string& bytes) {
  bytes.clear();
  Writer writer(bytes);
  writer(kFormat, driver.config(), driver.state());
}

Result<simgpu::Driver> read_record(std::string_view bytes) {
  if (bytes.size() > kMostRecordBytes)
    return fail(ErrorCode::TooLarge, "the state of a simulated driver has at most 4 MiB");
  Reader reader(bytes);
  std::uint64_t format = 0;
  reader(format);
  if (!reader.ok() || format != kFormat)
    return invalid("the state of a simulated driver that another version wrote: make it anew");
  simgpu::Config config;
  simgpu::State state;
  reader(config, state);
  if (!reader.at_end()) return invalid("the state of a simulated driver is cut off or garbled");
  if (driver_of(config.driver_major) == nullptr)
    return invalid("a saved driver that cannot be: its branch is not one that is simulated");
  return simgpu::Driver::restore(std::move(config), std::move(state));
}

}  // namespace kerf::fakedriver
