// Untrusted text in messages: nothing that a terminal would obey, and never long.
#include "base/quote.h"

#include <gtest/gtest.h>

namespace kerf {
namespace {

TEST(Quoted, KeepsPrintableText) { EXPECT_EQ(quoted("größe €😀"), "\"größe €😀\""); }

TEST(Quoted, EscapesControlCharactersAndWrongBytes) {
  EXPECT_EQ(quoted("a\n\t\r\"\\"), R"("a\n\t\r\"\\")");
  EXPECT_EQ(quoted(std::string_view("\0\x1b[31m\x7f", 7)), R"("\x00\x1b[31m\x7f")");
  EXPECT_EQ(quoted("\xff\xc0\x80"), R"("\xff\xc0\x80")");
  EXPECT_EQ(quoted("\xc2\x9b"), R"("\xc2\x9b")");  // CSI as one character
}

TEST(Quoted, ShortensLongText) {
  EXPECT_EQ(quoted(std::string(100, 'x'), 4), "\"xxxx...\"");
  EXPECT_EQ(quoted("xxxx", 4), "\"xxxx\"");
}

TEST(Shown, KeepsPrintableTextAndMasksTheRest) {
  EXPECT_EQ(shown("1g.5gb größe €"), "1g.5gb größe €");
  EXPECT_EQ(shown("a\n\x1b[31m\x7f"), "a??[31m?");
  EXPECT_EQ(shown("\xff\xc2\x9b"), "??");
  EXPECT_EQ(shown(""), "");
}

TEST(Shown, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(shown(std::string(40, 'x')), std::string(40, 'x'));
  EXPECT_EQ(shown(std::string(41, 'x')), std::string(40, 'x') + "...");
  EXPECT_EQ(shown(std::string(39, 'x') + "€€"), std::string(39, 'x') + "€...");
}

TEST(Utf8, KnowsTheLengthOfEachCharacter) {
  EXPECT_EQ(utf8_length("a", 0), 1U);
  EXPECT_EQ(utf8_length("é", 0), 2U);
  EXPECT_EQ(utf8_length("€", 0), 3U);
  EXPECT_EQ(utf8_length("😀", 0), 4U);
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf", 0), 4U);
}

TEST(Utf8, RefusesWhatIsNotACharacter) {
  for (const char* text : {"\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3", "\xff"}) {
    EXPECT_EQ(utf8_length(text, 0), 0U);
  }
}

}  // namespace
}  // namespace kerf
