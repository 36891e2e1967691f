// The waits of the controller by name: for tests, and for clusters that are slower than most.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/quote.h"
#include "shell/controller/host.h"

namespace kerf::shell {

namespace {

using Mind = controller::Options;

struct Wait {
  std::string_view name;
  std::int64_t Mind::*of_mind = nullptr;
};

constexpr std::array kOfMind = {
    Wait{"batch-idle", &Mind::batch_idle_ms},
    Wait{"batch-max", &Mind::batch_max_ms},
    Wait{"consolidate-every", &Mind::consolidate_every_ms},
    Wait{"disagree", &Mind::disagree_ms},
    Wait{"disagree-again", &Mind::disagree_again_ms},
    Wait{"disagree-silent", &Mind::disagree_silent_ms},
    Wait{"empty", &Mind::empty_ms},
    Wait{"layout-deadline", &Mind::layout_deadline_ms},
    Wait{"move-deadline", &Mind::move_deadline_ms},
    Wait{"node-deadline", &Mind::node_deadline_ms},
    Wait{"park-after", &Mind::park_after_ms},
    Wait{"price-age", &Mind::price_age_ms},
    Wait{"refused", &Mind::refused_ms},
    Wait{"settle", &Mind::settle_ms},
    Wait{"status-every", &Mind::status_every_ms},
    Wait{"vain", &Mind::vain_ms},
    Wait{"withdraw", &Mind::withdraw_ms},
};

}  // namespace

Result<void> set_wait(ControllerOptions& options, const std::string& name, std::int64_t ms) {
  const auto known = std::find_if(kOfMind.begin(), kOfMind.end(),
                                  [&](const Wait& wait) { return wait.name == name; });
  if (known != kOfMind.end()) {
    options.mind.*(known->of_mind) = ms;
  } else if (name == "scrape-every") {
    options.prices.every_ms = ms;
  } else if (name == "lease-duration") {
    // In the proportions of the defaults.
    options.election.duration_ms = ms;
    options.election.renew_deadline_ms = ms * 7 / 10;
    options.election.retry_ms = ms / 5;
  } else {
    std::string names;
    for (const std::string& one : wait_names()) names += (names.empty() ? "" : ", ") + one;
    return invalid(fmt::format("no wait is called {}; there are {}", quoted(name), names));
  }
  return {};
}

std::vector<std::string> wait_names() {
  std::vector<std::string> names = {"lease-duration", "scrape-every"};
  for (const Wait& wait : kOfMind) names.emplace_back(wait.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace kerf::shell
