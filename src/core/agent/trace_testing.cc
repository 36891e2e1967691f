// The rules of a node, over a trace, apart from the agent that is to keep them.
#include "core/agent/trace_testing.h"

#include <algorithm>
#include <map>
#include <set>

namespace kerf::agent {
namespace {

using Lists = std::map<std::string, std::vector<ServedDevice>>;

const ServedDevice* in_list(const std::vector<ServedDevice>& list, const std::string& id) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const ServedDevice& served) { return served.id == id; });
  return found == list.end() ? nullptr : &*found;
}

bool is_offered(const Lists& lists, const std::string& id) {
  for (const auto& [name, list] : lists)
    if (const ServedDevice* served = in_list(list, id); served && served->healthy) return true;
  return false;
}

/// Two devices that cannot be held at a time: the same, or on one GPU anything beside a whole GPU
/// or beside replicas of another number.
bool shares_no_gpu(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto part = [](const std::string& id) {
    const std::size_t first = id.find('/');
    return std::pair(id.substr(0, first), id.substr(first + 1, id.rfind('@') - first - 1));
  };
  const auto [gpu_a, form_a] = part(a);
  const auto [gpu_b, form_b] = part(b);
  const auto cuts = [](const std::string& form) {
    return form != "whole" && !form.starts_with("replica/");
  };
  return gpu_a == gpu_b && (form_a != form_b || form_a == "whole") &&
         !(cuts(form_a) && cuts(form_b));
}

class Rules {
 public:
  void look(const Fact& fact) {
    const std::string& id = fact.device;
    switch (fact.kind) {
      case Fact::Kind::Created: standing_.insert(id); break;
      case Fact::Kind::Unwritten: say(id + " was changed before the journal said so"); break;
      case Fact::Kind::Overtaken: say(fact.resource + " got a list before it took the last"); break;
      case Fact::Kind::Foreign: foreign_.insert(id); break;
      case Fact::Kind::Destroyed:
        if (held_.contains(id)) say(id + " was destroyed while held");
        if (foreign_.contains(id)) say(id + " was destroyed and is not Kerf's");
        if (is_offered(lists_, id)) say(id + " was destroyed while offered");
        standing_.erase(id);
        break;
      case Fact::Kind::Taken: take(fact); break;
      case Fact::Kind::Rebooted: standing_.clear(); [[fallthrough]];
      case Fact::Kind::Reset:
        lists_.clear();
        picked_.clear();
        break;
      case Fact::Kind::Picked: picked_[id] = fact.resource; break;
      case Fact::Kind::Granted:
        if (!standing_.contains(id)) say(id + " was granted and is not there");
        for (const std::string& other : held_)
          if (shares_no_gpu(id, other)) say(id + " was granted while " + other + " is held");
        picked_.erase(id);
        break;
      case Fact::Kind::Refused:
        say(id + " was refused");
        picked_.erase(id);
        break;
      case Fact::Kind::Broken: picked_.erase(id); break;
      case Fact::Kind::Held: held_.insert(id); break;
      case Fact::Kind::Released: held_.erase(id); break;
      case Fact::Kind::Reported:
        for (const ServedDevice& served : fact.list)
          if (!is_offered(lists_, served.id)) say(served.id + " is said to be published");
        break;
    }
  }
  std::vector<std::string> said;

 private:
  void say(std::string what) { said.push_back(std::move(what)); }
  void take(const Fact& fact) {
    for (const ServedDevice& before : lists_[fact.resource]) {
      if (in_list(fact.list, before.id) != nullptr) continue;
      if (before.healthy) say(before.id + " was unlisted while offered");
      const auto picked = picked_.find(before.id);
      if (picked != picked_.end() && picked->second == fact.resource)
        say(before.id + " was unlisted in the midst of an allocation: kubelet crashes");
    }
    lists_[fact.resource] = fact.list;
    for (const ServedDevice& served : fact.list)
      if (served.healthy && !standing_.contains(served.id))
        say(served.id + " is offered and not there");
  }

  Lists lists_;
  std::set<std::string> standing_, foreign_, held_;
  std::map<std::string, std::string> picked_;
};

}  // namespace

std::vector<std::string> offered_in(const std::vector<ServedDevice>& list) {
  std::vector<std::string> ids;
  for (const ServedDevice& served : list)
    if (served.healthy) ids.push_back(served.id);
  return ids;
}

std::vector<std::string> breaches(const Trace& trace) {
  Rules rules;
  for (const Fact& fact : trace) rules.look(fact);
  return rules.said;
}

}  // namespace kerf::agent
