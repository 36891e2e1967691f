// RequestReader: Beast's parser fed by hand, one header at a time.
#include "shell/web/request.h"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <optional>
#include <string_view>

namespace kerf::web {

namespace http = boost::beast::http;

struct RequestReader::Parser {
  explicit Parser(std::size_t header_bytes_max) {
    parser.header_limit(static_cast<std::uint32_t>(header_bytes_max));
    parser.eager(false);  // bodies are not read but refused
  }
  http::request_parser<http::empty_body> parser;
};

RequestReader::RequestReader(std::size_t header_bytes_max) : header_bytes_max_(header_bytes_max) {}
RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::refuse(unsigned status) {
  bad_ = status;
  keep_alive_ = false;
  return State::Bad;
}

RequestReader::State RequestReader::take(std::string& bytes) {
  if (bad_ != 0) return State::Bad;
  if (!parser_) {
    // Empty lines before a request are allowed (RFC 9112, 2.2).
    while (bytes.starts_with("\r\n")) bytes.erase(0, 2);
    if (bytes.empty() || bytes == "\r") return State::More;
    parser_ = std::make_unique<Parser>(header_bytes_max_);
  }
  auto& parser = parser_->parser;
  boost::system::error_code error;
  while (!parser.is_header_done() && !bytes.empty()) {
    const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
    bytes.erase(0, used);
    if (error == http::error::need_more) break;
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return refuse(431);
    if (error == http::error::bad_version) return refuse(505);
    if (error) return refuse(400);
    if (used == 0) break;
  }
  if (parser.is_header_done()) return finish();
  return bytes.size() >= header_bytes_max_ ? refuse(431) : State::More;
}

RequestReader::State RequestReader::finish() {
  const auto& parser = parser_->parser;
  const auto& header = parser.get();
  if (header.version() == 11 && header.count(http::field::host) != 1) return refuse(400);
  if (parser.chunked() || parser.content_length_remaining().value_or(0) > 0) return refuse(413);
  request_.method = std::string(header.method_string());
  request_.target = std::string(header.target());
  const std::size_t mark = request_.target.find('?');
  request_.path = request_.target.substr(0, mark);
  request_.query = mark == std::string::npos ? "" : request_.target.substr(mark + 1);
  keep_alive_ = header.keep_alive();
  parser_.reset();
  return State::Done;
}

}  // namespace kerf::web
