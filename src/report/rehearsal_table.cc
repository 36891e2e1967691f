// A rehearsal as the text that people read in a terminal.
#include <fmt/format.h>

#include "report/rehearsal.h"
#include "report/rehearsal_words.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using agent::Difference;
using agent::RehearsedStep;
using agent::TakenPublished;

constexpr std::size_t kIndent = 2;
constexpr std::size_t kLabel = 8;

/// Lines of text, each made safe, wrapped, and indented under its beginning.
class Lines {
 public:
  explicit Lines(bool unicode) : unicode_(unicode) {}

  void add(const std::string& start, const std::string& text) {
    std::string before = start;
    for (const std::string& part :
         wrapped(printable(text, unicode_), kColumnsMax - columns(start))) {
      text_ += before + part + '\n';
      before = std::string(columns(start), ' ');
    }
  }
  std::string take() && { return std::move(text_); }

 private:
  bool unicode_;
  std::string text_;
};

std::string holder(const std::string& pod) { return pod.empty() ? "somebody" : "pod " + pod; }

std::string listed(const std::vector<std::string>& devices) {
  std::string text;
  for (const std::string& device : devices) text += (text.empty() ? "" : ", ") + device;
  return text;
}

}  // namespace

std::string step_sentence(const RehearsedStep& step) {
  const std::string disturbs = step.was_published ? ", which pods can be sent to now" : "";
  switch (step.what) {
    case RehearsedStep::What::Create: return "cut " + step.device;
    case RehearsedStep::What::Destroy: return "cut away " + step.device + disturbs;
    case RehearsedStep::What::Publish: return "offer " + step.device + " as " + step.resource;
    case RehearsedStep::What::Withdraw:
      return "cease to offer " + step.device + " as " + step.resource + disturbs;
    case RehearsedStep::What::Rename:
      return "rename " + step.device + " from " + step.before + " to " + step.resource;
  }
  return "";
}

std::string difference_sentence(const Difference& it) {
  switch (it.what) {
    case Difference::What::Missing: {
      std::string text = it.device + " is missing";
      if (it.by.empty()) return text;
      text += ": " + listed(it.by) + (it.by.size() == 1 ? " is" : " are") + " in its way";
      return it.held ? text + ", and " + holder(it.pod) + " holds what is there" : text;
    }
    case Difference::What::Staying:
      return it.device + " stays" + (it.held ? ": " + holder(it.pod) + " holds it" : "");
    case Difference::What::NotOffered: return it.device + " is not offered";
    case Difference::What::Offered:
      return it.device + " stays offered" + (it.held ? ": " + holder(it.pod) + " holds it" : "");
    case Difference::What::OtherName:
      return it.device + " keeps its resource name" +
             (it.held ? ": " + holder(it.pod) + " holds it" : "");
  }
  return "";
}

std::string rehearsal_table(const agent::Rehearsal& rehearsal, bool unicode) {
  Lines lines(unicode);
  for (const agent::GpuAfter& gpu : rehearsal.gpus) {
    lines.add("", fmt::format("GPU {}: {}", gpu.gpu, gpu.uuid));
    const bool same = gpu.layout_before == gpu.layout_after;
    lines.add(padded(same ? "  stays" : "  now", kIndent + kLabel), gpu.layout_before);
    if (!same) lines.add(padded("  then", kIndent + kLabel), gpu.layout_after);
  }
  if (rehearsal.nothing()) {
    lines.add("", "Nothing would be done.");
  } else {
    lines.add(
        "",
        fmt::format(
            "{}, {}:", counted(static_cast<std::int64_t>(rehearsal.steps.size()), "step", "steps"),
            counted(rehearsal.driver_operations, "driver operation", "driver operations")));
    int number = 0;
    for (const RehearsedStep& step : rehearsal.steps)
      lines.add(padded_left(fmt::format("{}. ", ++number), kIndent + 4), step_sentence(step));
  }
  if (rehearsal.differences.empty()) {
    lines.add("", "Then the node is as wanted.");
  } else {
    lines.add("", "Then it is not as wanted:");
    for (const Difference& difference : rehearsal.differences)
      lines.add("  - ", difference_sentence(difference));
  }
  if (rehearsal.degraded != control::Degraded::No)
    lines.add("", fmt::format("The node would say Degraded ({}): {}",
                              control::to_string(rehearsal.degraded), rehearsal.message));
  if (!rehearsal.settled)
    lines.add("",
              "The agent would not come to rest: this is a mistake of Kerf's, please report it.");
  return std::move(lines).take();
}

std::vector<std::string> taken_lines(const std::vector<TakenPublished>& taken) {
  constexpr const char* kWords[] = {"go", "be parked", "be renamed"};
  std::vector<std::string> lines;
  for (const TakenPublished& one : taken)
    lines.push_back(printable(fmt::format("{} ({}) would {}", one.device, one.resource,
                                          kWords[static_cast<int>(one.how)]),
                              false));
  return lines;
}

}  // namespace kerf::report
