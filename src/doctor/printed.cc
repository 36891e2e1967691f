// Prints what kerf doctor found.
#include "doctor/printed.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/timestamp.h"
#include "doctor/facts.h"
#include "report/json_parts.h"
#include "report/text.h"

namespace kerf::doctor {
namespace {

using codec::Node;
using report::json_count;
using report::json_text;

constexpr std::size_t kNamesShown = 3;    // of each kind, without --all
constexpr std::size_t kMessageMax = 800;  // columns: words of others may be long
constexpr std::size_t kIndent = 2;

class Writer {
 public:
  explicit Writer(const TextOptions& options) : options_(options) {}

  /// Untrusted text made safe, and wrapped.
  void paragraph(std::string_view words, std::string_view start, std::size_t longest) {
    const std::string safe =
        report::elided(report::printable(words, options_.unicode), longest, options_.unicode);
    std::string lead(start);
    const std::size_t width = report::columns(start);
    for (const std::string& line : report::wrapped(safe, report::kColumnsMax - width)) {
      out_ += lead + line + '\n';
      lead.assign(width, ' ');
    }
  }
  void head(const Finding& finding) {
    const std::string word =
        fmt::format("{}: {}", to_string(finding.severity()), info(finding.code).name);
    const std::string_view style = finding.severity() == Severity::Problem   ? "\x1b[1;31m"
                                   : finding.severity() == Severity::Warning ? "\x1b[1m"
                                                                             : "";
    if (!options_.colour || style.empty()) {
      out_ += word + '\n';
    } else {
      out_ += fmt::format("{}{}\x1b[0m\n", style, word);
    }
  }
  void line(std::string_view words) { out_ += fmt::format("{}\n", words); }
  void names(const Finding& finding);
  const TextOptions& options() const { return options_; }
  std::string take() { return std::move(out_); }

 private:
  const TextOptions& options_;
  std::string out_;
};

/// "Node gpu-1, gpu-2, gpu-3 and 4 more": a line for each kind.
void Writer::names(const Finding& finding) {
  std::vector<std::pair<std::string, std::vector<std::string>>> by_kind;
  for (const About& one : finding.about) {
    auto found = std::find_if(by_kind.begin(), by_kind.end(),
                              [&](const auto& kind) { return kind.first == one.kind; });
    if (found == by_kind.end()) found = by_kind.insert(by_kind.end(), {one.kind, {}});
    found->second.push_back((one.ns.empty() ? "" : one.ns + "/") + one.name);
  }
  for (const auto& [kind, names] : by_kind) {
    const std::size_t shown = options_.all ? names.size() : std::min(names.size(), kNamesShown);
    std::string words = kind + " ";
    for (std::size_t i = 0; i < shown; ++i) words += (i == 0 ? "" : ", ") + names[i];
    if (shown < names.size()) {
      words += fmt::format(" and {} more",
                           report::with_thousands(static_cast<std::int64_t>(names.size() - shown)));
    }
    paragraph(words, "  ", std::string::npos);
  }
}

void write_finding(Writer& out, const Finding& finding) {
  out.head(finding);
  out.paragraph(finding.says, std::string(kIndent, ' '), kMessageMax);
  out.names(finding);
  out.paragraph(finding.what_to_do(), out.options().unicode ? "  → " : "  -> ", std::string::npos);
  if (const std::string_view source = info(finding.code).source; !source.empty()) {
    out.paragraph(fmt::format("({})", source), "    ", std::string::npos);
  }
  out.line("");
}

std::string summary(const Diagnosis& diagnosis) {
  const auto said = [&](Severity severity, std::string_view one, std::string_view many) {
    return report::counted(diagnosis.count(severity), one, many);
  };
  return fmt::format("{}, {}, {}; docs/reference/doctor.md explains each",
                     said(Severity::Problem, "problem", "problems"),
                     said(Severity::Warning, "warning", "warnings"),
                     said(Severity::Note, "note", "notes"));
}

}  // namespace

std::string text(const Diagnosis& diagnosis, const TextOptions& options) {
  Writer out(options);
  std::string first = diagnosis.source.empty() ? "cluster" : diagnosis.source;
  if (diagnosis.taken_ms > 0 && diagnosis.taken_ms <= codec::kTimestampMax) {
    first += ", read " + codec::timestamp_text(diagnosis.taken_ms);
  }
  out.paragraph(fmt::format("{}: {}, {} with GPUs; {}, {} for GPUs", first,
                            counted(diagnosis.nodes, "node", "nodes"), diagnosis.gpu_nodes,
                            counted(diagnosis.pods, "pod", "pods"),
                            counted(diagnosis.gpu_pods, "asks", "ask")),
                "", kMessageMax);
  out.line("");
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity() != Severity::Ok) write_finding(out, finding);
  }
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity() == Severity::Ok) out.paragraph(finding.says, "ok: ", kMessageMax);
  }
  if (diagnosis.count(Severity::Ok) > 0) out.line("");
  out.line(summary(diagnosis));
  return out.take();
}

Node json(const Diagnosis& diagnosis) {
  Node counts = Node::mapping();
  for (const Severity severity :
       {Severity::Problem, Severity::Warning, Severity::Note, Severity::Ok}) {
    counts.set(std::string(to_string(severity)), json_count(diagnosis.count(severity)));
  }
  Node findings = Node::sequence();
  for (const Finding& finding : diagnosis.findings) {
    Node about = Node::sequence();
    for (const About& one : finding.about) {
      Node object = Node::mapping();
      object.set("kind", json_text(one.kind))
          .set("namespace", one.ns.empty() ? Node::null() : json_text(one.ns))
          .set("name", json_text(one.name));
      about.push(std::move(object));
    }
    const std::string_view source = info(finding.code).source;
    Node entry = Node::mapping();
    entry.set("code", json_text(info(finding.code).name))
        .set("severity", json_text(to_string(finding.severity())))
        .set("says", json_text(finding.says))
        .set("about", std::move(about))
        .set("todo", json_text(finding.what_to_do()))
        .set("source", source.empty() ? Node::null() : json_text(source));
    findings.push(std::move(entry));
  }
  const bool dated = diagnosis.taken_ms > 0 && diagnosis.taken_ms <= codec::kTimestampMax;
  Node cluster = Node::mapping();
  cluster.set("source", json_text(diagnosis.source))
      .set("server_version",
           diagnosis.server_version.empty() ? Node::null() : json_text(diagnosis.server_version))
      .set("read", dated ? Node::of(codec::timestamp_text(diagnosis.taken_ms)) : Node::null())
      .set("nodes", json_count(static_cast<std::int64_t>(diagnosis.nodes)))
      .set("gpu_nodes", json_count(static_cast<std::int64_t>(diagnosis.gpu_nodes)))
      .set("pods", json_count(static_cast<std::int64_t>(diagnosis.pods)))
      .set("gpu_pods", json_count(static_cast<std::int64_t>(diagnosis.gpu_pods)));
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/doctor/v1alpha1"))
      .set("kind", Node::of("Diagnosis"))
      .set("cluster", std::move(cluster))
      .set("counts", std::move(counts))
      .set("findings", std::move(findings));
  return root;
}

}  // namespace kerf::doctor
