// JSON in and out; the library behind it stays in json.cc.
#pragma once

#include <string>
#include <string_view>

#include "codec/document.h"

namespace kerf::codec {

/// Reads one JSON text, strictly (RFC 8259, valid UTF-8, no duplicate keys). Positions are given
/// for errors only; values have {0,0}.
Result<Document> parse_json(std::string_view text, std::string_view file,
                            const Limits& limits = {});

/// Two-space indented, keys in the order they were set, doubles shortest that reads back the same,
/// ends with a newline. NaN and infinity become null, bytes that are not UTF-8 U+FFFD; control
/// characters and other invisible line ends are escaped.
std::string write_json(const Node& root);
/// The same as one line, without the newline: for annotations and bodies of requests.
std::string write_json_line(const Node& root);

}  // namespace kerf::codec
