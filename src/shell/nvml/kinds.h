// for_each_kind: NVML's kinds of instance, enum by enum.
#pragma once

#include <cstdint>
#include <utility>

#include "shell/nvml/session.h"

namespace kerf::nvml {

/// Asks with `ask(enum)` for 0, 1, ... and gives each kind that there is to `use`, which returns
/// whether to go on. Success: every kind was told, or `use` had enough.
///
/// INVALID_ARGUMENT is the end only past the first enum, and if the next one says so too: a handle
/// that died, or one call that failed, must not look like a shorter list.
template <class Ask, class Use>
Code for_each_kind(Ask ask, Use use) {
  for (std::uint32_t i = 0; i < Session::kProfileEnums; ++i) {
    auto kind = ask(i);
    if (kind.code == Code::InvalidArgument) {
      if (i == 0) return kind.code;
      const Code next = ask(i + 1).code;
      if (next == Code::InvalidArgument) return Code::Success;
      return next == Code::Success || next == Code::NotSupported ? Code::InvalidArgument : next;
    }
    if (kind.code == Code::NotSupported) continue;
    if (!kind.ok()) return kind.code;
    if (!use(std::move(kind.value))) break;
  }
  return Code::Success;
}

}  // namespace kerf::nvml
