// Hasher: a 64-bit hash of a state, the same in every build; not for secrets.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace kerf {

/// FNV-1a over 64-bit words, each mixed; strings count with their length, so that two fields never
/// run into each other.
class Hasher {
 public:
  void add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x100000001b3ULL;
    state_ ^= state_ >> 32;
  }
  void add(std::int64_t word) { add(static_cast<std::uint64_t>(word)); }
  void add(std::int32_t word) { add(static_cast<std::int64_t>(word)); }
  void add(std::uint32_t word) { add(static_cast<std::uint64_t>(word)); }
  void add(bool word) { add(std::uint64_t{word}); }
  void add(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  void add(const char* text) { add(std::string_view(text)); }
  template <class T>
    requires std::is_enum_v<T>
  void add(T value) {
    add(static_cast<std::uint64_t>(value));
  }
  template <class... T>
  void all(const T&... values) {
    (add(values), ...);
  }
  /// The length, and whatever `add_one(value)` adds of each.
  template <class T, class Add>
  void list(const T& values, Add add_one) {
    add(static_cast<std::uint64_t>(values.size()));
    for (const auto& value : values) add_one(value);
  }
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace kerf
