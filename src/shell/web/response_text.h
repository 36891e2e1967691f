// What is sent for a Response: status line, headers, body.
#pragma once

#include <string>

#include "shell/web/server.h"

namespace kerf::web {

/// The bytes of an answer over HTTP/1.1. `head`: without the body, whose length is told.
std::string answer_text(const Response& response, bool head, bool keep_alive);

/// A response that only names its status: "404 Not Found".
Response plain(unsigned status);

}  // namespace kerf::web
