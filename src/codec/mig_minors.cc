// Lines of two files under /proc.
#include "codec/mig_minors.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "base/quote.h"
#include "codec/document.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kBytesMax = 1u << 20;
constexpr std::uint32_t kNumberMax = (1u << 20) - 1;  // minors have 20 bits, majors 12
constexpr std::uint32_t kIdMax = 9'999;               // of GPUs and instances

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Takes a number of at most `most` off the front; nullopt: there is none.
std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > most) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// "gpu0/gi1/access", "gpu0/gi1/ci0/access"
std::optional<MigCapability> capability_of(std::string_view name) {
  MigCapability capability;
  const auto part = [&name](std::string_view word, std::uint32_t& id) {
    if (!take(name, word)) return false;
    const auto number = take_number(name, kIdMax);
    if (number) id = *number;
    return number && take(name, "/");
  };
  if (!part("gpu", capability.gpu) || !part("gi", capability.gi)) return std::nullopt;
  if (name.starts_with("ci") && !part("ci", capability.ci)) return std::nullopt;
  return name == "access" ? std::optional(capability) : std::nullopt;
}

Result<void> check_size(std::string_view text, std::string_view file) {
  if (text.size() <= kBytesMax) return {};
  return fail(ErrorCode::TooLarge,
              fmt::format("{}: more than {} bytes are not read", file, kBytesMax));
}

/// Calls `read(line, number)` for each line that is not blank.
template <class Read>
Result<void> each_line(std::string_view text, const Read& read) {
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const std::string_view line = trimmed(text.substr(0, end)); !line.empty())
      KERF_CHECK_OK(read(line, number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace

Result<MigMinors> read_mig_minors(std::string_view text, std::string_view file) {
  KERF_CHECK_OK(check_size(text, file));
  MigMinors minors;
  const auto read = [&](std::string_view line, std::uint32_t number) -> Result<void> {
    const auto wrong = [&](std::string_view what) {
      return tl::unexpected(
          error_at(file, {number, 0},
                   fmt::format("{} {}; expected a line such as gpu0/gi1/ci0/access 13",
                               quoted(line), what)));
    };
    const std::size_t blank = line.find_first_of(" \t");
    if (blank == std::string_view::npos) return wrong("has no number");
    std::string_view rest = trimmed(line.substr(blank));
    const auto minor = take_number(rest, kNumberMax);
    if (!minor || !rest.empty()) return wrong("has no device number");
    if (!line.starts_with("gpu")) return {};
    const auto capability = capability_of(line.substr(0, blank));
    if (!capability) return wrong("names no instance");
    if (!minors.emplace(*capability, *minor).second) return wrong("comes twice");
    return {};
  };
  KERF_CHECK_OK(each_line(text, read));
  return minors;
}

Result<DeviceMajors> read_device_majors(std::string_view text, std::string_view file) {
  KERF_CHECK_OK(check_size(text, file));
  DeviceMajors majors;
  bool is_character = false;
  const auto read = [&](std::string_view line, std::uint32_t) -> Result<void> {
    if (line.ends_with(':')) {
      is_character = line == "Character devices:";
      return {};
    }
    const auto major = take_number(line, kNumberMax);
    const std::string_view name = trimmed(line);
    if (!is_character || !major) return {};
    // Drivers before 545 call the GPUs' own "nvidia-frontend".
    if (name == "nvidia" || name == "nvidia-frontend") majors.gpu = *major;
    if (name == "nvidia-uvm") majors.uvm = *major;
    if (name == "nvidia-caps") majors.caps = *major;
    return {};
  };
  KERF_CHECK_OK(each_line(text, read));
  return majors;
}

}  // namespace kerf::codec
