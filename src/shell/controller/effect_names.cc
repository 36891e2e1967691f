// Names of effects and their objects.
#include "shell/controller/effect_names.h"

#include <variant>

namespace kerf::shell {
namespace {

using control::Kind;

std::string object(Kind kind, const std::string& name) {
  return std::string(control::to_string(kind)) + " " + name;
}

struct Name {
  const char* operator()(const controller::PutLayout&) const { return "PutLayout"; }
  const char* operator()(const controller::CreateClaim&) const { return "CreateClaim"; }
  const char* operator()(const controller::DeleteClaim&) const { return "DeleteClaim"; }
  const char* operator()(const controller::Nominate&) const { return "Nominate"; }
  const char* operator()(const controller::Publish&) const { return "Publish"; }
  const char* operator()(const controller::Withdraw&) const { return "Withdraw"; }
  const char* operator()(const controller::Evict&) const { return "Evict"; }
  const char* operator()(const controller::PatchNode&) const { return "PatchNode"; }
  const char* operator()(const controller::PutStatus&) const { return "PutStatus"; }
  const char* operator()(const controller::Note&) const { return "Note"; }
  const char* operator()(const controller::Solve&) const { return "Solve"; }
  const char* operator()(const controller::WakeAt&) const { return "WakeAt"; }
};

struct Object {
  std::string operator()(const controller::PutLayout& it) const {
    return object(Kind::GpuNode, it.node);
  }
  std::string operator()(const controller::CreateClaim& it) const {
    return object(Kind::NodeClaim, it.claim.meta.name);
  }
  std::string operator()(const controller::DeleteClaim& it) const {
    return object(Kind::NodeClaim, it.name);
  }
  std::string operator()(const controller::Nominate& it) const {
    return object(Kind::Pod, it.pod.text());
  }
  std::string operator()(const controller::Publish& it) const {
    return object(Kind::Node, it.node);
  }
  std::string operator()(const controller::Withdraw& it) const {
    return object(Kind::Node, it.node);
  }
  std::string operator()(const controller::Evict& it) const {
    return object(Kind::Pod, it.pod.text());
  }
  std::string operator()(const controller::PatchNode& it) const {
    return object(Kind::Node, it.node);
  }
  std::string operator()(const controller::PutStatus& it) const {
    return object(Kind::SlicePolicy, it.policy);
  }
  std::string operator()(const controller::Note& it) const {
    return object(it.record.kind, it.record.about.text());
  }
  std::string operator()(const controller::Solve&) const { return {}; }
  std::string operator()(const controller::WakeAt&) const { return {}; }
};

}  // namespace

const char* name_of(const controller::Action& action) { return std::visit(Name(), action); }
std::string object_of(const controller::Action& action) { return std::visit(Object(), action); }

const char* name_of(controller::Search search) {
  switch (search) {
    case controller::Search::Place: return "Place";
    case controller::Search::Consolidate: return "Consolidate";
    case controller::Search::Vacate: return "Vacate";
    case controller::Search::Compare: return "Compare";
  }
  return "";
}

}  // namespace kerf::shell
