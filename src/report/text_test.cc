// Nothing that a terminal would obey gets through, and widths are what they are said to be.
#include "report/text.h"

#include <gtest/gtest.h>

namespace kerf::report {
namespace {

TEST(Printable, KeepsWhatIsOneColumnWide) {
  EXPECT_EQ(printable("inference/llama-8b", true), "inference/llama-8b");
  EXPECT_EQ(printable("größe … “x”", true), "größe … “x”");
}

TEST(Printable, EscapesWhatATerminalWouldObeyOrCannotMeasure) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"\x1b[31mred", "\\x1b[31mred"},
                                                                 {"a\r\nb\tc", "a\\r\\nb\\tc"},
                                                                 {"\xff\xc0", "\\xff\\xc0"},
                                                                 {"\xc2\x9b", "\\x9b"},
                                                                 {"\xe4\xb8\xad", "\\u{4e2d}"},
                                                                 {"\xe2\x80\xae", "\\u{202e}"},
                                                                 {"e\xcc\x81", "e\\u{301}"},
                                                                 {"\xf0\x9f\x98\x80", "\\u{1f600}"},
                                                                 {"\x7f", "\\x7f"},
                                                                 {"\xc2\xad", "\\xad"}};
  for (const auto& [in, out] : cases) EXPECT_EQ(printable(in, true), out);
}

TEST(Printable, IsAsciiWhereAsked) { EXPECT_EQ(printable("größe…", false), "gr\\xf6\\xdfe..."); }

TEST(Elided, LetsTheMiddleGiveWay) {
  EXPECT_EQ(elided("notebook-large-0", 9, true), "note…ge-0");
  EXPECT_EQ(elided("notebook-large-0", 9, false), "not...e-0");
  EXPECT_EQ(elided("short", 9, true), "short");
  EXPECT_EQ(elided("größe", 3, true), "g…e");
  EXPECT_EQ(elided("abcdef", 2, false), "..");
  EXPECT_EQ(elided("abcdef", 0, true), "");
}

TEST(Wrapped, BreaksAtBlanksAndWithinWordsThatAreTooLong) {
  EXPECT_EQ(wrapped("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("abcdefghij k", 4), (std::vector<std::string>{"abcd", "efgh", "ij k"}));
  EXPECT_EQ(wrapped("ö ä", 1), (std::vector<std::string>{"ö", "ä"}));
  EXPECT_EQ(wrapped("", 10), (std::vector<std::string>{""}));
}

TEST(Text, AlignsByColumnsNotBytes) {
  EXPECT_EQ(padded("ö", 3), "ö  ");
  EXPECT_EQ(padded_left("ö", 3), "  ö");
  EXPECT_EQ(centred("ö", 4, "▒"), "▒ö▒▒");
  EXPECT_EQ(padded("longer", 3), "longer");
}

TEST(Text, WritesCounts) {
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(with_thousands(-123), "-123");
  EXPECT_EQ(with_thousands(-1234), "-1,234");
  EXPECT_EQ(counted(1, "pod", "pods"), "1 pod");
  EXPECT_EQ(counted(2000, "pod", "pods"), "2,000 pods");
}

TEST(ValidUtf8, ReplacesStrayBytes) { EXPECT_EQ(valid_utf8("a\xff\xc3"), "a\uFFFD\uFFFD"); }

TEST(Wrapped, KeepsANumberWithItsPercentSign) {
  EXPECT_EQ(wrapped("saves 12.3 % now", 10), (std::vector<std::string>{"saves", "12.3 % now"}));
}

}  // namespace
}  // namespace kerf::report
