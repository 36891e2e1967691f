// The files of data/ that ship inside the program.
#pragma once

#include <optional>
#include <string_view>

namespace kerf::codec {

/// The text of a file of data/ as shipped in the program, e.g. "gpu_models.csv"; nullopt if there
/// is no such file. The view lives as long as the program. Thread-safe.
std::optional<std::string_view> builtin_file(std::string_view name);

}  // namespace kerf::codec
