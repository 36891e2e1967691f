// FolderWatch: one inotify instance on every folder of a path.
#include "shell/runtime/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "base/quote.h"

namespace kerf::runtime {
namespace {

constexpr std::int64_t kFirstRetryMs = 1000;
constexpr std::int64_t kLastRetryMs = 60'000;

constexpr std::uint32_t kOfItself = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
constexpr std::uint32_t kAbove =
    kOfItself | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB;
constexpr std::uint32_t kFolder =
    kOfItself | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE;
constexpr std::uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

}  // namespace

// Levels: 0 is "/", the last one the folder; level i is watched for what happens to the name of
// level i+1. When a level changes all are watched anew by a new instance, so that no event of an
// old watch is left. Two levels may be one folder, by a link, and then share a watch.
struct FolderWatch::Impl : std::enable_shared_from_this<FolderWatch::Impl> {
  struct Level {
    std::string path;
    std::string next;  // name of the level below; empty: this is the folder
  };

  Impl(Loop& l, Callback c) : loop(l), callback(std::move(c)) {}
  void set_path(const std::filesystem::path& path);
  void close();
  void open();
  void look_again();
  void retry();
  void read();
  bool is_of_path(int wd, const inotify_event& event, std::string_view name) const;
  void tell(const std::string& name, Change change) {
    if (alive) callback(name, change);
  }
  void deliver(const inotify_event& event, const std::string& name);

  Loop& loop;
  Callback callback;
  std::vector<Level> levels;
  std::multimap<int, std::size_t> watched;  // watch descriptor -> level
  int fd = -1;
  bool alive = true;
  bool whole = false;
  std::string trouble;
  TimerId retry_timer;
  std::int64_t retry_ms = kFirstRetryMs;
};

void FolderWatch::Impl::set_path(const std::filesystem::path& path) {
  std::filesystem::path above;
  for (const auto& part : path) {
    if (part.empty()) continue;  // behind a final slash
    if (!levels.empty()) levels.back().next = part.string();
    above /= part;
    levels.push_back({above.string(), {}});
  }
}

void FolderWatch::Impl::close() {
  loop.cancel(retry_timer);
  if (fd >= 0) {
    loop.forget_readable(fd);
    ::close(std::exchange(fd, -1));
  }
  watched.clear();
  whole = false;
}

/// Watches as many levels as there are. What keeps it from watching one that may be there is in
/// `trouble`.
void FolderWatch::Impl::open() {
  close();
  trouble.clear();
  const auto failed = [&](const std::string& path) {
    const int error = errno;
    trouble = "cannot watch " + quoted(path, 4096) + ": ";
    if (error == ENOSPC)
      trouble += "the limit of inotify watches is reached (fs.inotify.max_user_watches)";
    else if (error == EMFILE)
      trouble +=
          "the limit of inotify instances or open files is reached (fs.inotify.max_user_instances)";
    else trouble += std::generic_category().message(error);
  };
  fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return failed(levels.back().path);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const int wd =
        ::inotify_add_watch(fd, levels[i].path.c_str(), levels[i].next.empty() ? kFolder : kAbove);
    if (wd < 0) {
      if (errno != ENOENT && errno != ENOTDIR) failed(levels[i].path);
      break;
    }
    watched.emplace(wd, i);
  }
  whole = watched.size() == levels.size();
  loop.on_readable(fd, [self = shared_from_this()] { self->read(); });
}

void FolderWatch::Impl::look_again() {
  open();
  if (trouble.empty()) retry_ms = kFirstRetryMs;
  else retry();
  tell("", Change::Everything);
}

void FolderWatch::Impl::retry() {
  retry_timer = loop.after(retry_ms, [self = shared_from_this()] { self->look_again(); });
  retry_ms = std::min(retry_ms * 2, kLastRetryMs);
}

/// Something happened to a level of the path.
bool FolderWatch::Impl::is_of_path(int wd, const inotify_event& event,
                                   std::string_view name) const {
  if ((event.mask & (IN_Q_OVERFLOW | kGone)) != 0) return true;
  const auto [first, last] = watched.equal_range(wd);
  return std::any_of(first, last, [&](const auto& entry) {
    const Level& level = levels[entry.second];
    return !level.next.empty() && level.next == name;
  });
}

void FolderWatch::Impl::deliver(const inotify_event& event, const std::string& name) {
  const auto [first, last] = watched.equal_range(event.wd);
  const bool in_folder = std::any_of(
      first, last, [&](const auto& entry) { return levels[entry.second].next.empty(); });
  if (!in_folder || name.empty()) return;
  if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) tell(name, Change::Created);
  if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) tell(name, Change::Removed);
  if ((event.mask & IN_CLOSE_WRITE) != 0) tell(name, Change::Written);
}

void FolderWatch::Impl::read() {
  const auto self = shared_from_this();  // the callback may destroy all else
  alignas(inotify_event) std::array<char, 32768> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return look_again();
  const auto size = static_cast<std::size_t>(n);
  for (std::size_t at = 0; alive && at + sizeof(inotify_event) <= size;) {
    inotify_event event;
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const char* text = buffer.data() + at + sizeof event;
    const std::string name(text, event.len == 0 ? 0 : ::strnlen(text, event.len));
    at += sizeof event + event.len;
    if (is_of_path(event.wd, event, name)) return look_again();  // the rest is of the past
    deliver(event, name);
  }
}

Result<std::unique_ptr<FolderWatch>> FolderWatch::start(Loop& loop, const std::string& folder,
                                                        Callback callback) {
  const std::filesystem::path path(folder);
  const std::filesystem::path normal = path.lexically_normal();
  if (!path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
    return invalid("cannot watch " + quoted(folder, 4096) +
                   ": expected an absolute path without \"..\"");
  auto impl = std::make_shared<Impl>(loop, std::move(callback));
  impl->set_path(normal);
  impl->open();
  if (!impl->trouble.empty()) {
    impl->close();
    return fail(ErrorCode::Unavailable, impl->trouble);
  }
  return std::unique_ptr<FolderWatch>(new FolderWatch(std::move(impl)));
}

FolderWatch::FolderWatch(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

FolderWatch::~FolderWatch() {
  impl_->alive = false;
  impl_->close();
}

bool FolderWatch::watching() const { return impl_->whole; }
const std::string& FolderWatch::trouble() const { return impl_->trouble; }

}  // namespace kerf::runtime
