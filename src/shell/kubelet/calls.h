// Calls: kubelet's Allocate and GetPreferredAllocation between kubelet and the mind.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shell/kubelet/hub.h"
#include "shell/kubelet/plugin_server.h"

namespace kerf::kubelet {

/// kubelet asks for several containers at once (in fact for one), the mind is asked for each. All
/// have to be granted, else all are refused; what the mind has granted of them stays its grant,
/// which expires. Whatever the mind does, kubelet has an answer by the deadline.
class Calls {
 public:
  explicit Calls(Hub& hub) : hub_(hub) {}

  void asked(std::shared_ptr<Call> call);
  void given_up(std::uint64_t call);
  void answer(const agent::Answer& answer);
  void prefer(const agent::Prefer& answer);
  /// kubelet's calls that wait.
  std::size_t waiting() const { return open_.size(); }

  static constexpr std::size_t kWaitingMax = 64;

 private:
  struct Waiting {
    std::shared_ptr<Call> call;
    std::vector<std::vector<std::string>> answers;  // by container
    std::map<std::uint64_t, std::size_t> missing;   // the mind's call -> container
    runtime::TimerId deadline;
  };
  using Open = std::map<std::uint64_t, Waiting>;

  bool pass_on(Waiting& waiting, std::size_t container);
  Open::iterator find(std::uint64_t number);
  void answered(Open::iterator it, std::uint64_t number, std::vector<std::string> devices);
  void refuse(Open::iterator it, Refusal refusal, const std::string& why);
  void forget(Open::iterator it);

  Hub& hub_;
  Open open_;                                     // by the id of kubelet's call
  std::map<std::uint64_t, std::uint64_t> owner_;  // the mind's call -> kubelet's
  std::uint64_t next_ = 1;
};

}  // namespace kerf::kubelet
