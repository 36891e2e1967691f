// LineOutput: writes whole lines to a descriptor and does not wait for one that nobody reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kerf::telemetry {

/// One thread at a time.
class LineOutput {
 public:
  /// `fd` stays the caller's. SIGPIPE is ignored in this process from here on, if it was not
  /// handled: a reader that goes away must not end it.
  explicit LineOutput(int fd);
  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  /// One write() of a line of at most PIPE_BUF bytes. False: it is lost, because the reader did not
  /// make room within 100 ms (or at once, while it made none for the last one), or there is none.
  bool write(std::string_view line);

 private:
  enum class Kind { Pipe, Socket, Other };
  bool send(std::string_view text);

  int fd_;
  bool own_ = false;  // fd_ is a second, non-blocking opening of the caller's pipe
  Kind kind_ = Kind::Other;
  bool stuck_ = false;
  std::string rest_;  // of a line that a socket took in part
};

}  // namespace kerf::telemetry
