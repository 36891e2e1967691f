// Reading of what others write: fields that are absent have a default, unknown ones are passed
// over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/strict_fields.h"

namespace kerf::codec {

// Each takes the mapping that holds the field; nullopt stands for an absent one, so that they can
// be chained. A field that is absent or null has its default. A value of another type, or beyond
// the bounds, is an error with file, position and path.

/// nullopt if it is not given.
Result<std::optional<Field>> given(const std::optional<Field>& mapping, std::string_view key);
/// The same of a field that must be a mapping.
Result<std::optional<Field>> given_mapping(const std::optional<Field>& mapping,
                                           std::string_view key);
/// "" if it is not given.
Result<std::string> given_text(const std::optional<Field>& mapping, std::string_view key,
                               std::size_t bytes_max = 253);
/// false if it is not given.
Result<bool> given_flag(const std::optional<Field>& mapping, std::string_view key);
Result<std::optional<std::int64_t>> given_integer(const std::optional<Field>& mapping,
                                                  std::string_view key, std::int64_t least,
                                                  std::int64_t most);
/// Its entries; none if it is not given.
Result<std::vector<Field>> given_list(const std::optional<Field>& mapping, std::string_view key,
                                      std::size_t most);
/// Its entries, which are strings (they may be empty).
Result<std::vector<std::string>> given_texts(const std::optional<Field>& mapping,
                                             std::string_view key, std::size_t most,
                                             std::size_t bytes_max);
/// A mapping of strings, as labels and annotations are; null is "".
Result<std::map<std::string, std::string>> given_labels(const std::optional<Field>& mapping,
                                                        std::string_view key, std::size_t most,
                                                        std::size_t bytes_max);

}  // namespace kerf::codec
