// Reading and writing of online cases, line by line.
#include "online_case_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kerf::tests {
namespace {

using cluster::SliceState;
using online::DeviceAt;

std::string plural(std::int64_t n, const std::string& word) {
  if (n == 0) return "no " + word;
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

class Reader {
 public:
  explicit Reader(OnlineCase& file) : file_(file) {}

  void line(const std::string& section, const std::string& text) {
    if (text.empty()) begin(section);
    else if (section == "market") read_market(text, file_.market);
    else if (section == "policy") policy(text);
    else if (section == "budgets") budget(text);
    else if (section == "nodes") node(text);
    else if (section == "running") running(text);
    else if (section == "expected next") expectation(text);
    else if (section == "pending") pods(text, file_.pending);
    else if (section == "consolidate") limits(text, file_.limits);
    else if (section == "open slot") slot(text);
    else if (section == "then") event(text);
    else if (section.empty()) top(text);
    else answer(section).push_back(text);
  }

  /// Slices by start; a node's GPUs have them in the order of the lines until here.
  void finish() {
    sort_offerings(file_.market);
    for (cluster::Node& node : file_.standing.nodes)
      for (cluster::Gpu& gpu : node.gpus)
        std::sort(gpu.slices.begin(), gpu.slices.end(),
                  [](const auto& a, const auto& b) { return a.start < b.start; });
    if (file_.question == Question::None)
      throw std::runtime_error("expected a question: pending, consolidate or open slot");
    if (file_.question == Question::OpenSlot && file_.pending.pods.size() != 1)
      throw std::runtime_error("expected one pod under open slot");
    if (file_.bill.empty()) throw std::runtime_error("expected bill $X or bill $X to $Y");
  }

 private:
  void begin(const std::string& section) {
    const std::map<std::string, Question> questions = {{"pending", Question::Place},
                                                       {"consolidate", Question::Consolidate},
                                                       {"open slot", Question::OpenSlot}};
    const auto question = questions.find(section);
    if (question == questions.end()) return;
    if (file_.question != Question::None)
      expected("one question: pending, consolidate or open slot", section + " as well");
    file_.question = question->second;
  }

  Words& answer(const std::string& section) {
    if (section == "placed") return file_.placed;
    if (section == "bought") return file_.bought;
    if (section == "unplaced") return file_.unplaced;
    return section == "proposals" ? file_.proposals : file_.refused;
  }

  void top(const std::string& text) {
    if (text.starts_with("bill ")) file_.bill = text.substr(5);
    else expected("a section (README.md lists them) or bill", text);
  }

  void pods(const std::string& text, cluster::Demand& demand) {
    add_pods(text, file_.market.gpus, named_, demand);
  }

  void expectation(const std::string& text) {
    std::map<std::string, int> nobody;  // they take no names
    add_pods(text, file_.market.gpus, nobody, file_.expected);
  }

  void policy(const std::string& text) {
    if (!read_policy(text, file_.market.gpus, file_.policy))
      expected("a line about the policy (README.md lists them)", text);
  }

  void budget(const std::string& text) {
    const Words words = exactly(3, "NAME allows N", text);
    if (words[1] != "allows") expected("NAME allows N", text);
    file_.budgets.push_back(words[0]);
    file_.standing.budgets.push_back(number(words[2]));
  }

  template <class List, class Name>
  static std::uint32_t index_of(const List& list, const std::string& what, const std::string& name,
                                const Name& name_of) {
    for (std::uint32_t i = 0; i < list.size(); ++i)
      if (name_of(list[i]) == name) return i;
    expected(what, name);
  }
  std::uint32_t budget_named(const std::string& name) const {
    return index_of(file_.budgets, "a name under budgets", name, [](const auto& b) { return b; });
  }
  std::uint32_t node_named(const std::string& name) const {
    return index_of(file_.standing.nodes, "a name under nodes", name,
                    [](const auto& node) { return node.name; });
  }
  std::uint32_t pod_named(const std::string& name) const {
    return index_of(file_.standing.pods, "a pod under running", name,
                    [](const auto& pod) { return pod.name; });
  }

  /// "chat: p5.4xlarge, in us-east-1b, kept, free 1g.10gb@0 1g.10gb@1"
  void node(const std::string& text) {
    const std::size_t colon = text.find(": ");
    if (colon == std::string::npos) expected("NAME: TYPE, ...", text);
    const Words clauses = split(text.substr(colon + 2), ", ");
    const market::InstanceType* type = file_.market.type_named(clauses[0]);
    if (type == nullptr) expected("an instance type of data/", clauses[0]);
    cluster::Node node;
    node.name = text.substr(0, colon);
    for (const cluster::Node& other : file_.standing.nodes)
      if (other.name == node.name) expected("a name that no other node has", node.name);
    node.type = static_cast<std::uint32_t>(type - file_.market.types.data());
    node.zone = file_.market.region + "a";
    node.allocatable = market::allocatable(*type);
    node.taints = file_.policy.node_taints;
    node.gpus.resize(static_cast<std::size_t>(type->gpu_count));
    const bool by_node = gpu::mode_is_the_nodes(file_.market.model_of(*type), type->gpu_fraction);
    if (by_node) node.mode = gpu::GpuMode::Cut;
    bool owned = false;
    std::map<std::string, std::string> labels = file_.policy.node_labels;
    for (std::size_t i = 1; i < clauses.size(); ++i) {
      const Words words = split(clauses[i], " ");
      if (const auto capacity = market::parse_capacity_type(words[0]);
          capacity && words.size() == 1)
        node.capacity_type = *capacity;
      else if (words[0] == "in" && words.size() == 2) node.zone = words[1];
      else if (clauses[i] == "kept") node.kept = true;
      else if (clauses[i] == "closed") node.closed = true;
      else if (clauses[i] == "owned") owned = true;
      else if (by_node && clauses[i] == "cut") node.mode = gpu::GpuMode::Cut;
      else if (by_node && clauses[i] == "whole") node.mode = gpu::GpuMode::Whole;
      else slices(words, node);
    }
    node.labels = market::node_labels(file_.market, *type, node.zone, node.capacity_type);
    node.labels["kubernetes.io/hostname"] = node.name;
    for (const auto& [key, value] : labels) node.labels[key] = value;
    if (!owned) node.price = price_of(node, *type);
    file_.standing.nodes.push_back(std::move(node));
  }

  MicroUsdPerHour price_of(const cluster::Node& node, const market::InstanceType& type) const {
    for (const market::Offering& offering : file_.market.offerings)
      if (offering.type == node.type && offering.capacity_type == node.capacity_type &&
          (offering.zone.empty() || offering.zone == node.zone))
        return offering.price;
    expected("a line under market with the node's price, above nodes, or owned", type.name);
  }

  /// "free 1g.10gb@0 gpu1/1g.10gb@3"
  void slices(const Words& words, cluster::Node& node) const {
    const std::map<std::string, SliceState> states = {{"free", SliceState::Free},
                                                      {"parked", SliceState::Free},
                                                      {"retiring", SliceState::Retiring},
                                                      {"lost", SliceState::Lost}};
    const auto state = states.find(words[0]);
    if (state == states.end()) expected("a clause about nodes (README.md lists them)", words[0]);
    for (std::size_t i = 1; i < words.size(); ++i) {
      const DeviceAt at = device(words[i], node);
      node.gpus[at.gpu].slices.push_back(
          {at.form, at.start, state->second, words[0] == "free", cluster::kNone});
    }
  }

  /// "1g.10gb@3", "whole", "gpu1/whole"
  DeviceAt device(const std::string& text, const cluster::Node& node) const {
    const market::InstanceType& type = file_.market.types[node.type];
    const gpu::Model& model = file_.market.model_of(type);
    DeviceAt device;
    std::string rest = text;
    if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
      if (!text.starts_with("gpu")) expected("gpuN/DEVICE", text);
      device.gpu = static_cast<std::uint32_t>(number(text.substr(3, slash - 3)));
      rest = text.substr(slash + 1);
    }
    if (device.gpu >= node.gpus.size()) expected("a GPU of " + type.name, text);
    for (const gpu::Form& form : gpu::forms_of(model, type.gpu_fraction, file_.policy.sharing)) {
      device.form = form;
      if (form.by_nature() && rest == device_text({0, form, 0}, model)) return device;
      if (form.kind != gpu::FormKind::Slice) continue;
      for (const std::uint8_t start : model.profiles[form.profile].starts) {
        device.start = start;
        if (rest == device_text({0, form, start}, model)) return device;
      }
      device.start = 0;
    }
    expected("whole, or PROFILE@START of a legal start of " + model.key, text);
  }

  /// "3 x chat: RESOURCE, cpu 1, on a at 1g.10gb@0 1g.10gb@1, on b at 1g.10gb@0, fixed": pods with
  /// their devices; those of one pod are joined by +.
  std::vector<Seated> seated(const std::string& text) {
    const Counted entry = counted(text);
    cluster::PodShape shape = plain_pod(entry.name);
    std::vector<std::pair<std::uint32_t, std::string>> seats;
    cluster::Running pod;
    for (const std::string& clause : split(entry.rest, ", ")) {
      const Words words = split(clause, " ");
      if (words[0] == "on") {
        if (words.size() < 4 || words[2] != "at") expected("on NODE at DEVICE ...", clause);
        for (std::size_t i = 3; i < words.size(); ++i)
          seats.emplace_back(node_named(words[1]), words[i]);
      } else if (clause == "fixed") {
        pod.fixed = true;
      } else if (words[0] == "budget" && words.size() == 2) {
        pod.budget = budget_named(words[1]);
      } else {
        apply_clause(clause, entry.name, file_.market.gpus, shape);
      }
    }
    if (std::ssize(seats) != entry.count)
      expected(fmt::format("devices for {}", plural(entry.count, "pod")),
               fmt::format("for {}", seats.size()));
    pod.shape = intern(shape);
    std::vector<Seated> pods;
    for (const auto& [node, devices] : seats) {
      pod.name = fmt::format("{}-{}", entry.name, named_[entry.name]++);
      pod.node = node;
      pods.push_back({pod, {}});
      for (const std::string& one : split(devices, "+"))
        pods.back().devices.push_back(device(one, file_.standing.nodes[node]));
    }
    return pods;
  }

  std::uint32_t intern(const cluster::PodShape& shape) {
    std::vector<cluster::PodShape>& shapes = file_.standing.shapes;
    const auto known = std::find(shapes.begin(), shapes.end(), shape);
    if (known == shapes.end()) shapes.push_back(shape);
    return static_cast<std::uint32_t>(std::find(shapes.begin(), shapes.end(), shape) -
                                      shapes.begin());
  }

  void running(const std::string& text) {
    for (const Seated& one : seated(text)) {
      const auto number = static_cast<std::uint32_t>(file_.standing.pods.size());
      for (const DeviceAt& at : one.devices)
        file_.standing.nodes[one.pod.node].gpus[at.gpu].slices.push_back(
            {at.form, at.start, SliceState::Used, true, number});
      file_.standing.pods.push_back(one.pod);
    }
  }

  static void limits(const std::string& text, online::ConsolidateLimits& limits) {
    const Words words = split(text, " ");
    if (words[0] == "moves" && words.size() == 2) limits.moves = number(words[1]);
    else if (text == "outside the window") limits.open = false;
    else if (text == "no buying") limits.buy = false;
    else if (text.starts_with("least saving ") && words.size() == 3)
      limits.least_saving = dollars(words[2]);
    else if (text.starts_with("least per move ") && words.size() == 4)
      limits.least_per_move = dollars(words[3]);
    else
      expected("moves N, least saving $X, least per move $X, no buying or outside the window",
               text);
  }

  /// "1 x large: RESOURCE, cpu 1" and "worth $6.88"; else a limit.
  void slot(const std::string& text) {
    if (text.starts_with("worth ")) file_.worth = dollars(text.substr(6));
    else if (text.find(" x ") == std::string::npos) limits(text, file_.limits);
    else pods(text, file_.pending);
  }

  void event(const std::string& text) {
    const Words words = split(text, " ");
    Event event;
    if (text.find(" x ") != std::string::npos) {
      event.kind = Event::Kind::Runs;
      for (const Seated& one : seated(text)) {
        event.seated = one;
        file_.then.push_back(event);
      }
      return;
    }
    if (words.size() == 4 && words[0] == "node" && words[2] == "is") {
      const std::map<std::string, Event::Kind> kinds = {{"kept", Event::Kind::NodeKept},
                                                        {"closed", Event::Kind::NodeClosed},
                                                        {"gone", Event::Kind::NodeGone}};
      if (kinds.count(words[3]) == 0) expected("kept, closed or gone", words[3]);
      event.kind = kinds.at(words[3]);
      event.index = node_named(words[1]);
    } else if (words.size() == 4 && words[0] == "pod" && words[2] == "is" && words[3] == "gone") {
      event.kind = Event::Kind::PodGone;
      event.index = pod_named(words[1]);
    } else if (words.size() == 4 && words[0] == "budget" && words[2] == "allows") {
      event.kind = Event::Kind::Budget;
      event.index = budget_named(words[1]);
      event.allowed = number(words[3]);
    } else {
      if (!later_) later_ = file_.limits;
      limits(text, *later_);
      event.limits = *later_;
    }
    file_.then.push_back(event);
  }

  OnlineCase& file_;
  std::optional<online::ConsolidateLimits> later_;  ///< what has become of the limits under then
  std::map<std::string, int> named_;                ///< pods so far, by workload
};

const gpu::Model& model_of(const online::Standing& standing, std::uint32_t type) {
  return standing.market().model_of(standing.market().types[type]);
}

std::string devices_text(const std::vector<DeviceAt>& devices, const gpu::Model& model,
                         const std::string& separator) {
  Words texts;
  for (const DeviceAt& device : devices) texts.push_back(device_text(device, model));
  return fmt::format("{}", fmt::join(texts, separator));
}

/// "free there", "cut 3g.40gb@4 from 1g.10gb@4 1g.10gb@5"
std::string cuts_text(const std::vector<online::Cut>& cuts, const gpu::Model& model) {
  std::vector<DeviceAt> create, destroy;
  for (const online::Cut& cut : cuts) {
    create.insert(create.end(), cut.create.begin(), cut.create.end());
    destroy.insert(destroy.end(), cut.destroy.begin(), cut.destroy.end());
  }
  std::erase_if(create, [](const DeviceAt& device) { return device.form.by_nature(); });
  if (create.empty() && destroy.empty()) return "free there";
  Words parts;
  if (!create.empty()) parts.push_back("cut " + devices_text(create, model, " "));
  if (!destroy.empty()) parts.push_back("in the place of " + devices_text(destroy, model, " "));
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string verb_of(online::ProposalKind kind) {
  switch (kind) {
    case online::ProposalKind::ReturnEmpty: return "return";
    case online::ProposalKind::FreeNode: return "free";
    case online::ProposalKind::Replace: return "replace";
    default: return "open";
  }
}

}  // namespace

OnlineCase read_online_case(std::istream& in, const std::string& name) {
  OnlineCase file;
  file.market = empty_market();
  Reader reader(file);
  const Words sections = {"market",        "policy",      "budgets", "nodes",     "running",
                          "expected next", "pending",     "placed",  "then",      "bought",
                          "unplaced",      "consolidate", "refused", "open slot", "proposals"};
  each_line(in, name, sections, [&](const std::string& section, const std::string& line) {
    reader.line(section, line);
  });
  try {
    reader.finish();
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", name, error.what()));
  }
  return file;
}

std::string device_text(const DeviceAt& device, const gpu::Model& model) {
  const std::string gpu = device.gpu == 0 ? "" : fmt::format("gpu{}/", device.gpu);
  if (device.form.kind == gpu::FormKind::Whole) return gpu + "whole";
  if (device.form.kind == gpu::FormKind::Slice)
    return fmt::format("{}{}@{}", gpu, model.profiles[device.form.profile].name, device.start);
  return gpu + (device.form.kind == gpu::FormKind::Fraction ? "part" : "replica");
}

Words placed_lines(const online::Decision& decision, const cluster::Demand& pending,
                   const online::Standing& standing) {
  Words lines;
  for (const online::Placed& placed : decision.placed) {
    const cluster::Node& node = standing.node(placed.place.node);
    const gpu::Model& model = model_of(standing, node.type);
    lines.push_back(fmt::format("{} on {} at {}: {}", pending.pods[placed.pod].name, node.name,
                                devices_text(placed.place.devices, model, "+"),
                                cuts_text(placed.place.cuts, model)));
  }
  return lines;
}

Words proposal_lines(const online::Proposal& proposal, const online::Standing& standing) {
  Words names;
  for (const online::NodeId node : proposal.returns) names.push_back(standing.node(node).name);
  std::string what = fmt::format("{}", fmt::join(names, " "));
  if (proposal.kind == online::ProposalKind::OpenSlot) {
    const cluster::Node& node = standing.node(proposal.slot_node);
    what = fmt::format("{} on {}", devices_text(proposal.slot, model_of(standing, node.type), "+"),
                       node.name);
  }
  std::string first = fmt::format("{} {}: saves {}, {}", verb_of(proposal.kind), what,
                                  exact_usd(proposal.saving), plural(proposal.disruption, "move"));
  for (const std::string& buy : fleet_lines(proposal.buys, standing.market()))
    first += ", buys " + buy;
  Words lines = {first};
  for (const online::Move& move : proposal.moves) {
    const std::uint32_t type =
        move.bought ? proposal.buys[move.to].type : standing.node(move.to).type;
    lines.push_back(fmt::format(
        "{} from {} to {} at {}", standing.pod(move.pod).name, standing.node(move.from).name,
        move.bought ? "a new " + standing.market().types[type].name : standing.node(move.to).name,
        devices_text(move.devices, model_of(standing, type), "+")));
  }
  return lines;
}

}  // namespace kerf::tests
