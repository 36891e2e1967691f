// LayoutFile: read, judged, followed.
#include "shell/agent/layout_file.h"

#include <fmt/format.h>

#include <utility>

#include "base/hash.h"
#include "codec/gpu_node.h"
#include "codec/layout_file.h"
#include "codec/mig_config.h"
#include "core/agent/mig_config.h"
#include "core/agent/rehearsal.h"
#include "report/rehearsal.h"
#include "shell/runtime/files.h"

namespace kerf::shell {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;
/// Lines of a refusal; a node has up to some hundred slices.
constexpr std::size_t kTakenShown = 10;
constexpr std::int64_t kEveryMs = 60'000;

std::string refusal(const std::vector<std::string>& taken, const std::string& node_state) {
  std::string words = fmt::format(
      "the layout takes {} that pods may be on their way to, and {}. Cordon the node (kubectl "
      "cordon "
      "NODE) and try again; slices in use are never taken.",
      taken.size() == 1 ? "a published slice" : fmt::format("{} published slices", taken.size()),
      node_state);
  for (std::size_t i = 0; i < taken.size() && i < kTakenShown; ++i) words += "\n  " + taken[i];
  if (taken.size() > kTakenShown)
    words += fmt::format("\n  and {} more", taken.size() - kTakenShown);
  return words;
}

}  // namespace

Result<control::GpuNodeSpec> read_layout(const LayoutSource& source) {
  KERF_TRY(const std::string text, runtime::read_file(source.path, kFileBytesMax));
  return codec::read_layout_file(text, source.path);
}

Result<control::GpuNodeSpec> read_layout(const LayoutSource& source, nvml::Driver& driver,
                                         const gpu::Catalogue& catalogue) {
  if (!source.mig_config) return read_layout(source);
  KERF_TRY(const std::string text, runtime::read_file(source.path, kFileBytesMax));
  KERF_TRY(const agent::MigConfig config, codec::read_mig_config(text, source.path));
  KERF_TRY(const std::vector<agent::MigConfigGpu> gpus, driver.mig_config_gpus());
  auto spec = agent::layout_of(config, source.name, gpus, catalogue);
  if (!spec) return tl::unexpected(std::move(spec).error().within(source.path));
  return spec;
}

std::string layout_uid(const control::GpuNodeSpec& spec) {
  Hasher hasher;
  hasher.add(std::string_view(codec::gpu_node_spec_json(spec)));
  return fmt::format("file:{:016x}", hasher.value());
}

LayoutFile::LayoutFile(LayoutSource source, runtime::Loop& loop, Hands hands)
    : source_(std::move(source)), loop_(loop), hands_(std::move(hands)) {}

LayoutFile::~LayoutFile() { *alive_ = false; }

void LayoutFile::start() {
  const auto slash = source_.path.rfind('/');
  // Any change in the folder: editors and mounted ConfigMaps put another file in its place.
  auto watch = runtime::FolderWatch::start(
      loop_, slash == std::string::npos ? "." : source_.path.substr(0, slash + 1),
      [this](const std::string&, runtime::Change) { again(); });
  if (watch) watch_ = *std::move(watch);
  else hands_.warn(std::move(watch).error().within("the layout file is read once a minute only"));
  tick();
}

void LayoutFile::tick() {
  again();
  loop_.after(kEveryMs, [this, alive = alive_] {
    if (*alive) tick();
  });
}

void LayoutFile::again() {
  if (std::exchange(again_, true) || reading_) return;
  reading_ = true;
  loop_.after(0, [this, alive = alive_] {  // what changes in one batch is read once
    if (*alive) read();
  });
}

void LayoutFile::read() {
  again_ = false;
  hands_.read([this, alive = alive_](Result<control::GpuNodeSpec> spec) {
    if (!*alive) return;
    if (spec) {
      judge(*spec);
    } else {
      hands_.refuse(spec.error());
      done();
    }
  });
}

void LayoutFile::done() {
  reading_ = false;
  if (std::exchange(again_, false)) again();
}

void LayoutFile::judge(const control::GpuNodeSpec& spec) {
  if (layout_uid(spec) == followed_) return done();
  agent::NodeRead node;
  auto journal = hands_.journal();
  if (!journal) {
    hands_.refuse(Error(ErrorCode::Unavailable,
                        "what is published is not known: " + journal.error().message()));
    return done();
  }
  node.journal = *std::move(journal);
  const auto taken = agent::taken_published(node, spec);
  if (taken.empty()) {
    follow(spec);
    return done();
  }
  // Until the answer is there nothing else is read: a verdict is about the file as it is now.
  hands_.cordoned([this, alive = alive_, spec, taken](const Result<bool>& cordoned) {
    if (!*alive) return;
    const auto lines = report::taken_lines(taken);
    if (cordoned && *cordoned) {
      follow(spec);
    } else if (cordoned) {
      hands_.refuse(Error(ErrorCode::Conflict, refusal(lines, "the node is not cordoned")));
    } else {
      hands_.refuse(Error(cordoned.error().code(),
                          refusal(lines, "whether the node is cordoned is not known: " +
                                             cordoned.error().message())));
    }
    done();
  });
}

void LayoutFile::follow(const control::GpuNodeSpec& spec) {
  followed_ = layout_uid(spec);
  hands_.follow({followed_, 0, spec});
}

}  // namespace kerf::shell
