// Tests of what is decided about the terminal, and of nearness of words.
#include "cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/suggest.h"

namespace kerf::cli {
namespace {

using ::testing::ElementsAre;

TEST(Terminal, ReadsTheEncodingFromTheFirstVariableThatIsNotEmpty) {
  EXPECT_TRUE(is_utf8_locale("en_US.UTF-8", "C", "C"));
  EXPECT_TRUE(is_utf8_locale("", nullptr, "C.utf8"));
  EXPECT_FALSE(is_utf8_locale("C", nullptr, "en_US.UTF-8"));
  EXPECT_FALSE(is_utf8_locale(nullptr, "POSIX", "en_US.UTF-8"));
  EXPECT_FALSE(is_utf8_locale(nullptr, nullptr, nullptr));
  EXPECT_FALSE(is_utf8_locale(nullptr, nullptr, "de_DE.ISO-8859-1"));
}

TEST(Terminal, ColoursOnlyWhatSomebodyLooksAt) {
  Surroundings around;
  EXPECT_FALSE(wants_colour(ColourWhen::Auto, around, false));
  around.stdout_is_terminal = true;
  EXPECT_TRUE(wants_colour(ColourWhen::Auto, around, false));
  EXPECT_FALSE(wants_colour(ColourWhen::Auto, around, true));
  EXPECT_FALSE(wants_colour(ColourWhen::Never, around, false));
  around.no_colour = true;
  EXPECT_FALSE(wants_colour(ColourWhen::Auto, around, false));
  EXPECT_TRUE(wants_colour(ColourWhen::Always, around, true));
}

TEST(Terminal, SaysWhatIsKnownOfThePlanSoFar) {
  EXPECT_EQ(progress_text({"compile", {}, {}}, 1), "planning: compile (1 s)");
  EXPECT_EQ(progress_text({"improve", {21'960'000}, {20'100'000}}, 3),
            "planning: improve, $21.96 an hour so far, at least $20.10 (3 s)");
}

TEST(Suggest, FindsWordsWithAFewWrongLetters) {
  const std::vector<std::string> known = {"--trace", "--types", "--check", "plan"};
  EXPECT_THAT(nearest("--trcae", known), ElementsAre("--trace"));
  EXPECT_THAT(nearest("plna", known), ElementsAre("plan"));
  EXPECT_THAT(nearest("--ch", known, 1), ElementsAre("--check"));
  EXPECT_THAT(nearest("deployment", known), ElementsAre());
  EXPECT_THAT(nearest(std::string(10'000, 'x'), known), ElementsAre());
  EXPECT_EQ(did_you_mean({"a", "b"}), "; did you mean a or b?");
}

}  // namespace
}  // namespace kerf::cli
