// The journal's text form: one record a line, words between single spaces, "end" last.
#include "core/agent/journal.h"

#include <charconv>
#include <optional>

#include "base/quote.h"

namespace kerf::agent {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr std::size_t kMaxGpus = 64;
constexpr std::size_t kMaxDevices = 64;  ///< of one GPU
constexpr std::string_view kHead = "kerf-journal 1";
constexpr const char* kMarks[] = {"making", "stands", "going"};

/// Words that may be empty are written as "-"; none of them is "-" otherwise.
std::string word(const std::string& text) { return text.empty() ? "-" : text; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  /// The next line as words; nullopt: there is none, or it does not end.
  std::optional<std::vector<std::string_view>> line() {
    const std::size_t end = text_.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view rest = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    ++number_;
    std::vector<std::string_view> words;
    while (true) {
      const std::size_t space = rest.find(' ');
      words.push_back(rest.substr(0, space));
      if (space == std::string_view::npos) return words;
      rest.remove_prefix(space + 1);
    }
  }
  bool at_end() const { return text_.empty(); }
  tl::unexpected<Error> wrong(std::string_view what) const {
    return invalid("journal, line " + std::to_string(number_) + ": " + std::string(what));
  }

 private:
  std::string_view text_;
  int number_ = 0;
};

bool is_word(std::string_view text) {
  if (text.empty() || text.size() > 256) return false;
  for (const char c : text)
    if (c <= ' ' || c > '~') return false;
  return true;
}

std::string from_word(std::string_view text) { return text == "-" ? "" : std::string(text); }

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// slice FORM START RESOURCE published|parked making|stands|going good|lost
std::optional<Entry> entry(const std::vector<std::string_view>& words) {
  if (words.size() != 7) return std::nullopt;
  Entry entry;
  entry.form = words[1];
  const auto start = number<int>(words[2]);
  if (!start || *start > 255) return std::nullopt;
  entry.start = static_cast<std::uint8_t>(*start);
  entry.resource = from_word(words[3]);
  entry.published = words[4] == "published";
  if (!entry.published && words[4] != "parked") return std::nullopt;
  bool known = false;
  for (int i = 0; i < 3; ++i)
    if (words[5] == kMarks[i]) {
      entry.mark = static_cast<Mark>(i);
      known = true;
    }
  entry.lost = words[6] == "lost";
  if (!known || (!entry.lost && words[6] != "good")) return std::nullopt;
  return entry;
}

}  // namespace

std::string to_text(const Journal& journal) {
  std::string text(kHead);
  text += "\nboot " + word(journal.boot_id);
  text += "\nspec " + word(journal.uid) + " " + std::to_string(journal.generation) + "\n";
  for (const JournalGpu& gpu : journal.gpus) {
    text += "gpu " + word(gpu.uuid) + "\n";
    for (const Entry& entry : gpu.devices) {
      text += "slice " + entry.form + " " + std::to_string(entry.start) + " " +
              word(entry.resource) + (entry.published ? " published " : " parked ") +
              kMarks[static_cast<int>(entry.mark)] + (entry.lost ? " lost\n" : " good\n");
    }
  }
  return text + "end\n";
}

Result<Journal> journal_from_text(std::string_view text) {
  if (text.size() > kMaxBytes) return fail(ErrorCode::TooLarge, "journal: more than 64 KiB");
  Reader reader(text);
  const auto head = reader.line();
  if (!head || head->size() != 2 || (*head)[0] != "kerf-journal" || (*head)[1] != "1")
    return reader.wrong("not a journal of version 1");
  Journal journal;
  const auto boot = reader.line();
  if (!boot || boot->size() != 2 || (*boot)[0] != "boot" || !is_word((*boot)[1]))
    return reader.wrong("expected the boot id");
  journal.boot_id = from_word((*boot)[1]);
  const auto spec = reader.line();
  const auto generation =
      spec && spec->size() == 3 ? number<std::int64_t>((*spec)[2]) : std::nullopt;
  if (!generation || (*spec)[0] != "spec" || !is_word((*spec)[1]))
    return reader.wrong("expected the spec");
  journal.uid = from_word((*spec)[1]);
  journal.generation = *generation;

  while (true) {
    const auto words = reader.line();
    if (!words) return reader.wrong("cut off");
    for (const std::string_view word : *words)
      if (!is_word(word)) return reader.wrong("expected words, one space between them");
    if ((*words)[0] == "end" && words->size() == 1) break;
    if ((*words)[0] == "gpu" && words->size() == 2) {
      if (journal.gpus.size() == kMaxGpus) return reader.wrong("too many GPUs");
      journal.gpus.push_back({from_word((*words)[1]), {}});
      continue;
    }
    const auto device = (*words)[0] == "slice" ? entry(*words) : std::nullopt;
    if (!device || journal.gpus.empty()) return reader.wrong("expected a GPU or a slice");
    JournalGpu& gpu = journal.gpus.back();
    if (gpu.devices.size() == kMaxDevices) return reader.wrong("too many slices");
    if (!gpu.devices.empty() && std::pair(gpu.devices.back().start, gpu.devices.back().form) >=
                                    std::pair(device->start, device->form))
      return reader.wrong("slices are not in order");
    gpu.devices.push_back(*device);
  }
  if (!reader.at_end()) return reader.wrong("something after the end");
  return journal;
}

}  // namespace kerf::agent
