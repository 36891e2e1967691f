// CDI specs (Container Device Interface): written for one device each, read back, and read as
// `nvidia-ctk cdi generate` writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/document.h"
#include "core/agent/words.h"

namespace kerf::codec {

inline constexpr std::string_view kCdiKind = "kerf.dev/gpu";
/// Annotations of a device by which its entry is read back.
inline constexpr std::string_view kCdiDevice = "kerf.dev/device";  ///< control::device_id()
inline constexpr std::string_view kCdiUuid = "kerf.dev/uuid";      ///< of the MIG device or the GPU

/// Fields of the CDI specification; what is empty or nullopt is left out.
struct CdiDeviceNode {
  std::string path = {};       ///< in the container
  std::string host_path = {};  ///< "" = the same
  std::string type = {};       ///< "c"; "" = the runtime looks at the host's node
  std::optional<std::int64_t> major = {};
  std::optional<std::int64_t> minor = {};
  std::optional<std::int64_t> file_mode = {};
  std::string permissions = {};  ///< of "rwm"; "" = the runtime's default, rwm
  std::optional<std::int64_t> uid = {};
  std::optional<std::int64_t> gid = {};
  bool operator==(const CdiDeviceNode&) const = default;
};
struct CdiMount {
  std::string host_path;
  std::string container_path;
  std::string type;
  std::vector<std::string> options;
  bool operator==(const CdiMount&) const = default;
};
struct CdiHook {
  std::string name;  ///< "createContainer" ...
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<std::int64_t> timeout_s;
  bool operator==(const CdiHook&) const = default;
};
struct CdiEdits {
  std::vector<std::string> env;  ///< "NAME=value"
  std::vector<CdiDeviceNode> nodes;
  std::vector<CdiMount> mounts;
  std::vector<CdiHook> hooks;
  std::vector<std::int64_t> additional_gids;
  bool operator==(const CdiEdits&) const = default;
};

/// `more` after `base`; a node, mount or variable of the same place or name counts once: `more`'s.
CdiEdits merged(CdiEdits base, const CdiEdits& more);

/// "gpu0/1g.10gb+me@3" -> "gpu0_1g.10gb_me_3": every character that a CDI device name may not have
/// is '_'. Different for all ids that control::device_id() makes.
std::string cdi_name(std::string_view device_id);
/// "kerf.dev/gpu=gpu0_1g.10gb_3", what Allocate answers.
std::string cdi_qualified_name(std::string_view device_id);
/// "kerf.dev-gpu_gpu0_1g.10gb_3.json", the file's name in the CDI folder.
std::string cdi_file_name(std::string_view device_id);

/// JSON text of a spec that has this one device. `common`: for every container with a device of
/// this spec (control nodes, driver libraries, hooks); `own`: of this device (its nodes). Version
/// 0.6.0, the lowest with annotations; 0.7.0 if there are additional gids.
std::string cdi_spec(const agent::CdiEntry& entry, const CdiEdits& common, const CdiEdits& own);

/// Reads back whose entry a spec is. InvalidArgument if it is none of Kerf's: another kind, not one
/// device, no annotations, a name that is not that of the id. At most 4 MiB (TooLarge).
Result<agent::CdiEntry> read_cdi_entry(std::string_view text, std::string_view file);

/// The edits for every container of a spec as NVIDIA's generator writes it (its devices are passed
/// over: Kerf's nodes are its own). NVIDIA_VISIBLE_DEVICES stays only as "void", which keeps
/// NVIDIA's older hook from injecting a second time; any other value is taken out. Unknown fields
/// are passed over; what is read must be as the specification says. At most 4096 entries of each
/// kind.
Result<CdiEdits> read_cdi_base(const Document& spec);
/// The same of JSON or YAML text of at most 4 MiB (TooLarge).
Result<CdiEdits> read_cdi_base(std::string_view text, std::string_view file);

}  // namespace kerf::codec
