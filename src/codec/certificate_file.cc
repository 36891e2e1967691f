// Reading a certificate file, strictly, against the input that it is about.
#include "codec/certificate_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/quote.h"
#include "codec/json.h"
#include "codec/strict_fields.h"

namespace kerf::codec {
namespace {

using plan::Certificate;

constexpr std::string_view kFormat = "kerf-certificate/1";
constexpr Limits kLimits{.bytes = 256u << 20,
                         .depth = 16,
                         .nodes = 20'000'000,
                         .documents = 1,
                         .scalar_bytes = 64u << 10};
constexpr std::int64_t kAmountMost = 1'000'000'000'000'000'000;
constexpr std::int64_t kIndexMost = 1'000'000'000;
constexpr std::size_t kListMost = 2'000'000;
constexpr std::size_t kNameMost = 1024;
constexpr const char* kOtherInput = "give the input, prices and policy that the plan was made from";

/// Entries of a list that may be empty.
Result<std::vector<Field>> entries(const Field& field) {
  if (field.node().kind == Node::Kind::Sequence && field.node().items.empty()) {
    return std::vector<Field>();
  }
  return field.items(kListMost);
}

template <class T, class Read>
Result<void> read_list(const Field& field, std::vector<T>& into, const Read& read) {
  KERF_TRY(const std::vector<Field> list, entries(field));
  into.reserve(list.size());
  for (const Field& entry : list) {
    KERF_TRY(T value, read(entry));
    into.push_back(std::move(value));
  }
  return {};
}

FieldRule amount(std::string_view name, std::int64_t& into, bool required = false) {
  return {name, [&into](const Field& f) { return store(f.integer(0, kAmountMost), into); },
          required};
}

Result<std::uint32_t> index(const Field& field) {
  KERF_TRY(const std::int64_t value, field.integer(0, kIndexMost));
  return static_cast<std::uint32_t>(value);
}

Result<std::string> any_text(const Field& field) {
  if (field.node().kind == Node::Kind::String && field.node().text.empty()) return std::string();
  return field.text(4 * kNameMost);
}

Result<void> flag(const Field& field, bool& into) {
  if (field.node().kind != Node::Kind::Bool) return field.expected("true or false");
  into = field.node().boolean;
  return {};
}

Result<void> expect_format(const Field& field) {
  KERF_TRY(const std::string text, field.text());
  if (text == kFormat) return {};
  return field.wrong(fmt::format("{}; this Kerf reads {}", quoted(text), kFormat));
}

Result<void> expect_parts(const Field& field) {
  return checked(field.integer(Certificate::kParts, Certificate::kParts));
}

class Reader {
 public:
  Reader(const cluster::Demand& demand, const market::Market& market) : market_(market) {
    const std::vector<std::string> names = certificate_names(demand);
    for (std::uint32_t pod = 0; pod < names.size(); ++pod) pods_.emplace(names[pod], pod);
    for (std::uint32_t type = 0; type < market.types.size(); ++type) {
      types_.emplace(market.types[type].name, type);
    }
  }

