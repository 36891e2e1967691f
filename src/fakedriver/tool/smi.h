// smi(): the little of nvidia-smi that other programs call.
#pragma once

#include <string>
#include <vector>

namespace kerf::fakedriver::tool {

/// `nvidia-smi -L` lists GPUs and MIG devices; `nvidia-smi -r [-i IDS]` (or --gpu-reset) resets
/// GPUs, named by index, UUID or bus id, all if none is named. Answers the exit code. Everything
/// else is refused with a message.
int smi(const std::vector<std::string>& words);

}  // namespace kerf::fakedriver::tool
