// mig-parted's configuration files (YAML or JSON) -> agent::MigConfig.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/agent/mig_config.h"

namespace kerf::codec {

/// Reads `version: v1` with `mig-configs`. What mig-parted refuses is refused, with file, line and
/// field: unknown fields, another version, an empty configuration, `devices` or `mig-enabled`
/// missing, mig-devices missing although MIG is on or given although it is off, names that are no
/// profiles, counts that are negative or all 0, filters that are no PCI ids. At most 1 MiB
/// (TooLarge), 1000 configurations of 256 entries, 256 filters and 64 devices each, 64 of a
/// profile.
Result<agent::MigConfig> read_mig_config(std::string_view text, std::string_view file);

}  // namespace kerf::codec
