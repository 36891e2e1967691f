// LayoutFile: a layout that a person wrote, followed as a GpuNode's spec would be.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "core/agent/words.h"
#include "core/gpu/model.h"
#include "shell/nvml/driver.h"
#include "shell/runtime/folder_watch.h"
#include "shell/runtime/loop.h"

namespace kerf::shell {

/// Which file says what is wanted: a layout, or one of the configurations of a mig-parted file.
struct LayoutSource {
  std::string path;
  bool mig_config = false;
  std::string name = {};  ///< of the configuration
};

/// Reads a layout file. Errors name file, line and field.
Result<control::GpuNodeSpec> read_layout(const LayoutSource& source);
/// The same of either source: the driver is asked for the GPUs if a configuration is to be placed
/// on them. On the thread of `driver`.
Result<control::GpuNodeSpec> read_layout(const LayoutSource& source, nvml::Driver& driver,
                                         const gpu::Catalogue& catalogue);

/// "file:<hash>": the uid of a spec that is from a file, another one for each content.
std::string layout_uid(const control::GpuNodeSpec& spec);

/// Follows the file: reads it at start(), when it changes, at again(), and once a minute.
///
/// Nobody lowers the Node's allocatable before a change, as the controller would. So a layout that
/// takes, parks or renames a slice that is published is refused unless the Node is cordoned.
class LayoutFile {
 public:
  struct Hands {
    /// read_layout() on another thread; the answer on the loop's.
    std::function<void(std::function<void(Result<control::GpuNodeSpec>)>)> read;
    /// The journal as it is written now; nullopt: there is none. An error: it is not known.
    std::function<Result<std::optional<agent::Journal>>()> journal;
    /// Is the Node cordoned? The answer on the loop's thread; an error: it is not known.
    std::function<void(std::function<void(Result<bool>)>)> cordoned;
    std::function<void(agent::Wanted)> follow;
    /// Words for people. The layout followed before, if any, stays. Unavailable: it is tried again
    /// by itself.
    std::function<void(const Error&)> refuse;
    /// Something that does not keep it from its work.
    std::function<void(const Error&)> warn;
  };
  /// The loop's thread. Loop and what `hands` refer to must outlive it.
  LayoutFile(LayoutSource source, runtime::Loop& loop, Hands hands);
  ~LayoutFile();
  LayoutFile(const LayoutFile&) = delete;
  LayoutFile& operator=(const LayoutFile&) = delete;

  void start();
  void again();

 private:
  void read();
  void judge(const control::GpuNodeSpec& spec);
  void tick();
  void follow(const control::GpuNodeSpec& spec);
  void done();

  LayoutSource source_;
  runtime::Loop& loop_;
  Hands hands_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<runtime::FolderWatch> watch_;
  bool reading_ = false;  ///< or judging
  bool again_ = false;
  std::string followed_;  ///< uid
};

}  // namespace kerf::shell
