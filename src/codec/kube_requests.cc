// Effective requests of a pod: per resource, in milli-CPU, bytes and pieces, rounded up at the end.
#include "codec/kube_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/quantity.h"
#include "base/quote.h"
#include "codec/gpu_request.h"

namespace kerf::codec {
namespace {

constexpr std::string_view kCpu = "cpu";
constexpr std::string_view kMemory = "memory";
constexpr std::string_view kDisk = "ephemeral-storage";
constexpr std::string_view kHugePages = "hugepages-";

// More than any node has; keeps every sum far from overflow.
constexpr std::int64_t kCpuMilliMax = 1'000'000'000;
constexpr std::int64_t kBytesMax = std::int64_t{1} << 50;
constexpr std::int64_t kPiecesMax = 1'000'000;

bool is_bytes(std::string_view name) {
  return name == kMemory || name == kDisk || name.starts_with(kHugePages);
}

bool is_native(std::string_view name) { return name == kCpu || is_bytes(name); }

/// Extended resources and huge pages are never overcommitted.
bool overcommits(std::string_view name) { return name == kCpu || name == kMemory || name == kDisk; }

struct Amount {
  std::int64_t value = 0;  ///< milli-CPU, bytes, or pieces
  const Node* at = nullptr;
};
using Amounts = std::map<std::string, Amount, std::less<>>;

std::string too_much(std::string_view name) {
  if (name == kCpu) return "more than 1,000,000 CPUs: no node has that";
  if (is_bytes(name)) return "more than 1 Pi: no node has that";
  return "more than 1,000,000: no node has that";
}

std::int64_t most(std::string_view name) {
  if (name == kCpu) return kCpuMilliMax;
  return is_bytes(name) ? kBytesMax : kPiecesMax;
}

/// Reads the requests of one pod; `object` is for errors.
class RequestReader {
 public:
  explicit RequestReader(const KubeObject& object) : object_(object) {}

  Result<Amounts> quantities(const Node* parent, std::string_view key) const {
    KERF_TRY(const Node* node, object_.mapping(parent, key));
    Amounts amounts;
    if (node == nullptr) return amounts;
    for (const auto& [name, value] : node->members) {
      if (value.is_null()) continue;
      KERF_TRY(const std::int64_t amount, quantity(name, value));
      amounts.insert_or_assign(name, Amount{amount, &value});
    }
    return amounts;
  }

  /// Requests of a container, with limits where no request is given.
  Result<Amounts> container(const Node& container) const {
    KERF_TRY(const Node* resources, object_.mapping(&container, "resources"));
    KERF_TRY(Amounts limits, quantities(resources, "limits"));
    KERF_TRY(Amounts requests, quantities(resources, "requests"));
    for (const auto& [name, request] : requests) {
      const auto limit = limits.find(name);
      if (limit == limits.end()) {
        if (overcommits(name)) continue;
        return object_.wrong(*request.at,
                             fmt::format("{} is requested without a limit; Kubernetes requires "
                                         "the same figure under limits",
                                         name));
      }
      if (request.value > limit->second.value) {
        return object_.wrong(*request.at, "the request is larger than the limit");
      }
      if (!overcommits(name) && request.value != limit->second.value) {
        return object_.wrong(*request.at,
                             fmt::format("request and limit of {} must be equal", name));
      }
    }
    requests.merge(limits);
    return requests;
  }

  Result<void> add(Amounts& sum, const Amounts& more) const {
    for (const auto& [name, amount] : more) {
      Amount& total = sum[name];
      total.value += amount.value;
      if (total.at == nullptr) total.at = amount.at;
      if (total.value > most(name)) {
        return object_.wrong(*amount.at, "with the other containers " + too_much(name));
      }
    }
    return {};
  }

  struct Container {
    const Node* node;
    Amounts amounts;
  };
  Result<std::vector<Container>> all(const Node& pod_spec, std::string_view field) const {
    std::vector<Container> out;
    KERF_TRY(const Node* containers, object_.list(&pod_spec, field));
    if (containers == nullptr) return out;
    for (const Node& node : containers->items) {
      KERF_CHECK_OK(object_.expect_mapping(node));
      KERF_TRY(Amounts amounts, container(node));
      out.push_back({&node, std::move(amounts)});
    }
    return out;
  }

  Result<Amounts> containers(const Node& pod_spec) const {
    Amounts sum;
    KERF_TRY(const std::vector<Container> main, all(pod_spec, "containers"));
    for (const Container& one : main) KERF_CHECK_OK(add(sum, one.amounts));
    Amounts sidecars;  // the restartable init containers so far
    Amounts peak;      // the most that any init phase holds
    KERF_TRY(const std::vector<Container> init, all(pod_spec, "initContainers"));
    for (const Container& one : init) {
      KERF_TRY(const std::string_view restart, object_.text(one.node, "restartPolicy"));
      Amounts phase = sidecars;
      KERF_CHECK_OK(add(phase, one.amounts));
      if (restart == "Always") {
        KERF_CHECK_OK(add(sum, one.amounts));
        sidecars = phase;
      }
      raise(peak, phase);
    }
    raise(sum, peak);
    return sum;
  }