  Result<CertificateFile> read(const Field& root) {
    CertificateFile out;
    Certificate& certificate = out.certificate;
    std::size_t method = 0;
    const Field* leaves = nullptr;
    std::vector<Field> later;  // leaves speak of pools
    KERF_CHECK_OK(root.object(
        {{"format", expect_format, true},
         {"solver", [&](const Field& f) { return store(any_text(f), out.solver); }},
         {"region", [&](const Field& f) { return store(any_text(f), out.region); }},
         {"prices", [&](const Field& f) { return store(any_text(f), out.prices); }},
         {"parts_per_micro_usd", expect_parts, true},
         {"method",
          [&](const Field& f) {
            return store(f.one_of({"duals", "exact"}), method);
          },
          true},
         amount("bound_micro_usd_per_hour", certificate.bound.micro, true),
         {"relaxed", [&](const Field& f) { return read_list(f, certificate.relaxed, any_text); }},
         {"groups",
          [&](const Field& f) {
            return read_list(f, certificate.groups, [&](const Field& g) { return group(g); });
          },
          true},
         {"pools",
          [&](const Field& f) {
            return read_list(f, certificate.pools, [&](const Field& p) { return pool(p); });
          },
          true},
         {"leaves",
          [&](const Field& f) {
            later.push_back(f);
            return Result<void>();
          }},
         {"branches",
          [&](const Field& f) {
            return read_list(f, certificate.branches, [&](const Field& b) { return branch(b); });
          }},
         {"nodes",
          [&](const Field& f) {
            return read_list(f, out.nodes, [&](const Field& n) { return node(n); });
          },
          true}}));
    certificate.method = method == 1 ? Certificate::Method::Exact : Certificate::Method::Duals;
    leaves = later.empty() ? nullptr : &later.front();
    if (leaves != nullptr) {
      KERF_CHECK_OK(read_list(*leaves, certificate.leaves,
                              [&](const Field& l) { return leaf(l, certificate.pools); }));
    }
    return out;
  }

 private:
  Result<std::uint32_t> pod(const Field& field) const {
    KERF_TRY(const std::string name, field.text(kNameMost));
    const auto found = pods_.find(name);
    if (found != pods_.end()) return found->second;
    return field.wrong(fmt::format("{} is no pod of the input; {}", quoted(name), kOtherInput));
  }
  Result<std::uint32_t> type(const Field& field) const {
    KERF_TRY(const std::string name, field.text());
    const auto found = types_.find(name);
    if (found != types_.end()) return found->second;
    return field.wrong(fmt::format("{} is no instance type that Kerf knows", quoted(name)));
  }
  static Result<market::CapacityType> capacity(const Field& field) {
    KERF_TRY(const std::size_t at, field.one_of({"on-demand", "spot", "reserved"}));
    const market::CapacityType types[] = {
        market::CapacityType::OnDemand, market::CapacityType::Spot, market::CapacityType::Reserved};
    return types[at];
  }
  static Result<void> zones(const Field& field, std::vector<std::string>& into) {
    return read_list(field, into, [](const Field& f) { return f.text(); });
  }

  Result<Certificate::Group> group(const Field& field) const {
    Certificate::Group out;
    std::int64_t headroom = -1;
    std::int64_t per_node = 0;
    KERF_CHECK_OK(field.object(
        {{"pods",
          [&](const Field& f) {
            return read_list(f, out.pods, [&](const Field& p) { return pod(p); });
          }},
         {"headroom", [&](const Field& f) { return store(f.integer(0, 1'000'000), headroom); }},
         {"per_node", [&](const Field& f) { return store(f.integer(0, 1'000'000), per_node); }}}));
    out.headroom = static_cast<std::int32_t>(headroom);
    out.per_node = static_cast<std::int32_t>(per_node);
    return out;
  }

  Result<Certificate::Offered> offered(const Field& field) const {
    Certificate::Offered out;
    std::size_t mode = 0;
    KERF_CHECK_OK(field.object(
        {{"instance_type", [&](const Field& f) { return store(type(f), out.type); }, true},
         {"capacity_type", [&](const Field& f) { return store(capacity(f), out.capacity_type); },
          true},
         {"zones", [&](const Field& f) { return zones(f, out.zones); }},
         {"mode",
          [&](const Field& f) {
            return store(f.one_of({"any", "cut", "whole"}), mode);
          }},
         amount("micro_usd_per_hour", out.price.micro, true)}));
    const gpu::GpuMode modes[] = {gpu::GpuMode::Any, gpu::GpuMode::Cut, gpu::GpuMode::Whole};
    out.mode = modes[mode];
    return out;
  }

  Result<Certificate::Pool> pool(const Field& field) const {
    Certificate::Pool out;
    KERF_CHECK_OK(field.object({{"offerings",
                                 [&](const Field& f) {
                                   return read_list(f, out.offerings,
                                                    [&](const Field& o) { return offered(o); });
                                 },
                                 true},
                                amount("at_most", out.at_most)}));
    if (out.offerings.empty()) return field.wrong("offerings: nothing to buy");
    return out;
  }

