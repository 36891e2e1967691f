// Record: a simulated driver as bytes, and back: what processes that share a machine exchange.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// No record is longer.
inline constexpr std::size_t kMostRecordBytes = std::size_t{4} << 20;

/// Replaces what is in `bytes`.
void write_record(const simgpu::Driver& driver, std::string& bytes);

/// InvalidArgument, with what is wrong, for bytes that write_record() cannot have written: they may
/// come from a file that somebody else has touched.
Result<simgpu::Driver> read_record(std::string_view bytes);

}  // namespace kerf::fakedriver
