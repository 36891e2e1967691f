// Hasher: a 64-bit hash of a sequence of values, the same in every build.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/prng.h"

namespace kerf::simgpu {

/// Not for secrets. Lengths count, so lists and texts cannot run into each other.
class Hasher {
 public:
  void add(std::uint64_t value) { hash_ = Prng(hash_ ^ value).next(); }
  void add(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void add(T value) {
    add(static_cast<std::uint64_t>(value));
  }
  template <class... T>
  void all(const T&... values) {
    (add(values), ...);
  }
  template <class T, class Add>
  void list(const T& values, Add add_one) {
    add(static_cast<std::uint64_t>(values.size()));
    for (const auto& value : values) add_one(value);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0;
};

}  // namespace kerf::simgpu
