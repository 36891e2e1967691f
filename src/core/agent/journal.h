// Journal: what a node's agent must remember over a crash or a reboot, and its text form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::agent {

/// How far the making or the taking of a device has gone.
enum class Mark : std::uint8_t {
  Making,  ///< may be created from now on: an instance found at that place is Kerf's
  Stands,  ///< made: after a reboot it is made again
  Going,   ///< may be destroyed from now on: is never offered again before it is made anew
};

/// A device of Kerf's. By start, then form.
struct Entry {
  std::string form;
  std::uint8_t start = 0;
  std::string resource;    ///< under which it is, or will be, offered
  bool published = false;  ///< as the spec said last
  Mark mark = Mark::Making;
  bool lost = false;  ///< broken in this boot; not offered before it is made anew
  bool operator==(const Entry&) const = default;
};

struct JournalGpu {
  std::string uuid;
  std::vector<Entry> devices;
  bool operator==(const JournalGpu&) const = default;
};

/// Small: some hundred bytes for each GPU. The host replaces it as a whole, atomically.
struct Journal {
  std::string boot_id;          ///< of the boot in which it was written
  std::string uid;              ///< of the GpuNode whose spec was followed
  std::int64_t generation = 0;  ///< of that spec: an older one is not believed
  std::vector<JournalGpu> gpus;
  bool operator==(const Journal&) const = default;
};

/// Lines of words; what journal_from_text reads.
std::string to_text(const Journal& journal);

/// Strict: at most 64 KiB, whole to its last line. InvalidArgument or TooLarge: say so to the agent
/// as "no journal"; it then takes for its own only what is wanted or known to kubelet.
Result<Journal> journal_from_text(std::string_view text);

}  // namespace kerf::agent
