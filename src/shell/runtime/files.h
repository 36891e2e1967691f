// Files: read with a bound, replaced as a whole or not at all, listed, locked.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::runtime {

/// Every error names the path and says in words what the system said. Codes: NotFound (it, or a
/// folder above it, does not exist), TooLarge, InvalidArgument (not the kind of file asked for),
/// Unavailable (all else: no right, disk full, read-only, I/O error). All may block on a slow disk.

/// The whole content of a regular file, also of one whose size the system does not tell (/proc,
/// /sys). TooLarge beyond `bytes_max`. Folders, devices, pipes and sockets: InvalidArgument, and
/// they are not opened.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

enum class Durability {
  Durable,  ///< once it returns, the new content outlives a power cut
  Fast,     ///< the content is old or new, never a mix, unless the power is cut
};

/// Puts `text` in the place of the file, made with `mode` (whatever the umask says). Whoever reads
/// it sees the old or the new content as a whole. After an error the old file stands and nothing
/// is left beside it; with one exception: if Durable and only the folder could not be flushed, the
/// new file stands, and may be gone after a power cut.
Result<void> replace_file(const std::string& path, std::string_view text, Durability durability,
                          mode_t mode = 0644);

/// That it is absent is success.
Result<void> remove_file(const std::string& path, Durability durability = Durability::Fast);

/// The names in a folder, sorted, without "." and "..", and without unfinished files of
/// replace_file(). TooLarge beyond `entries_max`.
Result<std::vector<std::string>> list_folder(const std::string& path,
                                             std::size_t entries_max = 65536);

/// Makes the folder, and those above it, with `mode` less the umask. That it exists is success.
Result<void> make_folders(const std::string& path, mode_t mode = 0755);

/// Removes what a replace_file() left in `folder` whose process was killed. Only for a folder in
/// which nobody else calls replace_file() now. Returns how many there were; an absent folder has
/// none.
Result<std::size_t> remove_unfinished(const std::string& folder);

/// A file that this process has locked; unlocked by the destructor and by the process's end,
/// however it ends. The file stays. Children do not inherit it.
class FileLock {
 public:
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  friend Result<FileLock> lock_file(const std::string& path);
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// Makes the file if it is absent, locks it (flock) without waiting and writes this process's id
/// into it. Conflict if another holds it: "... is held by pid 123".
Result<FileLock> lock_file(const std::string& path);

}  // namespace kerf::runtime
