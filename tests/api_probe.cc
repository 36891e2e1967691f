// kerf_api_probe: the client of the Kubernetes API by hand, for tests: commands and answers as JSON
// lines.
//
//   kerf_api_probe --server URL --ca FILE --token FILE [--qps N]
//
//   {"id": 1, "do": "get", "group": "", "version": "v1", "plural": "pods", "ns": "d", "name": "a"}
//   {"id": 1, "answer": "Ok", "status": 200, "object": {...}}
//
// do: get list create replace apply merge_patch remove evict watch unwatch health. What is watched
// comes as {"watch": 1, "event": "seen", "name": "a", "uid": "...", "version": "7"}. Ends with its
// input. Not part of what ships.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>

#include "codec/json.h"
#include "shell/apiserver/client.h"

namespace kerf::apiserver {
namespace {

using codec::Node;

std::string text(const Node& command, std::string_view key) {
  const Node* node = command.find(key);
  return node == nullptr ? std::string() : node->text;
}

std::int64_t number(const Node& command, std::string_view key, std::int64_t otherwise) {
  const Node* node = command.find(key);
  return node == nullptr ? otherwise : node->integer;
}

/// One line. Inside strings write_json() escapes line ends, so those that are there only lay out.
void print(const Node& node) {
  static std::mutex mutex;
  std::string line;
  bool indent = false;
  for (const char c : codec::write_json(node)) {
    if (c == '\n') indent = true;
    if (c != '\n' && c != ' ') indent = false;
    if (!indent) line += c;
  }
  const std::lock_guard lock(mutex);
  std::fwrite((line + "\n").data(), 1, line.size() + 1, stdout);
  std::fflush(stdout);
}

Client::Done printer(std::int64_t id, bool whole) {
  return [id, whole](Answer answer) {
    Node line = Node::mapping();
    line.set("id", Node::of(id))
        .set("answer", Node::of(std::string(to_string(answer.verdict))))
        .set("status", Node::of(std::int64_t{answer.status}))
        .set("reason", Node::of(answer.reason))
        .set("cause", Node::of(answer.cause))
        .set("message", Node::of(answer.message))
        .set("retry_after_ms", Node::of(answer.retry_after_ms));
    if (whole) line.set("object", std::move(answer.object));
    print(line);
  };
}

WatchEvents watch_events(std::int64_t id) {
  const auto line = [id](const char* event) {
    Node node = Node::mapping();
    node.set("watch", Node::of(id)).set("event", Node::of(event));
    return node;
  };
  WatchEvents events;
  events.seen = [line](const Node& object, const std::string& version) {
    print(line("seen")
              .set("name", Node::of(std::string(metadata_text(object, "name"))))
              .set("uid", Node::of(std::string(metadata_text(object, "uid"))))
              .set("version", Node::of(version)));
  };
  events.gone = [line](const std::string&, const std::string& name, const std::string& uid) {
    print(line("gone").set("name", Node::of(name)).set("uid", Node::of(uid)));
  };
  events.synced = [line](const std::string& version) {
    print(line("synced").set("version", Node::of(version)));
  };
  events.trouble = [line](const std::string& what, std::int64_t) {
    print(line("trouble").set("what", Node::of(what)));
  };
  events.recovered = [line] { print(line("recovered")); };
  return events;
}

Node health_of(const Client& client) {
  const Health health = client.health();
  Node answers = Node::mapping();
  for (const auto& [status, count] : health.answers) {
    answers.set(std::to_string(status), Node::of(static_cast<std::int64_t>(count)));
  }
  Node node = Node::mapping();
  node.set("answers", std::move(answers))
      .set("not_sent", Node::of(static_cast<std::int64_t>(health.not_sent)))
      .set("broken", Node::of(static_cast<std::int64_t>(health.broken)))
      .set("repeated", Node::of(static_cast<std::int64_t>(health.repeated)))
      .set("contact_age_ms", Node::of(health.contact_age_ms.value_or(-1)))
      .set("credentials_problem", Node::of(health.credentials_problem));
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:"))
      node.set("rss_kb", Node::of(std::int64_t{std::stoll(line.substr(6))}));
  }
  return node;
}

void obey(Client& client, const Node& command) {
  static std::map<std::int64_t, Client::WatchId> watches;
  const std::int64_t id = number(command, "id", 0);
  const std::string what = text(command, "do");
  const Resource resource{text(command, "group"), text(command, "version"),
                          text(command, "plural")};
  const Target target{resource, text(command, "ns"), text(command, "name"),
                      text(command, "subresource")};
  const Collection collection{resource, target.ns, text(command, "fields"),
                              text(command, "labels")};
  const Node* given = command.find("object");
  const Node object = given == nullptr ? Node() : *given;
  const Preconditions preconditions{text(command, "uid"), text(command, "object_version")};
  const auto done = printer(id, command.find("quiet") == nullptr);
  if (what == "get") return client.get(target, done);
  if (what == "list") return client.list(collection, done, number(command, "page", 500));
  if (what == "create") return client.create(collection, object, done);
  if (what == "replace") return client.replace(target, object, done);
  if (what == "apply") return client.apply(target, object, command.find("force") != nullptr, done);
  if (what == "merge_patch") {
    return client.merge_patch(target, object, done, preconditions.version);
  }
  if (what == "remove") return client.remove(target, preconditions, done);
  if (what == "evict") return client.evict(target.ns, target.name, preconditions, -1, done);
  if (what == "watch") {
    WatchOptions options;
    options.page = number(command, "page", options.page);
    options.silent_ms = number(command, "silent_ms", options.silent_ms);
    watches[id] = client.watch(collection, watch_events(id), options);
  } else if (what == "unwatch") {
    client.unwatch(watches[id]);
  } else if (what == "health") {
    print(Node::mapping().set("id", Node::of(id)).set("health", health_of(client)));
  } else {
    fmt::print(stderr, "no such command: {}\n", what);
  }
}

int run(const std::map<std::string, std::string>& words) {
  const auto word = [&](const char* name) {
    const auto found = words.find(name);
    return found == words.end() ? std::string() : found->second;
  };
  Client::Options options;
  options.credentials = {word("--server"), word("--ca"), word("--token")};
  options.qps = word("--qps").empty() ? 2000 : std::stoll(word("--qps"));
  options.burst = options.qps;
  options.backoff.least_ms = 100;
  options.backoff.most_ms = 1000;
  options.field_manager = word("--manager").empty() ? "probe" : word("--manager");
  auto client = Client::start(std::move(options));
  if (!client) {
    fmt::print(stderr, "{}\n", client.error().message());
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto command = codec::parse_json(line, "command");
    if (!command) {
      fmt::print(stderr, "{}\n", command.error().message());
      return 1;
    }
    obey(**client, command->root);
  }
  return 0;
}

}  // namespace
}  // namespace kerf::apiserver

int main(int count, char** words) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < count; i += 2) options[words[i]] = words[i + 1];
  return kerf::apiserver::run(options);
}
