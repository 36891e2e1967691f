// Reading files with a bound, and writing them as a whole or not at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kerf::cli {

/// The bytes of a file, a pipe, or standard input ("-"). TooLarge beyond `bytes_max`; NotFound if
/// there is no such file. Messages begin with the file's name.
Result<std::string> read_file(const std::string& file, std::size_t bytes_max);
/// The same for text: not UTF-8 is InvalidArgument with the line, or with what it seems to be.
Result<std::string> read_text(const std::string& file, std::size_t bytes_max);

/// "standard input" for "-", else the name, for messages.
std::string display_name(const std::string& file);

/// Checks before long work that `file` can be written: its folder is there and may be written.
Result<void> check_writable(const std::string& file);
/// Replaces `file` by a new one with this text: who reads it sees the old or the new text, never a
/// part. A link is followed; what is no regular file (a pipe, /dev/null) is written to.
Result<void> write_file(const std::string& file, std::string_view text);

/// Writes to standard output. A reader that has gone away (`| head`) is no error.
Result<void> write_stdout(std::string_view text);

}  // namespace kerf::cli
