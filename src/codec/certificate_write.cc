// Writing a certificate file.
#include <fmt/format.h>

#include <map>
#include <set>

#include "codec/certificate_file.h"
#include "codec/json.h"

namespace kerf::codec {
namespace {

using plan::Certificate;

Node texts(const std::vector<std::string>& list) {
  Node out = Node::sequence();
  for (const std::string& text : list) out.push(Node::of(text));
  return out;
}

std::string_view mode_name(gpu::GpuMode mode) {
  switch (mode) {
    case gpu::GpuMode::Any: return "any";
    case gpu::GpuMode::Cut: return "cut";
    case gpu::GpuMode::Whole: return "whole";
  }
  return "any";
}

class Writer {
 public:
  Writer(const CertificateFile& file, const cluster::Demand& demand, const market::Market& market)
      : file_(file), names_(certificate_names(demand)), market_(market) {}

  Node document() const {
    const Certificate& certificate = file_.certificate;
    Node root = Node::mapping();
    root.set("format", Node::of("kerf-certificate/1"));
    root.set("solver", Node::of(file_.solver));
    root.set("region", Node::of(file_.region));
    root.set("prices", Node::of(file_.prices));
    root.set("parts_per_micro_usd", Node::of(Certificate::kParts));
    const bool exact = certificate.method == Certificate::Method::Exact;
    root.set("method", Node::of(exact ? "exact" : "duals"));
    root.set("bound_micro_usd_per_hour", Node::of(certificate.bound.micro));
    root.set("relaxed", texts(certificate.relaxed));
    root.set("groups", list(certificate.groups, &Writer::group));
    root.set("pools", list(certificate.pools, &Writer::pool));
    root.set("leaves", list(certificate.leaves, &Writer::leaf));
    root.set("branches", list(certificate.branches, &Writer::branch));
    root.set("nodes", list(file_.nodes, &Writer::node));
    return root;
  }

 private:
  template <class T>
  Node list(const std::vector<T>& values, Node (Writer::*write)(const T&) const) const {
    Node out = Node::sequence();
    for (const T& value : values) out.push((this->*write)(value));
    return out;
  }

  const gpu::Model& model_of(std::uint32_t type) const {
    return market_.model_of(market_.types.at(type));
  }

  Node group(const Certificate::Group& group) const {
    Node out = Node::mapping();
    if (group.headroom >= 0) {
      out.set("headroom", Node::of(std::int64_t{group.headroom}));
    } else {
      Node pods = Node::sequence();
      for (const std::uint32_t pod : group.pods) pods.push(Node::of(names_.at(pod)));
      out.set("pods", std::move(pods));
    }
    if (group.per_node != 0) out.set("per_node", Node::of(std::int64_t{group.per_node}));
    return out;
  }

  Node offered(const Certificate::Offered& offered) const {
    Node out = Node::mapping();
    out.set("instance_type", Node::of(market_.types.at(offered.type).name));
    out.set("capacity_type", Node::of(std::string(market::to_string(offered.capacity_type))));
    if (!offered.zones.empty()) out.set("zones", texts(offered.zones));
    out.set("mode", Node::of(std::string(mode_name(offered.mode))));
    out.set("micro_usd_per_hour", Node::of(offered.price.micro));
    return out;
  }

  Node pool(const Certificate::Pool& pool) const {
    Node out = Node::mapping();
    out.set("offerings", list(pool.offerings, &Writer::offered));
    if (pool.at_most >= 0) out.set("at_most", Node::of(pool.at_most));
    return out;
  }

  Node claim(const Certificate::Claim& claim) const {
    Node out = Node::mapping();
    out.set("pool", Node::of(std::int64_t{claim.pool}));
    out.set("worth", Node::of(claim.worth));
    out.set("shown_by", Node::of(claim.by_multipliers ? "multipliers" : "search"));
    const Certificate::Multipliers& m = claim.multipliers;
    const std::pair<const char*, std::int64_t> parts[] = {{"cpu_milli", m.cpu_milli},
                                                          {"memory_mib", m.memory_mib},
                                                          {"disk_mib", m.disk_mib},
                                                          {"pods", m.pods}};
    for (const auto& [name, worth] : parts) {
      if (worth != 0) out.set(name, Node::of(worth));
    }
    if (m.forms.empty()) return out;
    const std::uint32_t type = file_.certificate.pools.at(claim.pool).offerings.at(0).type;
    Node forms = Node::mapping();
    for (const auto& [form, worth] : m.forms) {
      forms.set(certificate_form(model_of(type), form), Node::of(worth));
    }
    out.set("forms", std::move(forms));
    return out;
  }

