// PodWaits: how long pods waited for an offer of Kerf's, and until they were bound.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/controller/words.h"

namespace kerf::shell {

/// Follows pods by what the mind is told and asks for. A wait begins when the scheduler first found
/// a pod unschedulable (the time that it wrote), and ends with the first Nominate that was Applied
/// ("offered"), and when the pod is bound. Only pods that Kerf nominated or decided about count; a
/// pod that goes before, or was bound when it was first seen, does not.
///
/// Memory: one entry for each pod that waits, at most kPodsMax; more are not measured.
class PodWaits {
 public:
  static constexpr std::size_t kPodsMax = 100'000;
  struct Waits {
    std::vector<std::int64_t> offered_ms;  ///< that ended in this batch; not negative
    std::vector<std::int64_t> bound_ms;
  };
  Waits observe(std::span<const controller::Event> batch,
                std::span<const controller::Effect> effects, std::int64_t now_ms);
  std::size_t waiting() const { return pods_.size(); }

 private:
  struct Wait {
    std::string uid;
    std::int64_t since_ms = 0;
    bool ours = false;
    bool offered = false;
  };
  void see(const control::Pod& pod, std::int64_t now_ms, Waits& waits);
  void nominated(const controller::Done& done, std::int64_t now_ms, Waits& waits);
  void own(const control::Key& pod);

  std::map<control::Key, Wait> pods_;
  /// Nominations under way: which pod, with which uid.
  std::map<controller::EffectId, std::pair<control::Key, std::string>> nominations_;
};

}  // namespace kerf::shell