  Result<Certificate::Claim> claim(const Field& field,
                                   const std::vector<Certificate::Pool>& pools) const {
    Certificate::Claim out;
    Certificate::Multipliers& m = out.multipliers;
    std::size_t shown = 0;
    std::vector<Field> forms;
    KERF_CHECK_OK(
        field.object({{"pool", [&](const Field& f) { return store(index(f), out.pool); }, true},
                      amount("worth", out.worth, true),
                      {"shown_by",
                       [&](const Field& f) {
                         return store(f.one_of({"multipliers", "search"}), shown);
                       },
                       true},
                      amount("cpu_milli", m.cpu_milli),
                      amount("memory_mib", m.memory_mib),
                      amount("disk_mib", m.disk_mib),
                      amount("pods", m.pods),
                      {"forms", [&](const Field& f) {
                         forms.push_back(f);
                         return Result<void>();
                       }}}));
    out.by_multipliers = shown == 0;
    if (out.pool >= pools.size()) {
      return field.wrong(fmt::format("pool {} of {} does not exist", out.pool, pools.size()));
    }
    const std::uint32_t of = pools[out.pool].offerings.front().type;
    for (const Field& list : forms) {
      KERF_TRY(const auto members, list.members(1000));
      for (const auto& [name, worth] : members) {
        KERF_TRY(const gpu::Form form, this->form(worth, name, of));
        KERF_TRY(const std::int64_t value, worth.integer(0, kAmountMost));
        m.forms.emplace_back(form, value);
      }
    }
    return out;
  }

  Result<Certificate::Leaf> leaf(const Field& field,
                                 const std::vector<Certificate::Pool>& pools) const {
    Certificate::Leaf out;
    KERF_CHECK_OK(field.object(
        {{"values",
          [&](const Field& f) {
            return read_list(f, out.values,
                             [](const Field& v) { return v.integer(0, kAmountMost); });
          },
          true},
         amount("gpu", out.gpu),
         {"claims",
          [&](const Field& f) {
            return read_list(f, out.claims, [&](const Field& c) { return claim(c, pools); });
          },
          true}}));
    return out;
  }

  static Result<Certificate::Branch> branch(const Field& field) {
    Certificate::Branch out;
    if (field.node().find("leaf") != nullptr) {
      std::int64_t leaf = 0;
      KERF_CHECK_OK(field.object(
          {{"leaf", [&](const Field& f) { return store(f.integer(0, kIndexMost), leaf); }, true}}));
      out.leaf = static_cast<std::int32_t>(leaf);
      return out;
    }
    KERF_CHECK_OK(field.object(
        {{"pool", [&](const Field& f) { return store(index(f), out.pool); }, true},
         amount("at_most", out.at_most, true),
         {"left", [&](const Field& f) { return store(index(f), out.left); }, true},
         {"right", [&](const Field& f) { return store(index(f), out.right); }, true}}));
    return out;
  }

