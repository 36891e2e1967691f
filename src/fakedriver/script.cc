// Reading scripts, and writing them.
#include "fakedriver/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

#include "base/quote.h"
#include "fakedriver/overloaded.h"
#include "simgpu/names.h"

namespace kerf::fakedriver {

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t\r";
  for (std::size_t at = 0; (at = line.find_first_not_of(kBlanks, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

/// The words of one line, taken one after the other; the first thing that is wrong is kept.
class Line {
 public:
  explicit Line(const std::vector<std::string_view>& words) {
    for (const std::string_view word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string_view::npos) plain_.push_back(word);
      else if (!named_.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
        wrong("{} is there twice", quoted(word.substr(0, equals)));
    }
  }

  std::string_view verb() const { return plain_.empty() ? std::string_view() : plain_.front(); }

  std::string_view plain(const char* what) {
    if (next_ >= plain_.size()) {
      wrong("'{}' needs {}", verb(), what);
      return {};
    }
    return plain_[next_++];
  }
  template <class T>
  T plain_number(const char* what, T least, T most) {
    return number(plain(what), what, least, most);
  }
  /// name=value; nullopt if it is not there.
  std::optional<std::string_view> named(std::string_view name) {
    const auto at = named_.find(name);
    if (at == named_.end()) return std::nullopt;
    const std::string_view value = at->second;
    named_.erase(at);
    return value;
  }
  template <class T>
  T named_number(std::string_view name, T least, T most, std::optional<T> otherwise) {
    const auto value = named(name);
    if (!value) {
      if (!otherwise) wrong("'{}' needs {}=N", verb(), name);
      return otherwise.value_or(least);
    }
    return number(*value, name, least, most);
  }
  template <class... T>
  void wrong(fmt::format_string<T...> format, T&&... values) {
    if (wrong_.empty()) wrong_ = fmt::format(format, std::forward<T>(values)...);
  }
  /// After the last word has been taken.
  const std::string& finish() {
    if (next_ < plain_.size()) wrong("{} is too much", quoted(plain_[next_]));
    if (!named_.empty()) wrong("'{}' has no {}", verb(), quoted(named_.begin()->first));
    return wrong_;
  }

 private:
  template <class T>
  T number(std::string_view text, std::string_view what, T least, T most) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
      wrong("{} is {}, expected a whole number from {} to {}", what, quoted(text), least, most);
      return least;
    }
    return value;
  }

  std::vector<std::string_view> plain_;
  std::map<std::string_view, std::string_view> named_;
  std::size_t next_ = 1;
  std::string wrong_;
};

constexpr int kMostGpu = 31;
constexpr std::uint32_t kMostId = simgpu::kNoInstance - 1;

int gpu_of(Line& line) { return line.named_number<int>("gpu", 0, kMostGpu, std::nullopt); }
std::uint32_t pid_of(Line& line) {
  return line.named_number<std::uint32_t>("pid", 1, std::numeric_limits<std::int32_t>::max(),
                                          std::nullopt);
}

Action read_fail(Line& line) {
  Fail fail;
  const std::string_view operation = line.plain("an operation");
  if (const auto known = simgpu::operation_named(operation)) fail.operation = *known;
  else
    line.wrong("{} is no operation; `kerf-fake-driver operations` lists them", quoted(operation));
  const std::string_view code = line.plain("a return code");
  if (const auto known = simgpu::return_named(code); known && *known != simgpu::Return::Success)
    fail.code = *known;
  else line.wrong("{} is no error code of NVML; expected one like in-use or unknown", quoted(code));
  fail.count = line.named_number<int>("count", 1, 1'000'000, 1);
  fail.gpu = line.named_number<int>("gpu", 0, kMostGpu, -1);
  if (const auto effect = line.named("effect")) {
    if (*effect == "done") fail.effect = simgpu::Effect::Done;
    else if (*effect != "nothing")
      line.wrong("effect is {}, expected nothing or done", quoted(*effect));
  }
  return fail;
}

Action read_action(Line& line) {
  const std::string_view verb = line.verb();
  if (verb == "fail") return read_fail(line);
  if (verb == "clear-faults") return ClearFaults{};
  if (verb == "xid") {
    ReportXid xid;
    xid.xid = line.plain_number<std::uint32_t>("an XID", 1, 999);
    xid.gpu = gpu_of(line);
    xid.gi = line.named_number<std::uint32_t>("gi", 0, kMostId, simgpu::kNoInstance);
    xid.ci = line.named_number<std::uint32_t>("ci", 0, kMostId, simgpu::kNoInstance);
    return xid;
  }
  if (verb == "lose") {
    Lose lose{gpu_of(line)};
    if (const auto until = line.named("until")) {
      lose.until_reboot = *until == "reboot";
      if (!lose.until_reboot) line.wrong("until is {}, expected reboot", quoted(*until));
    }
    return lose;
  }
  if (verb == "start-process") {
    StartProcess start;
    start.uuid = line.plain("the UUID of a GPU or a MIG device");
    start.pid = pid_of(line);
    start.memory_mib = line.named_number<std::int64_t>("memory", 0, 1 << 24, 0);
    return start;
  }
  if (verb == "end-process") return EndProcess{pid_of(line)};
  if (verb == "clients") {
    const int count = line.plain_number<int>("a number of clients", 0, 1'000'000);
    return Clients{count, gpu_of(line)};
  }
  if (verb == "reset") return Reset{gpu_of(line)};
  if (verb == "reload-driver") return Reload{};
  if (verb == "reboot") return Reboot{};
  if (verb == "slow") {
    const std::string_view how = line.plain("on or off");
    if (how != "on" && how != "off") line.wrong("slow is {}, expected on or off", quoted(how));
    return Slow{how == "on"};
  }
  line.wrong(
      "{} is no action; expected fail, clear-faults, xid, lose, start-process, end-process, "
      "clients, "
      "reset, reload-driver, reboot or slow",
      quoted(verb));
  return ClearFaults{};
}

}  // namespace

Result<std::vector<Step>> read_script(std::string_view text, std::string_view file) {
  if (text.size() > kMostScriptBytes)
    return fail(ErrorCode::TooLarge, fmt::format("{}: a script has at most 1 MiB", file));
  std::vector<Step> steps;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::vector<std::string_view> words = words_of(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (words.empty()) continue;
    Line line(words);
    Action action = read_action(line);
    if (const std::string& wrong = line.finish(); !wrong.empty())
      return invalid(fmt::format("{}:{}: {}", file, number, wrong));
    steps.push_back({number, std::move(action)});
  }
  return steps;
}

std::string to_line(const Action& action) {
  const auto id = [](const char* name, std::uint32_t value) {
    return value == simgpu::kNoInstance ? std::string() : fmt::format(" {}={}", name, value);
  };
  return std::visit(
      Overloaded{
          [](const Fail& f) {
            return fmt::format("fail {} {} count={}{}{}", simgpu::to_string(f.operation),
                               simgpu::script_name(f.code), f.count,
                               f.effect == simgpu::Effect::Done ? " effect=done" : "",
                               f.gpu < 0 ? "" : fmt::format(" gpu={}", f.gpu));
          },
          [](const ClearFaults&) { return std::string("clear-faults"); },
          [&](const ReportXid& x) {
            return fmt::format("xid {} gpu={}{}{}", x.xid, x.gpu, id("gi", x.gi), id("ci", x.ci));
          },
          [](const Lose& l) {
            return fmt::format("lose gpu={}{}", l.gpu, l.until_reboot ? " until=reboot" : "");
          },
          [](const StartProcess& s) {
            return fmt::format("start-process {} pid={} memory={}", s.uuid, s.pid, s.memory_mib);
          },
          [](const EndProcess& e) { return fmt::format("end-process pid={}", e.pid); },
          [](const Clients& c) { return fmt::format("clients {} gpu={}", c.count, c.gpu); },
          [](const Reset& r) { return fmt::format("reset gpu={}", r.gpu); },
          [](const Reload&) { return std::string("reload-driver"); },
          [](const Reboot&) { return std::string("reboot"); },
          [](const Slow& s) { return std::string(s.on ? "slow on" : "slow off"); },
      },
      action);
}

}  // namespace kerf::fakedriver
