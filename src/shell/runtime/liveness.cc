// A promise that the loop keeps.
#include "shell/runtime/liveness.h"

#include <future>
#include <memory>

namespace kerf::runtime {

bool turns(Loop& loop, std::chrono::milliseconds patience) {
  auto turned = std::make_shared<std::promise<void>>();
  auto answer = turned->get_future();
  return loop.post([turned] { turned->set_value(); }) &&
         answer.wait_for(patience) == std::future_status::ready;
}

}  // namespace kerf::runtime
