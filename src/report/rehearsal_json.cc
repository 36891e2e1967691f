// A rehearsal as the versioned JSON document of docs/reference/rehearsal.schema.json.
#include "report/json_parts.h"
#include "report/rehearsal.h"
#include "report/rehearsal_words.h"

namespace kerf::report {
namespace {

using agent::Difference;
using agent::RehearsedStep;
using codec::Node;

Node text_or_null(const std::string& text) { return text.empty() ? Node::null() : json_text(text); }

Node json_step(const RehearsedStep& step) {
  Node node = Node::mapping();
  node.set("what", Node::of(to_string(step.what)))
      .set("gpu", json_count(step.gpu))
      .set("uuid", text_or_null(step.uuid))
      .set("device", json_text(step.device))
      .set("resource", text_or_null(step.resource))
      .set("resource_before", text_or_null(step.before))
      .set("driver_operations", json_count(step.driver_operations))
      .set("was_published", Node::of(step.was_published))
      .set("text", json_text(step_sentence(step)));
  return node;
}

Node json_difference(const Difference& difference) {
  Node by = Node::sequence();
  for (const std::string& device : difference.by) by.push(json_text(device));
  Node node = Node::mapping();
  node.set("what", Node::of(to_string(difference.what)))
      .set("device", json_text(difference.device))
      .set("held", Node::of(difference.held))
      .set("pod", text_or_null(difference.pod))
      .set("in_its_way", std::move(by))
      .set("text", json_text(difference_sentence(difference)));
  return node;
}

}  // namespace

const char* to_string(RehearsedStep::What what) {
  switch (what) {
    case RehearsedStep::What::Create: return "create";
    case RehearsedStep::What::Destroy: return "destroy";
    case RehearsedStep::What::Publish: return "publish";
    case RehearsedStep::What::Withdraw: return "withdraw";
    case RehearsedStep::What::Rename: return "rename";
  }
  return "";
}

const char* to_string(Difference::What what) {
  switch (what) {
    case Difference::What::Missing: return "missing";
    case Difference::What::Staying: return "staying";
    case Difference::What::NotOffered: return "not_offered";
    case Difference::What::Offered: return "offered";
    case Difference::What::OtherName: return "other_name";
  }
  return "";
}

Node rehearsal_json(const agent::Rehearsal& rehearsal) {
  Node gpus = Node::sequence();
  for (const agent::GpuAfter& gpu : rehearsal.gpus) {
    Node node = Node::mapping();
    node.set("index", json_count(gpu.gpu))
        .set("uuid", text_or_null(gpu.uuid))
        .set("model", text_or_null(gpu.model))
        .set("layout_before", text_or_null(gpu.layout_before))
        .set("layout_after", text_or_null(gpu.layout_after));
    gpus.push(std::move(node));
  }
  Node steps = Node::sequence();
  for (const RehearsedStep& step : rehearsal.steps) steps.push(json_step(step));
  Node differences = Node::sequence();
  for (const Difference& difference : rehearsal.differences)
    differences.push(json_difference(difference));
  Node degraded = Node::null();
  if (rehearsal.degraded != control::Degraded::No) {
    degraded = Node::mapping();
    degraded.set("reason", Node::of(control::to_string(rehearsal.degraded)))
        .set("message", json_text(rehearsal.message));
  }
  Node document = Node::mapping();
  document.set("apiVersion", Node::of("kerf.dev/rehearsal/v1alpha1"))
      .set("kind", Node::of("Rehearsal"))
      .set("gpus", std::move(gpus))
      .set("driver_operations", json_count(rehearsal.driver_operations))
      .set("steps", std::move(steps))
      .set("as_wanted", Node::of(rehearsal.differences.empty()))
      .set("differences", std::move(differences))
      .set("degraded", std::move(degraded))
      .set("settled", Node::of(rehearsal.settled));
  return document;
}

}  // namespace kerf::report