  /// spec.resources stands above what the containers say of CPU and memory.
  Result<void> pod_level(const Node& pod_spec, Amounts& sum) const {
    KERF_TRY(const Node* resources, object_.mapping(&pod_spec, "resources"));
    KERF_TRY(const Amounts limits, quantities(resources, "limits"));
    KERF_TRY(const Amounts requests, quantities(resources, "requests"));
    for (const std::string_view name : {kCpu, kMemory}) {
      if (const auto request = requests.find(name); request != requests.end()) {
        const auto limit = limits.find(name);
        if (limit != limits.end() && request->second.value > limit->second.value) {
          return object_.wrong(*request->second.at, "the request is larger than the limit");
        }
        sum.insert_or_assign(std::string(name), request->second);
      } else if (const auto limit = limits.find(name); limit != limits.end()) {
        sum.try_emplace(std::string(name), limit->second);
      }
    }
    return {};
  }

 private:
  static void raise(Amounts& to, const Amounts& least) {
    for (const auto& [name, amount] : least) {
      Amount& value = to[name];
      if (value.at == nullptr || amount.value > value.value) value = amount;
    }
  }

  Result<std::int64_t> quantity(std::string_view name, const Node& node) const {
    if (!is_native(name) && name.find('/') == std::string_view::npos) {
      return object_.wrong(node, fmt::format("{} is no resource of a container: expected cpu, "
                                             "memory, ephemeral-storage, hugepages-<size> or a "
                                             "name with a domain such as nvidia.com/gpu",
                                             quoted(name)));
    }
    if (!node.is_scalar() || node.kind == Node::Kind::Bool) {
      return object_.wrong(node, fmt::format("expected a quantity such as 500m or 4Gi, got {}",
                                             describe(node.kind)));
    }
    const auto amount =
        parse_quantity(node.kind == Node::Kind::Int ? std::to_string(node.integer) : node.text)
            .and_then([&](const Quantity& q) { return exact(name, q); });
    if (!amount) return object_.wrong(node, amount.error().message());
    if (*amount > most(name)) return object_.wrong(node, too_much(name));
    return *amount;
  }

  static Result<std::int64_t> exact(std::string_view name, const Quantity& q) {
    if (!is_native(name)) return to_integer(q);
    if (name == kCpu) return to_milli_ceil(q);
    // Bytes rounded up. What is over the bound would not fit as thousandths of a byte.
    KERF_TRY(const std::int64_t mib, to_mib_ceil(q));
    if (mib > kBytesMax >> 20) return mib << 20;
    KERF_TRY(const std::int64_t milli, to_milli_ceil(q));
    return (milli + 999) / 1000;
  }

  const KubeObject& object_;
};

std::int64_t taken(const Amounts& amounts, std::string_view name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? 0 : found->second.value;
}

std::int64_t mib_up(std::int64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

/// Makers of accelerators other than NVIDIA's GPUs: their pods want a device too.
bool is_accelerator(std::string_view name) {
  return name.find("gpu") != std::string_view::npos || name.starts_with("aws.amazon.com/neuron") ||
         name.starts_with("habana.ai/") || name.starts_with("google.com/tpu");
}

void name_device(std::string_view name, std::int64_t count, std::string& devices) {
  if (!devices.empty()) devices += " + ";
  devices += count == 1 ? std::string(name) : fmt::format("{} x {}", count, name);
}

Resources rounded_up(const Amounts& amounts) {
  return {taken(amounts, kCpu), mib_up(taken(amounts, kMemory)), mib_up(taken(amounts, kDisk)), 0};
}

}  // namespace

Result<Resources> read_resources(const KubeObject& object, const Node* parent,
                                 std::string_view key) {
  KERF_TRY(const Amounts amounts, RequestReader(object).quantities(parent, key));
  return rounded_up(amounts);
}

Result<EffectiveRequests> effective_requests(const KubeObject& object, const Node& pod_spec,
                                             const Resources& class_overhead,
                                             const gpu::Catalogue& gpus) {
  const RequestReader reader(object);
  KERF_TRY(Amounts sum, reader.containers(pod_spec));
  KERF_CHECK_OK(reader.pod_level(pod_spec, sum));
  KERF_TRY(const Amounts overhead, reader.quantities(&pod_spec, "overhead"));
  KERF_CHECK_OK(reader.add(sum, overhead));

  EffectiveRequests out;
  out.requests = rounded_up(sum);
  if (overhead.empty()) out.requests = out.requests + class_overhead;
  out.requests.pods = 1;
  for (const auto& [name, amount] : sum) {
    if (overcommits(name) || amount.value == 0) continue;
    const std::string field = fmt::format("resources.limits[{}]", name);
    if (!is_gpu_resource(name)) {
      const bool accelerator = is_accelerator(name);
      out.unplaceable.push_back(
          {field,
           fmt::format("Kerf does not plan for {}{}", name,
                       accelerator ? "" : "; remove it to have the pod planned without it")});
      if (accelerator) name_device(name, amount.value, out.other_devices);
      continue;
    }
    auto request = parse_gpu_resource(name, amount.value, gpus);
    if (request) {
      out.gpu.push_back(*std::move(request));
    } else if (request.error().code() == ErrorCode::Unsupported) {
      out.unplaceable.push_back({field, request.error().message()});
      name_device(name, amount.value, out.other_devices);
    } else {
      return object.wrong(*amount.at, request.error().message());
    }
  }
  std::sort(out.gpu.begin(), out.gpu.end());
  return out;
}

}  // namespace kerf::codec
