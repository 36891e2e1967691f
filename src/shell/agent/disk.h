// Disk: what the agent keeps on its machine: the journal, a CDI file for each device, one lock.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/cdi.h"
#include "core/agent/journal.h"
#include "core/agent/words.h"
#include "shell/runtime/files.h"

namespace kerf::shell {

/// Blocks on the disk; one thread at a time.
class Disk {
 public:
  struct Options {
    std::string state_folder = "/var/lib/kerf";
    std::string cdi_folder = "/var/run/cdi";
  };
  explicit Disk(Options options);

  /// Makes the folders and takes the lock `<state>/lock`. Conflict: another agent has it. Any other
  /// error says why nothing can be written; reading may work all the same, and the lock is tried
  /// again before each journal.
  Result<void> open();

  struct Found {
    std::optional<agent::Journal> journal;
    std::vector<agent::CdiEntry> cdi;
    /// What could not be read, or was in the way, one sentence each: a journal that is damaged, a
    /// CDI file that was none of Kerf's and had its name. For the log.
    std::vector<std::string> troubles;
  };
  /// The journal and the CDI files, as a run before this one left them. CDI files with Kerf's name
  /// that are not readable, and unfinished files of a crash, are removed.
  Found read();
  /// The journal alone; touches nothing. NotFound: there is none.
  static Result<agent::Journal> read_journal(const std::string& state_folder);
  /// Kerf's CDI files that can be read; touches nothing.
  static std::vector<agent::CdiEntry> cdi_entries(const std::string& cdi_folder);

  /// Durable when it returns, or the old one stands. Not without the lock.
  Result<void> write_journal(const agent::Journal& journal);
  Result<void> write_cdi(const agent::CdiEntry& entry, const codec::CdiEdits& common,
                         const codec::CdiEdits& own);
  Result<void> remove_cdi(const std::string& device);

 private:
  std::string journal_path() const { return options_.state_folder + "/journal"; }
  /// By path: an entry, or why it is none.
  using CdiFiles = std::vector<std::pair<std::string, Result<agent::CdiEntry>>>;
  static Result<CdiFiles> cdi_files(const std::string& cdi_folder);
  void read_cdi(Found& found);

  Options options_;
  std::optional<runtime::FileLock> lock_;
};

}  // namespace kerf::shell