  /// A form of the type's GPUs; `field` is where an error points.
  Result<gpu::Form> form(const Field& field, std::string_view name, std::uint32_t of) const {
    const market::InstanceType& instance = market_.types[of];
    const gpu::Model* const model = market_.gpus.find(instance.gpu_model);
    gpu::Form out;
    out.nominal_gb = instance.nominal_gb;
    out.memory_mib = instance.gpu_memory_mib;
    if (name == "whole") return out;
    const std::pair<std::string_view, gpu::FormKind> shares[] = {
        {"fraction-", gpu::FormKind::Fraction},
        {"time-sliced-", gpu::FormKind::TimeSliced},
        {"mps-", gpu::FormKind::Mps}};
    for (const auto& [start, kind] : shares) {
      if (!name.starts_with(start)) continue;
      std::uint8_t parts = 0;
      const std::string_view number = name.substr(start.size());
      const auto [end, problem] =
          std::from_chars(number.data(), number.data() + number.size(), parts);
      if (problem != std::errc() || end != number.data() + number.size() || parts < 2) break;
      out.kind = kind;
      if (kind == gpu::FormKind::Fraction) {
        out.fraction = parts;
      } else {
        out.replicas = parts;
        out.nominal_gb = instance.nominal_gb / parts;
        out.memory_mib = instance.gpu_memory_mib / parts;
      }
      return out;
    }
    const auto profile = model == nullptr ? std::nullopt : model->profile_named(name);
    if (!profile) {
      return field.wrong(
          fmt::format("{} is no form of {}; expected whole, a profile of it, "
                      "fraction-8, time-sliced-4 or mps-2",
                      quoted(name), instance.gpu_model));
    }
    out.kind = gpu::FormKind::Slice;
    out.profile = static_cast<std::uint8_t>(*profile);
    out.nominal_gb = model->profiles[*profile].nominal_gb;
    out.memory_mib = model->profiles[*profile].memory_mib;
    return out;
  }

  Result<plan::SlicePlan> slice(const Field& field, std::uint32_t of) const {
    plan::SlicePlan out;
    std::int64_t start = 0;
    KERF_CHECK_OK(
        field.object({{"form",
                       [&](const Field& f) -> Result<void> {
                         KERF_TRY(const std::string name, f.text());
                         return store(form(f, name, of), out.form);
                       },
                       true},
                      {"start", [&](const Field& f) { return store(f.integer(0, 255), start); }},
                      {"pod", [&](const Field& f) { return store(pod(f), out.pod); }},
                      {"headroom", [&](const Field& f) { return flag(f, out.headroom); }}}));
    out.start = static_cast<std::uint8_t>(start);
    return out;
  }

  Result<plan::NodePlan> node(const Field& field) const {
    plan::NodePlan out;
    std::vector<Field> gpus;
    std::map<std::string, std::string> labels;
    KERF_CHECK_OK(field.object(
        {{"instance_type", [&](const Field& f) { return store(type(f), out.type); }, true},
         {"capacity_type", [&](const Field& f) { return store(capacity(f), out.capacity_type); },
          true},
         {"zones", [&](const Field& f) { return zones(f, out.zones); }},
         amount("micro_usd_per_hour", out.price.micro, true),
         {"owned", [&](const Field& f) { return flag(f, out.owned); }},
         {"labels", [&](const Field& f) { return store(f.labels(1000), labels); }},
         {"used",
          [&](const Field& f) {
            return f.object({amount("cpu_milli", out.used.cpu_milli),
                             amount("memory_mib", out.used.memory_mib),
                             amount("disk_mib", out.used.disk_mib), amount("pods", out.used.pods)});
          },
          true},
         {"gpus", [&](const Field& f) { return store(entries(f), gpus); }, true}}));
    out.labels.assign(labels.begin(), labels.end());
    for (const Field& gpu : gpus) {
      plan::GpuPlan made;
      KERF_CHECK_OK(
          read_list(gpu, made.slices, [&](const Field& s) { return slice(s, out.type); }));
      for (const plan::SlicePlan& slice : made.slices) {
        if (slice.pod != plan::kNoPod) out.pods.push_back(slice.pod);
      }
      out.gpus.push_back(std::move(made));
    }
    std::sort(out.pods.begin(), out.pods.end());
    out.pods.erase(std::unique(out.pods.begin(), out.pods.end()), out.pods.end());
    return out;
  }

  const market::Market& market_;
  std::map<std::string, std::uint32_t> pods_;
  std::map<std::string, std::uint32_t> types_;
};

}  // namespace

Result<CertificateFile> read_certificate(std::string_view text, std::string_view file,
                                         const cluster::Demand& demand,
                                         const market::Market& market) {
  KERF_TRY(const Document document, parse_json(text, file, kLimits));
  return Reader(demand, market).read(Field(file, document.root));
}

}  // namespace kerf::codec
