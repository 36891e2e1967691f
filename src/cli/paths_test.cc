// Tests of the walk over folders: what is taken, in which order, and what is refused.
#include "cli/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/temporary_folder_testing.h"

namespace kerf::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The files found, without the folder's own name.
std::vector<std::string> found(const TemporaryFolder& folder,
                               const std::vector<std::string>& paths) {
  const auto files = find_manifests(paths);
  if (!files) return {files.error().message()};
  std::vector<std::string> names;
  for (const std::string& file : *files) {
    const std::string prefix = folder.folder() + "/";
    names.push_back(file.starts_with(prefix) ? file.substr(prefix.size()) : file);
  }
  return names;
}

std::string refused(const std::vector<std::string>& paths) {
  const auto files = find_manifests(paths);
  return files ? "accepted" : files.error().message();
}

TEST(Paths, TakeManifestsOfSubfoldersByName) {
  const TemporaryFolder folder;
  for (const char* name : {"b.yaml", "a.yml", "c.json", "sub/z.yaml", "README.md", "notes.yaml.bak",
                           ".hidden.yaml", ".git/config.yaml", "sub/.x/y.yaml"}) {
    folder.write(name);
  }
  EXPECT_THAT(found(folder, {folder.folder()}),
              ElementsAre("a.yml", "b.yaml", "c.json", "sub/z.yaml"));
  EXPECT_THAT(found(folder, {folder.folder() + "//"}),
              ElementsAre("a.yml", "b.yaml", "c.json", "sub/z.yaml"));
}

TEST(Paths, TakeANamedFileWhateverItsName) {
  const TemporaryFolder folder;
  const std::string odd = folder.write(".manifests");
  EXPECT_THAT(found(folder, {odd, "-"}), ElementsAre(".manifests", "-"));
}

TEST(Paths, CountAFileOnceHoweverItIsNamed) {
  const TemporaryFolder folder;
  const std::string a = folder.write("a.yaml");
  folder.link(a, "link.yaml");
  EXPECT_THAT(found(folder, {a, folder.folder(), a, folder.at("link.yaml"), "-", "-"}),
              ElementsAre("a.yaml", "-"));
}

TEST(Paths, EndOnLoopsOfLinks) {
  const TemporaryFolder folder;
  folder.write("sub/a.yaml");
  folder.link(folder.folder(), "sub/up");
  folder.link(folder.at("sub"), "sub/self");
  EXPECT_THAT(found(folder, {folder.folder()}), ElementsAre("sub/a.yaml"));
}

TEST(Paths, SayWhatIsNotThere) {
  const TemporaryFolder folder;
  EXPECT_THAT(refused({folder.at("none.yaml")}), HasSubstr("none.yaml: no such file or folder"));
  folder.link(folder.at("gone"), "dangling.yaml");
  EXPECT_THAT(refused({folder.folder()}), HasSubstr("dangling.yaml: a link to a file that is not"));
}

TEST(Paths, RefuseAFolderWithoutManifests) {
  const TemporaryFolder folder;
  folder.write("README.md");
  folder.write(".x/a.yaml");
  EXPECT_THAT(refused({folder.folder()}), HasSubstr("no *.yaml, *.yml or *.json in this folder"));
}

TEST(Paths, AskToRenderChartsAndKustomizations) {
  const TemporaryFolder folder;
  folder.write("chart/Chart.yaml");
  folder.write("chart/values.yaml");
  folder.write("chart/templates/_helpers.tpl");
  folder.write("chart/templates/deployment.yaml");
  folder.write("overlay/kustomization.yaml");
  folder.write("plain/a.yaml");
  const std::string message = refused({folder.folder()});
  EXPECT_THAT(message, HasSubstr("helm template " + folder.at("chart") + " | kerf plan -"));
  EXPECT_THAT(message, HasSubstr("kustomize build " + folder.at("overlay") + " | kerf plan -"));
  EXPECT_THAT(refused({folder.at("chart/templates")}),
              HasSubstr("helm template " + folder.at("chart") + " | kerf plan -"));
  EXPECT_THAT(found(folder, {folder.at("plain")}), ElementsAre("plain/a.yaml"));
}

TEST(Paths, SayWhichFolderMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TemporaryFolder folder;
  folder.write("closed/a.yaml");
  ::chmod(folder.at("closed").c_str(), 0);
  EXPECT_THAT(refused({folder.folder()}), HasSubstr("closed: the folder cannot be read: no perm"));
  ::chmod(folder.at("closed").c_str(), 0700);
}

}  // namespace
}  // namespace kerf::cli
