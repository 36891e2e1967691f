// ObjectBook: what the controller's mind is told of all kinds but pods.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "codec/document.h"
#include "codec/kube_surroundings.h"
#include "core/controller/words.h"
#include "core/gpu/model.h"
#include "core/market/market.h"
#include "shell/controller/watches.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// Told is what can be read and is of use: nodes with GPUs (by their type, their capacity, or the
/// label kerf.dev/policy), groups that count whole, everything of the other kinds. What cannot be
/// read is logged once for each reason and counts as not there. Lives on the loop's thread.
class ObjectBook {
 public:
  struct Events {
    std::function<void(controller::Event)> tell;
    std::function<void(const std::string& policy)> policy_refused;  ///< as Watches::Events
    /// That node is Kerf's for one reason more (its label, a claim that names it) or less.
    std::function<void(const std::string& node)> hold_node, release_node;
  };
  ObjectBook(const gpu::Catalogue& gpus, const market::Market& types, telemetry::Log log,
             Events events);

  /// `key`: the object's; of a group its plural stands in front of the name ("jobs/train"), because
  /// a Job and a JobSet may have one name. The mind knows it under that key.
  void seen(control::Kind kind, const control::Key& key, const codec::Node& object,
            const codec::Surroundings& around);
  void gone(control::Kind kind, const control::Key& key, const std::string& uid);
  /// Groups, whose shapes depend on their surroundings: those that are another now are told, with
  /// the version that they had.
  void read_again(const codec::Surroundings& around);

  const Watches::Known* find(control::Kind kind, const control::Key& key) const;
  const Watches::Unread* unread_policy(const std::string& name) const;
  std::int64_t told(control::Kind kind) const;

 private:
  struct Group {
    std::string text;  ///< JSON
    control::Workload told;
  };

  Result<control::Object> read(control::Kind kind, const codec::Node& object,
                               const codec::Surroundings& around) const;
  bool is_of_use(const control::Object& object) const;
  void unreadable(control::Kind kind, const control::Key& key, const codec::Node& object,
                  const Error& error);
  void readable(control::Kind kind, const control::Key& key);
  void take(control::Kind kind, const control::Key& key, const codec::Node& object,
            control::Object read);
  /// `stays`: it is there.
  void lose(control::Kind kind, const control::Key& key, bool stays);
  /// Which node of Kerf's that object speaks of, if any.
  void speak_of(control::Kind kind, const control::Key& key, const std::string& node);

  const gpu::Catalogue& gpus_;
  const market::Market& types_;
  telemetry::Log log_;
  Events events_;
  std::map<control::Key, Watches::Known> known_[control::kKinds];
  std::map<control::Key, std::string> unreadable_[control::kKinds];  ///< and why
  std::map<control::Key, std::string> speaks_of_[control::kKinds];
  std::map<std::string, Watches::Unread> unread_policies_;
  std::map<control::Key, Group> groups_;
};

}  // namespace kerf::shell
