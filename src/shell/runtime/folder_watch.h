// FolderWatch: tells what happens to the files of one folder, also if the folder itself comes and
// goes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "shell/runtime/loop.h"

namespace kerf::runtime {

enum class Change {
  Created,  ///< made, linked, or moved here; also over a file of that name. Its content may follow
  Removed,  ///< unlinked or moved away
  Written,  ///< closed by somebody who had it open for writing
  /// Look at the whole folder; the name is empty. The folder came, went or was replaced, events
  /// were lost in an overflow, or it cannot be watched for now (trouble() says why) and is asked
  /// for again in growing intervals up to a minute.
  Everything,
};

/// inotify on a folder, and on each folder above it, so that it need not exist. Not recursive. A
/// file system that is mounted over the folder goes unnoticed until something else happens above.
///
/// The loop's thread only. The Loop must outlive the object.
class FolderWatch {
 public:
  using Callback = std::function<void(const std::string& name, Change change)>;

  /// `folder` is an absolute path. `callback` runs on the loop's thread, not before this returns;
  /// it may destroy the FolderWatch. Look at the folder after this, not before: what happens from
  /// here on is told. Unavailable if the system has no room for another watch.
  static Result<std::unique_ptr<FolderWatch>> start(Loop& loop, const std::string& folder,
                                                    Callback callback);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// The folder exists and is watched.
  bool watching() const;
  /// Why the path cannot be watched to its end although it may exist (no right, limit of watches);
  /// empty if nothing is wrong.
  const std::string& trouble() const;

 private:
  struct Impl;
  explicit FolderWatch(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace kerf::runtime
