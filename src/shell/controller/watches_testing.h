// WatchesWorld: Watches on a fake API server, and what they tell as lines.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shell/controller/fake_world_testing.h"
#include "shell/controller/watches.h"

namespace kerf::shell {

/// Lines: "+Pod ml/a@101", "-Pod ml/a/uid-1", "=Pod 120" (Synced), "overhead 100m", "refused p:
/// why".
class WatchesWorld {
 public:
  WatchesWorld();
  ~WatchesWorld();

  /// Watches that begin.
  void begin(Watches::Options options = quick(), telemetry::Log log = quiet_log());
  /// Waits of milliseconds, which are real here.
  static Watches::Options quick();
  /// One object put in by its JSON without metadata.uid and resourceVersion.
  void put(const std::string& collection, const std::string& json);
  void remove(const std::string& collection, const std::string& ns, const std::string& name);
  /// A pod that asks for a slice of "1g.5gb"; `spec`: more of its spec, beginning with a comma.
  void put_gpu_pod(const std::string& name, const std::string& spec = "");
  void put_cpu_pod(const std::string& name, const std::string& node);
  /// A node; `labels`: inside of the braces.
  void put_node(const std::string& name, const std::string& labels = "",
                const std::string& capacity = "");

  /// What was told since the last call, once nobody has more to say.
  std::vector<std::string> told();
  /// Waits for that line; what came before it stays for told().
  bool wait_for(const std::string& line);
  bool has(const std::string& line);  ///< of what told() would return

  void on_loop(const std::function<void()>& work) { world.on_loop(work); }
  Watches& watches() { return *watches_; }
  void end();

  FakeWorld world;
  std::vector<controller::Event> events;  ///< all, on the loop's thread

 private:
  void hear(const controller::Event& event);

  std::unique_ptr<apiserver::Client> client_;
  std::unique_ptr<Watches> watches_;
  std::vector<std::string> lines_;
};

}  // namespace kerf::shell