  Node leaf(const Certificate::Leaf& leaf) const {
    Node values = Node::sequence();
    for (const std::int64_t value : leaf.values) values.push(Node::of(value));
    Node out = Node::mapping();
    out.set("values", std::move(values));
    if (leaf.gpu != 0) out.set("gpu", Node::of(leaf.gpu));
    out.set("claims", list(leaf.claims, &Writer::claim));
    return out;
  }

  Node branch(const Certificate::Branch& branch) const {
    Node out = Node::mapping();
    if (branch.leaf >= 0) {
      out.set("leaf", Node::of(std::int64_t{branch.leaf}));
      return out;
    }
    out.set("pool", Node::of(std::int64_t{branch.pool}));
    out.set("at_most", Node::of(branch.at_most));
    out.set("left", Node::of(std::int64_t{branch.left}));
    out.set("right", Node::of(std::int64_t{branch.right}));
    return out;
  }

  Node node(const plan::NodePlan& node) const {
    Node out = Node::mapping();
    out.set("instance_type", Node::of(market_.types.at(node.type).name));
    out.set("capacity_type", Node::of(std::string(market::to_string(node.capacity_type))));
    if (!node.zones.empty()) out.set("zones", texts(node.zones));
    out.set("micro_usd_per_hour", Node::of(node.price.micro));
    if (node.owned) out.set("owned", Node::of(true));
    if (!node.labels.empty()) {
      Node labels = Node::mapping();
      for (const auto& [key, value] : node.labels) labels.set(key, Node::of(value));
      out.set("labels", std::move(labels));
    }
    Node used = Node::mapping();
    used.set("cpu_milli", Node::of(node.used.cpu_milli));
    used.set("memory_mib", Node::of(node.used.memory_mib));
    used.set("disk_mib", Node::of(node.used.disk_mib));
    used.set("pods", Node::of(node.used.pods));
    out.set("used", std::move(used));
    Node gpus = Node::sequence();
    for (const plan::GpuPlan& gpu : node.gpus) {
      Node slices = Node::sequence();
      for (const plan::SlicePlan& slice : gpu.slices) slices.push(this->slice(node, slice));
      gpus.push(std::move(slices));
    }
    out.set("gpus", std::move(gpus));
    return out;
  }

  Node slice(const plan::NodePlan& node, const plan::SlicePlan& slice) const {
    Node out = Node::mapping();
    out.set("form", Node::of(certificate_form(model_of(node.type), slice.form)));
    out.set("start", Node::of(std::int64_t{slice.start}));
    if (slice.pod != plan::kNoPod) out.set("pod", Node::of(names_.at(slice.pod)));
    if (slice.headroom) out.set("headroom", Node::of(true));
    return out;
  }

  const CertificateFile& file_;
  std::vector<std::string> names_;
  const market::Market& market_;
};

}  // namespace

std::vector<std::string> certificate_names(const cluster::Demand& demand) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  std::map<std::string, std::int64_t> times;
  for (const cluster::Pod& pod : demand.pods) {
    const std::string plain = demand.shapes.at(pod.shape).ns + "/" + pod.name;
    std::string name = plain;
    std::int64_t& number = times[plain];
    while (!taken.insert(name).second) name = fmt::format("{}#{}", plain, ++number + 1);
    names.push_back(std::move(name));
  }
  return names;
}

std::string certificate_form(const gpu::Model& model, const gpu::Form& form) {
  switch (form.kind) {
    case gpu::FormKind::Whole: return "whole";
    case gpu::FormKind::Slice: return model.profiles.at(form.profile).name;
    case gpu::FormKind::Fraction: return fmt::format("fraction-{}", form.fraction);
    case gpu::FormKind::TimeSliced: return fmt::format("time-sliced-{}", form.replicas);
    case gpu::FormKind::Mps: return fmt::format("mps-{}", form.replicas);
  }
  return "whole";
}

std::string write_certificate(const CertificateFile& file, const cluster::Demand& demand,
                              const market::Market& market) {
  return write_json(Writer(file, demand, market).document());
}

}  // namespace kerf::codec
