// What a plain YAML scalar means to Kubernetes: null, bool, integer, number or text.
#pragma once

#include <string>
#include <string_view>

#include "codec/document.h"

namespace kerf::codec {

/// The value of a scalar without quotes or tag, as sigs.k8s.io/yaml v1.4 reads it
/// (goyaml.v2/resolve.go): null forms, y/yes/on/true in three spellings, integers in base 2, 8
/// ("0o17" and "017"), 10 and 16 with underscores anywhere, floats with a digit, all else text.
/// "08" and decimal integers beyond int64 are floats; a number too large for a double is text;
/// dates are text. .inf and .nan become Float, which the reader must refuse: JSON cannot say them.
Node resolve_plain(std::string_view text);

/// The text that sigs.k8s.io/yaml makes of a scalar used as a key: `1: x` gives "1", `0x10: x`
/// "16", `yes: x` "true", `1.50: x` "1.5". Null has none and must be refused by the caller.
std::string key_text(const Node& scalar);

}  // namespace kerf::codec
