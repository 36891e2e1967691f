// Driver: starting, the roster of GPUs, and initialising again when handles have died.
#include "shell/nvml/driver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/quote.h"

namespace kerf::nvml {
namespace {

constexpr std::uint32_t kRenewEvery = 64;
/// GPUs that were ever seen: a bound, should a driver name other ones each time.
constexpr std::size_t kRosterMax = 4 * std::size_t{Session::kGpusMax};

}  // namespace

Driver::Driver(Options options, const gpu::Catalogue& catalogue)
    : options_(std::move(options)), catalogue_(catalogue) {}

Driver::~Driver() = default;

bool Driver::started() const { return session_ != nullptr && session_->ready(); }

Result<std::unique_ptr<Library>> Driver::load() const {
  auto library = Library::load(options_.library);
  for (const std::string& path : options_.candidates) {
    if (library) break;
    auto other = Library::load(path);
    // What is there but does not fit says more than that nothing is there.
    const bool nothing_yet = library.error().code() == ErrorCode::NotFound;
    if (other || (nothing_yet && other.error().code() != ErrorCode::NotFound))
      library = std::move(other);
  }
  if (library || options_.candidates.empty()) return library;
  return fail(library.error().code(),
              fmt::format("{} (tried: {}, {})", library.error().message(), options_.library,
                          fmt::join(options_.candidates, ", ")));
}

Result<void> Driver::start() {
  if (!session_) {
    start_code_ = static_cast<Code>(nvmlabi::kLibraryNotFound);
    KERF_TRY(auto library, load());
    session_ = std::make_unique<Session>(std::move(library));
  }
  if (started() && !session_->broken()) return {};
  start_code_ = initialise();
  if (start_code_ == Code::Success) return {};
  std::string what = fmt::format("NVIDIA's driver {}: NVML says {}",
                                 counted_ ? "does not start" : "does not tell which GPUs there are",
                                 agent::to_string(start_code_));
  if (start_code_ == Code::DriverNotLoaded)
    what += "; is the kernel module loaded (lsmod, dmesg), and does nvidia-smi work?";
  if (start_code_ == Code::NoPermission)
    what += "; this user may not open /dev/nvidiactl, or this container does not have it";
  if (start_code_ == static_cast<Code>(nvmlabi::kLibraryNotFound))
    what +=
        " (LIBRARY_NOT_FOUND): a library of the driver is missing; is the driver installed, and "
        "in a container, are all of its libraries mounted?";
  if (outdated())
    what +=
        " (LIB_RM_VERSION_MISMATCH): the driver was upgraded under this process: it has to "
        "start again";
  return fail(ErrorCode::Unavailable, std::move(what));
}

Code Driver::initialise() {
  keep_events();
  counted_ = true;
  const Code code = session_->init();
  if (code != Code::Success) return code;
  const Code listed = enlist();
  counted_ = listed == Code::Success;
  if (listed != Code::Success) {
    session_->shutdown();
    return listed;
  }
  watch();
  return Code::Success;
}

Code Driver::enlist() {
  const auto count = session_->gpu_count();
  if (!count.ok()) return count.code;
  std::vector<Member> roster = roster_;  // what fails half-way leaves all as it was
  const bool first = roster.empty();
  for (Member& member : roster) member.index.reset();
  std::vector<std::uint32_t> mute;
  for (std::uint32_t i = 0; i < count.value; ++i) {
    const auto device = session_->gpu(i);
    const auto uuid =
        device.ok() ? session_->uuid(device.value) : Answer<std::string>{device.code, {}};
    // Any other failure is that GPU's own, and the others go on without it.
    if (uuid.code == Code::Uninitialized || uuid.code == Code::DriverNotLoaded) return uuid.code;
    if (uuid.ok() || first) place(roster, i, uuid.value);
    else mute.push_back(i);
  }
  // One that does not tell its UUID is the one that stood there and was not found; a new one only
  // if none is missing.
  const bool complete =
      std::ranges::all_of(roster, [](const Member& member) { return member.index.has_value(); });
  for (const std::uint32_t i : mute) {
    if (i < roster.size() && !roster[i].index) roster[i].index = i;
    else if (complete) place(roster, i, "");
  }
  roster_ = std::move(roster);
  return Code::Success;
}

void Driver::place(std::vector<Member>& roster, std::uint32_t index, const std::string& uuid) {
  for (Member& member : roster)
    if (!uuid.empty() && member.seen.uuid == uuid) {
      member.index = index;
      return;
    }
  // A GPU that was mute when it was first seen, and now has a name.
  if (index < roster.size() && roster[index].seen.uuid.empty() && !roster[index].index) {
    roster[index].index = index;
    roster[index].seen.uuid = uuid;
    return;
  }
  if (roster.size() >= kRosterMax) return;
  Member member;
  member.index = index;
  member.seen.uuid = uuid;
  roster.push_back(std::move(member));
}

Code Driver::renew_if_due() {
  if (!started()) {
    static_cast<void>(start());
    return start_code_;
  }
  const bool any_lost =
      std::ranges::any_of(roster_, [](const Member& member) { return member.seen.lost; });
  looks_lost_ = any_lost ? looks_lost_ + 1 : 0;
  if (!session_->broken() && !is_turn(looks_lost_, kRenewEvery)) return Code::Success;
  return initialise();
}

/// INVALID_ARGUMENT, NOT_FOUND: that GPU is not there where it was, or has another handle than when
/// its events were asked for.
Answer<Device> Driver::find(std::uint32_t gpu) {
  const std::optional<std::uint32_t> index = roster_[gpu].index;
  if (!index) return {Code::GpuIsLost, {}};
  const auto found = session_->gpu(*index);
  if (!found.ok()) return found;
  const auto uuid = session_->uuid(found.value);
  if (!uuid.ok()) return {uuid.code, {}};
  const bool moved = std::ranges::any_of(watched_, [&](const auto& watched) {
    return watched.second == gpu && watched.first != found.value.raw;
  });
  if (moved || uuid.value != roster_[gpu].seen.uuid) return {Code::NotFound, {}};
  return found;
}

Answer<Device> Driver::device(std::uint32_t gpu) {
  if (!started()) return {Code::Uninitialized, {}};
  if (gpu >= roster_.size()) return {Code::InvalidArgument, {}};
  Answer<Device> found = find(gpu);
  if (found.code != Code::NotFound && found.code != Code::InvalidArgument) return found;
  // The driver counts otherwise than it did, or was loaded anew.
  outdate();
  const Code code = enlist();
  watch();
  if (code != Code::Success) return {code, {}};
  found = find(gpu);
  if (found.code == Code::NotFound || found.code == Code::InvalidArgument)
    found.code = Code::GpuIsLost;
  if (!found.ok()) found.value = {};
  return found;
}

Answer<Device> Driver::device_of(const std::string& uuid) {
  if (!started()) return {Code::Uninitialized, {}};
  for (std::uint32_t i = 0; !uuid.empty() && i < roster_.size(); ++i)
    if (roster_[i].seen.uuid == uuid) return device(i);
  return {Code::GpuIsLost, {}};
}

Answer<GpuInstance> Driver::instance(const std::string& gpu, std::uint32_t gi) {
  const auto found = device_of(gpu);
  if (!found.ok()) return {found.code, {}};
  return session_->gpu_instance(found.value, gi);
}

ModeChange Driver::set_mig_mode(std::uint32_t gpu, bool enable) {
  ModeChange change;
  const auto found = device(gpu);
  if (!found.ok()) {
    change.code = change.activation = change.read_back = found.code;
    return change;
  }
  const auto asked = session_->set_mig_mode(found.value, enable);
  change.code = asked.code;
  change.activation = asked.value;
  // "May unbind or reset the device": whatever was answered, old handles are not to be trusted.
  outdate();
  watch();
  const auto again = device(gpu);
  const auto mode = again.ok() ? session_->mig_mode(again.value) : Answer<MigMode>{again.code, {}};
  change.read_back = mode.code;
  change.mode = mode.value;
  return change;
}

}  // namespace kerf::nvml
