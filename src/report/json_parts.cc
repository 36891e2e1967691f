// Scalars, reasons and names of the plan document.
#include "report/json_parts.h"

#include <fmt/format.h>

#include "report/sentence.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

namespace {

std::string_view kind_name(gpu::FormKind kind) {
  switch (kind) {
    case gpu::FormKind::Whole: return "whole";
    case gpu::FormKind::Slice: return "slice";
    case gpu::FormKind::Fraction: return "fraction";
    case gpu::FormKind::TimeSliced: return "time-sliced";
    case gpu::FormKind::Mps: return "mps";
  }
  return "?";
}

}  // namespace

Node json_text(std::string_view text) { return Node::of(valid_utf8(text)); }

Node json_count(std::int64_t value) { return Node::of(value); }

Node json_usd(MicroUsdPerHour amount) {
  constexpr double kMicroPerUsd = 1e6;
  Node node = Node::of(static_cast<double>(amount.micro) / kMicroPerUsd);
  node.text = format_exact(amount);
  return node;
}

Node json_resources(const Resources& resources) {
  Node node = Node::mapping();
  node.set("cpu_milli", json_count(resources.cpu_milli));
  node.set("memory_mib", json_count(resources.memory_mib));
  node.set("disk_mib", json_count(resources.disk_mib));
  node.set("pods", json_count(resources.pods));
  return node;
}

Node json_reason(const plan::Reason& reason) {
  Node args = Node::sequence();
  for (const std::string& arg : reason.args) args.push(json_text(arg));
  Node node = Node::mapping();
  node.set("code", json_text(to_string(reason.code)));
  node.set("args", std::move(args));
  node.set("text", json_text(sentence(reason)));
  return node;
}

std::string node_name(std::size_t index) { return fmt::format("node-{}", index + 1); }

void set_form(Node& node, const gpu::Model& model, const gpu::Form& form) {
  node.set("form", json_text(gpu::describe(model, form)));
  node.set("kind", json_text(kind_name(form.kind)));
  node.set("model", json_text(model.key));
  node.set("profile", form.kind == gpu::FormKind::Slice
                          ? json_text(model.profiles.at(form.profile).name)
                          : Node::null());
}

void set_pod(Node& node, const cluster::Demand& demand, std::uint32_t pod) {
  const cluster::Pod& entry = demand.pods.at(pod);
  node.set("namespace", json_text(demand.shapes.at(entry.shape).ns));
  node.set("pod", json_text(entry.name));
  node.set("workload", json_text(demand.workloads.at(entry.workload).name));
}

}  // namespace kerf::report
