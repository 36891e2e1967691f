// parse_yaml: strict YAML (and so JSON) as Kubernetes reads it, every value with its position.
#pragma once

#include <string_view>
#include <vector>

#include "codec/document.h"

namespace kerf::codec {

/// Reads all documents of a stream; empty ones are skipped. Refused with file:line:column and what
/// to do: syntax errors, tabs as indentation, duplicate keys, non-string keys, unknown anchors,
/// anything beyond `limits` (alias bombs count as what they expand to), merge keys that are not
/// mappings. `<<` merges as in YAML 1.1. Text that holds "{{" outside quotes where a value is
/// expected is answered with: this is a Helm template, render it first (helm template ... |).
Result<std::vector<Document>> parse_yaml(std::string_view text, std::string_view file,
                                         const Limits& limits = {});

}  // namespace kerf::codec
