// Driver: the operations that change instances, each on what was looked at just before.
#include <optional>

#include "shell/nvml/driver.h"
#include "shell/nvml/kinds.h"

namespace kerf::nvml {

Code Driver::perform(const agent::CreateInstance& op) {
  const auto found = device_of(op.gpu);
  if (!found.ok()) return found.code;
  const Placement at{op.start, op.size};
  const auto made = session_->create(found.value, op.profile, at);
  if (!made.ok()) return made.code;
  const auto info = session_->info(made.value);
  // It may be there and right; the Look that follows a failure finds out.
  if (!info.ok()) return info.code;
  if (info.value.profile == op.profile && info.value.placement == at) return Code::Success;
  session_->destroy(made.value);  // nobody can hold it: it has no compute instance
  return Code::InvalidState;
}

Code Driver::perform(const agent::CreateCompute& op) {
  const auto found = instance(op.gpu, op.gi);
  if (!found.ok()) return found.code;
  std::optional<std::uint32_t> profile;
  const Code told = for_each_kind(
      [&](std::uint32_t enumerator) { return session_->compute_profile(found.value, enumerator); },
      [&](const ComputeProfile& kind) {
        if (kind.slices == op.slices) profile = kind.id;
        return !profile.has_value();
      });
  if (told != Code::Success) return told;
  if (!profile) return Code::NotSupported;
  const auto made = session_->create_compute(found.value, *profile);
  if (!made.ok()) return made.code;
  const auto info = session_->info(made.value);
  if (!info.ok()) return info.code;
  return info.value.profile == *profile ? Code::Success : Code::InvalidState;
}

Code Driver::perform(const agent::DestroyCompute& op) {
  const auto found = instance(op.gpu, op.gi);
  if (!found.ok()) return found.code;
  const auto around = session_->info(found.value);
  if (!around.ok()) return around.code;
  // Ids are used again, and so are UUIDs of slices that are made anew: this is another one, and may
  // have a holder.
  if (around.value.id != op.gi || around.value.profile != op.profile ||
      around.value.placement.start != op.start)
    return Code::NotFound;
  const auto compute = session_->compute(found.value, op.ci);
  if (!compute.ok()) return compute.code;
  const auto info = session_->info(compute.value);
  if (!info.ok()) return info.code;
  const auto uuid = session_->uuid(info.value.device);
  if (!uuid.ok()) return uuid.code;
  if (info.value.id != op.ci || uuid.value != op.uuid) return Code::NotFound;
  return session_->destroy(compute.value);
}

Code Driver::perform(const agent::DestroyInstance& op) {
  const auto found = instance(op.gpu, op.gi);
  if (!found.ok()) return found.code;
  const auto info = session_->info(found.value);
  if (!info.ok()) return info.code;
  if (info.value.id != op.gi || info.value.profile != op.profile ||
      info.value.placement.start != op.start)
    return Code::NotFound;
  return session_->destroy(found.value);
}

}  // namespace kerf::nvml
