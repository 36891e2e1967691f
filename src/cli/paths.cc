// Walking folders: sorted, each folder and file once, and no template taken for a manifest.
#include "cli/paths.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "cli/files.h"

namespace kerf::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 100'000;
constexpr std::size_t kDepthMax = 64;

bool is_manifest_name(const std::string& name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

/// Which program turns the folder into manifests; empty if none is needed.
std::string renderer_of(const std::set<std::string>& names) {
  if (names.contains("Chart.yaml")) return "helm template";
  for (const char* name : {"kustomization.yaml", "kustomization.yml", "Kustomization"}) {
    if (names.contains(name)) return "kustomize build";
  }
  return {};
}

/// A chart's templates without its Chart.yaml, e.g. `kerf plan chart/templates`.
bool is_template_folder(const std::set<std::string>& names) {
  return names.contains("_helpers.tpl");
}

class Walk {
 public:
  Result<void> add(const std::string& path) {
    if (path == "-") {
      if (!stdin_taken_) files_.push_back(path);
      stdin_taken_ = true;
      return {};
    }
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return cannot_read(path);
    if (!S_ISDIR(about.st_mode)) return take(path, about);
    std::string folder = path;
    while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
    const std::size_t before = files_.size() + passed_;
    KERF_CHECK_OK(enter(folder, about, 0));
    if (!to_render_.empty()) return needs_rendering();
    if (files_.size() + passed_ == before) {
      return fail(ErrorCode::NotFound,
                  fmt::format("{}: no *.yaml, *.yml or *.json in this folder and its subfolders "
                              "(hidden ones are passed over)",
                              display_name(folder)));
    }
    return {};
  }

  std::vector<std::string> files() && { return std::move(files_); }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  static tl::unexpected<Error> cannot_read(const std::string& path) {
    const int error = errno;
    struct stat link {};
    if (error == ENOENT && ::lstat(path.c_str(), &link) == 0) {
      return fail(ErrorCode::NotFound,
                  fmt::format("{}: a link to a file that is not there", display_name(path)));
    }
    return fail(ErrorCode::NotFound, fmt::format("{}: {}", display_name(path),
                                                 error == ENOENT   ? "no such file or folder"
                                                 : error == EACCES ? "no permission"
                                                                   : std::strerror(error)));
  }

  /// Pipes are new each time they are named, so only regular files are known again.
  Result<void> take(const std::string& path, const struct stat& about) {
    if (S_ISREG(about.st_mode) && !seen_.insert({about.st_dev, about.st_ino}).second) {
      ++passed_;
      return {};
    }
    if (files_.size() >= kFilesMax) {
      return fail(ErrorCode::TooLarge,
                  fmt::format("more than {} files; give fewer folders", kFilesMax));
    }
    files_.push_back(path);
    return {};
  }

  Result<void> enter(const std::string& folder, const struct stat& about, std::size_t depth) {
    if (!seen_.insert({about.st_dev, about.st_ino}).second) {
      ++passed_;
      return {};
    }
    if (depth > kDepthMax) {
      return fail(ErrorCode::TooLarge, fmt::format("{}: folders lie more than {} deep",
                                                   display_name(folder), kDepthMax));
    }
    std::set<std::string> names;
    std::error_code problem;
    for (fs::directory_iterator it(folder, problem), end; !problem && it != end;
         it.increment(problem)) {
      names.insert(it->path().filename().string());
    }
    if (problem) {
      return fail(ErrorCode::NotFound,
                  fmt::format("{}: the folder cannot be read: {}", display_name(folder),
                              problem == std::errc::permission_denied ? "no permission"
                                                                      : problem.message()));
    }
    if (std::string program = renderer_of(names); !program.empty()) {
      to_render_.emplace_back(folder, std::move(program));
      return {};
    }
    if (is_template_folder(names)) {
      const std::string chart = fs::path(folder).parent_path().string();
      to_render_.emplace_back(folder == "." ? ".." : chart.empty() ? "." : chart, "helm template");
      return {};
    }
    for (const std::string& name : names) {
      if (!name.starts_with('.')) KERF_CHECK_OK(visit(folder, name, depth));
    }
    return {};
  }

  Result<void> visit(const std::string& folder, const std::string& name, std::size_t depth) {
    const std::string path = folder == "."           ? name
                             : folder.ends_with('/') ? folder + name
                                                     : folder + "/" + name;
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) {
      if (!is_manifest_name(name)) return {};
      return cannot_read(path);
    }
    if (S_ISDIR(about.st_mode)) return enter(path, about, depth + 1);
    if (S_ISREG(about.st_mode) && is_manifest_name(name)) return take(path, about);
    return {};
  }

  tl::unexpected<Error> needs_rendering() const {
    constexpr std::size_t kShown = 4;
    std::string text;
    for (std::size_t i = 0; i < to_render_.size() && i < kShown; ++i) {
      const auto& [folder, program] = to_render_[i];
      const bool chart = program == "helm template";
      text += fmt::format("{}: {}; render it first:\n  {} {} | kerf plan -\n", display_name(folder),
                          chart ? "a Helm chart, whose templates are not manifests yet"
                                : "a kustomization, whose patches are still to be applied",
                          program, display_name(folder));
    }
    if (to_render_.size() > kShown) {
      text += fmt::format("... and {} more folders\n", to_render_.size() - kShown);
    }
    return fail(ErrorCode::Unsupported, text + "or name the files and folders that are manifests");
  }

  std::vector<std::string> files_;
  std::size_t passed_ = 0;  ///< taken before under another name
  bool stdin_taken_ = false;
  std::set<Identity> seen_;
  std::vector<std::pair<std::string, std::string>> to_render_;  ///< folder, program
};

}  // namespace

Result<std::vector<std::string>> find_manifests(const std::vector<std::string>& paths) {
  Walk walk;
  for (const std::string& path : paths) KERF_CHECK_OK(walk.add(path));
  return std::move(walk).files();
}

}  // namespace kerf::cli
