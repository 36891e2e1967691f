// Answers: brings answers of the API server from the client's thread to the loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "shell/apiserver/client.h"
#include "shell/runtime/loop.h"

namespace kerf::shell {

/// None is lost while the loop's queue is full: those are fetched a quarter of a second later.
/// Lives on the loop's thread.
class Answers {
 public:
  using Take = std::function<void(std::uint64_t id, apiserver::Answer answer)>;

  /// `loop` must outlive it, and the client whose answers are expected.
  Answers(runtime::Loop& loop, Take take);
  /// After it nothing is called.
  ~Answers();
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  /// For a request of the client: `take` gets that id and the answer, once.
  apiserver::Client::Done expect(std::uint64_t id);
  /// Those that did not come yet.
  std::size_t expected() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kerf::shell
