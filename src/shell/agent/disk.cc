// Disk: files of the agent.
#include "shell/agent/disk.h"

#include <utility>

namespace kerf::shell {
namespace {

constexpr std::size_t kJournalBytesMax = 64u << 10;
constexpr std::size_t kCdiBytesMax = 4u << 20;
constexpr std::string_view kCdiPrefix = "kerf.dev-gpu_";

}  // namespace

Disk::Disk(Options options) : options_(std::move(options)) {}

Result<void> Disk::open() {
  KERF_CHECK_OK(runtime::make_folders(options_.state_folder, 0700));
  KERF_TRY(lock_, runtime::lock_file(options_.state_folder + "/lock"));
  return runtime::make_folders(options_.cdi_folder);
}

Result<agent::Journal> Disk::read_journal(const std::string& state_folder) {
  const std::string path = state_folder + "/journal";
  KERF_TRY(const std::string text, runtime::read_file(path, kJournalBytesMax));
  auto journal = agent::journal_from_text(text);
  if (!journal) return tl::unexpected(std::move(journal).error().within(path));
  return journal;
}

Disk::Found Disk::read() {
  Found found;
  for (const std::string& folder : {options_.state_folder, options_.cdi_folder})
    if (const auto swept = runtime::remove_unfinished(folder); !swept)
      found.troubles.push_back(swept.error().message());
  auto journal = read_journal(options_.state_folder);
  if (journal) found.journal = *std::move(journal);
  else if (journal.error().code() != ErrorCode::NotFound)
    found.troubles.push_back("no journal is believed: " + journal.error().message());
  read_cdi(found);
  return found;
}

Result<Disk::CdiFiles> Disk::cdi_files(const std::string& cdi_folder) {
  KERF_TRY(const auto names, runtime::list_folder(cdi_folder));
  CdiFiles files;
  for (const std::string& name : names) {
    if (!name.starts_with(kCdiPrefix)) continue;
    const std::string path = cdi_folder + "/" + name;
    const auto text = runtime::read_file(path, kCdiBytesMax);
    auto entry = text ? codec::read_cdi_entry(*text, path)
                      : Result<agent::CdiEntry>(tl::unexpected(text.error()));
    if (entry && codec::cdi_file_name(entry->device) != name)
      entry = invalid(path + ": is named for another device than its own, " + entry->device);
    files.emplace_back(path, std::move(entry));
  }
  return files;
}

std::vector<agent::CdiEntry> Disk::cdi_entries(const std::string& cdi_folder) {
  std::vector<agent::CdiEntry> entries;
  if (const auto files = cdi_files(cdi_folder))
    for (const auto& [path, entry] : *files)
      if (entry) entries.push_back(*entry);
  return entries;
}

void Disk::read_cdi(Found& found) {
  const auto files = cdi_files(options_.cdi_folder);
  if (!files) {
    if (files.error().code() != ErrorCode::NotFound)
      found.troubles.push_back(files.error().message());
    return;
  }
  for (const auto& [path, entry] : *files) {
    if (entry) {
      found.cdi.push_back(*entry);
      continue;
    }
    found.troubles.push_back(entry.error().message() + "; removed");
    if (const auto removed = runtime::remove_file(path); !removed)
      found.troubles.push_back(removed.error().message());
  }
}

Result<void> Disk::write_journal(const agent::Journal& journal) {
  if (!lock_) KERF_CHECK_OK(open());
  return runtime::replace_file(journal_path(), agent::to_text(journal),
                               runtime::Durability::Durable, 0600);
}

Result<void> Disk::write_cdi(const agent::CdiEntry& entry, const codec::CdiEdits& common,
                             const codec::CdiEdits& own) {
  KERF_CHECK_OK(runtime::make_folders(options_.cdi_folder));
  const std::string path = options_.cdi_folder + "/" + codec::cdi_file_name(entry.device);
  const std::string text = codec::cdi_spec(entry, common, own);
  if (const auto before = runtime::read_file(path, kCdiBytesMax); before && *before == text)
    return {};
  return runtime::replace_file(path, text, runtime::Durability::Fast);
}

Result<void> Disk::remove_cdi(const std::string& device) {
  return runtime::remove_file(options_.cdi_folder + "/" + codec::cdi_file_name(device));
}

}  // namespace kerf::shell
