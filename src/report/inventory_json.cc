// The inventory as the versioned JSON document of docs/reference/inventory.schema.json.
#include "report/inventory.h"
#include "report/json_parts.h"

namespace kerf::report {
namespace {

using agent::FactFrom;
using codec::Node;

template <class Number>
Node number_or_null(const std::optional<Number>& value) {
  return value ? json_count(static_cast<std::int64_t>(*value)) : Node::null();
}

Node text_or_null(const std::string& text) { return text.empty() ? Node::null() : json_text(text); }

/// `unknown` is how the value says that nobody knows it.
Node known(std::int64_t value, std::int64_t unknown) {
  return value == unknown ? Node::null() : json_count(value);
}

Node from(FactFrom source) {
  switch (source) {
    case FactFrom::Nowhere: break;
    case FactFrom::Driver: return Node::of("driver");
    case FactFrom::Table: return Node::of("table");
  }
  return Node::null();
}

Node json_profile(const agent::InventoryProfile& profile) {
  Node engines = Node::mapping();
  engines.set("copy", known(profile.engines.copy, -1))
      .set("decoders", known(profile.engines.decoders, -1))
      .set("encoders", known(profile.engines.encoders, -1))
      .set("jpeg", known(profile.engines.jpeg, -1))
      .set("ofa", known(profile.engines.ofa, -1));
  Node placements = Node::sequence();
  for (const agent::SlotRange& at : profile.placements) {
    Node place = Node::mapping();
    place.set("start", json_count(at.start)).set("size", json_count(at.size));
    placements.push(std::move(place));
  }
  Node node = Node::mapping();
  node.set("id", json_count(profile.id))
      .set("name", text_or_null(profile.name))
      .set("compute_slices", json_count(profile.compute_slices))
      .set("max_instances", json_count(profile.max_instances))
      .set("multiprocessors", known(profile.multiprocessors, 0))
      .set("memory_mib", known(profile.memory_mib, 0))
      .set("engines", std::move(engines))
      .set("placements_from", from(profile.placements_from))
      .set("placements", std::move(placements));
  return node;
}

Node json_processes(const std::vector<agent::InventoryProcess>& processes) {
  Node list = Node::sequence();
  for (const agent::InventoryProcess& process : processes) {
    Node node = Node::mapping();
    node.set("pid", json_count(process.pid))
        .set("gpu_instance", known(process.gi, agent::kNoInstance))
        .set("compute_instance", known(process.ci, agent::kNoInstance))
        .set("used_mib", number_or_null(process.used_mib));
    list.push(std::move(node));
  }
  return list;
}

Node json_instance(const agent::InventoryInstance& instance) {
  Node computes = instance.computes_known ? Node::sequence() : Node::null();
  for (const agent::InventoryCompute& compute : instance.computes) {
    Node node = Node::mapping();
    node.set("id", json_count(compute.id))
        .set("compute_slices", json_count(compute.slices))
        .set("uuid", text_or_null(compute.uuid))
        .set("multiprocessors", known(compute.multiprocessors, 0));
    if (instance.computes_known) computes.push(std::move(node));
  }
  Node node = Node::mapping();
  node.set("id", json_count(instance.gi))
      .set("profile_id", json_count(instance.profile))
      .set("profile", text_or_null(instance.name))
      .set("start", json_count(instance.slots.start))
      .set("size", json_count(instance.slots.size))
      .set("memory_mib", number_or_null(instance.memory_mib))
      .set("used_mib", number_or_null(instance.used_mib))
      .set("compute_instances", std::move(computes))
      .set("processes", json_processes(instance.processes));
  return node;
}

Node json_mig(const agent::InventoryGpu& gpu) {
  if (!gpu.mig_capable.value_or(false)) return Node::null();
  Node profiles = Node::sequence();
  for (const agent::InventoryProfile& profile : gpu.profiles) profiles.push(json_profile(profile));
  Node instances = Node::sequence();
  for (const agent::InventoryInstance& one : gpu.instances) instances.push(json_instance(one));
  Node node = Node::mapping();
  node.set("enabled", Node::of(gpu.mode))
      .set("pending", Node::of(gpu.mode_pending))
      .set("layout", gpu.instances_known ? json_text(agent::layout_text(gpu)) : Node::null())
      .set("instances", std::move(instances))
      .set("profiles_from", from(gpu.profiles_from))
      .set("profiles", std::move(profiles));
  return node;
}

Node json_gpu(const agent::InventoryGpu& gpu) {
  Node unanswered = Node::sequence();
  for (const agent::Unanswered& one : gpu.unanswered) {
    Node node = Node::mapping();
    node.set("question", json_text(one.question)).set("code", json_text(to_string(one.code)));
    unanswered.push(std::move(node));
  }
  Node node = Node::mapping();
  node.set("index", json_count(gpu.index))
      .set("uuid", text_or_null(gpu.uuid))
      .set("name", text_or_null(gpu.name))
      .set("model", text_or_null(gpu.model))
      .set("pci_bus_id", text_or_null(gpu.pci_bus_id))
      .set("minor", number_or_null(gpu.minor))
      .set("memory_mib", number_or_null(gpu.memory_mib))
      .set("used_mib", number_or_null(gpu.used_mib))
      .set("lost", Node::of(gpu.lost))
      .set("mig_capable", gpu.mig_capable ? Node::of(*gpu.mig_capable) : Node::null())
      .set("mig", json_mig(gpu))
      .set("processes", json_processes(gpu.processes))
      .set("unanswered", std::move(unanswered));
  return node;
}

}  // namespace

Node inventory_json(const agent::Inventory& inventory) {
  Node driver = Node::mapping();
  driver.set("version", text_or_null(inventory.driver_version))
      .set("nvml_version", text_or_null(inventory.nvml_version))
      .set("cuda_version", text_or_null(inventory.cuda_version));
  Node gpus = Node::sequence();
  for (const agent::InventoryGpu& gpu : inventory.gpus) gpus.push(json_gpu(gpu));
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/inventory/v1alpha1"))
      .set("kind", Node::of("Inventory"))
      .set("driver", std::move(driver))
      .set("gpus", std::move(gpus));
  return root;
}

}  // namespace kerf::report
