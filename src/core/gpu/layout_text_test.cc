// Tests of the text form of a layout: round trips, and errors that name the alternatives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codec/catalogue.h"
#include "core/gpu/geometry.h"

namespace kerf::gpu {
namespace {

using testing::HasSubstr;

const Catalogue& catalogue() { return codec::builtin_catalogue(); }

TEST(LayoutText, ReadsBackEveryLayoutOfEveryModel) {
  std::size_t read = 0;
  for (const Model& m : catalogue().models) {
    if (!m.cuttable()) continue;
    const Geometry g(m);
    for (std::size_t s = 0; s < g.states(); ++s) {
      const Layout& layout = g.layout(static_cast<Geometry::State>(s));
      const std::string text = format_layout(m, layout);
      const auto parsed = parse_layout(catalogue(), text);
      ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
      ASSERT_EQ(parsed->model, &m);
      ASSERT_EQ(parsed->layout, layout) << text;
      ++read;
    }
  }
  EXPECT_EQ(read, 12u * 2319 + 76 + 717);
}

TEST(LayoutText, IsTheFormOfTheDocumentation) {
  const auto parsed = parse_layout(catalogue(), "A100-40 [2g.10gb@0 1g.5gb@2 3g.20gb@4]");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(format_layout(*parsed->model, parsed->layout),
            "A100-40 [2g.10gb@0 1g.5gb@2 3g.20gb@4]");
  EXPECT_EQ(format_layout(*catalogue().find("A100-40"), {}), "A100-40 []");
  EXPECT_EQ(format_layout(*catalogue().find("T4"), {}), "T4 []");
}

TEST(LayoutText, IsReadInAnyOrderAndCaseOfTheModel) {
  const auto parsed = parse_layout(catalogue(), "  a100-40   [ 3g.20gb@4  1g.5gb@2 2g.10gb@0 ]  ");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(format_layout(*parsed->model, parsed->layout),
            "A100-40 [2g.10gb@0 1g.5gb@2 3g.20gb@4]");
  EXPECT_TRUE(parse_layout(catalogue(), "A100-40[]"));
}

TEST(LayoutText, RefusesWithTheAlternatives) {
  struct Case {
    const char* text;
    ErrorCode code;
    const char* words;
  };
  const Case cases[] = {
      {"A100 []", ErrorCode::NotFound,
       "unknown GPU model 'A100'; did you mean A100-40 or A100-80?"},
      {"A100-40GB []", ErrorCode::NotFound, "did you mean A100-40?"},
      {"h1000-80 []", ErrorCode::NotFound, "did you mean H100-80?"},
      {"L5 []", ErrorCode::NotFound, "the models are"},
      {"MI300X []", ErrorCode::NotFound,
       "unknown GPU model 'MI300X'; the models are A100-40, A100-80,"},
      {"T4 []", ErrorCode::Unsupported, "T4 has no MIG"},
      {"RTX-PRO-5000 [1g.24gb@0]", ErrorCode::Unsupported,
       "the placements of RTX-PRO-5000 are not known"},
      {"A100-40 [1g.10gb+me@0]", ErrorCode::InvalidArgument,
       "A100-40 has no profile '1g.10gb+me'; it has 1g.5gb, 1g.5gb+me, 1g.10gb, 2g.10gb, 3g.20gb, "
       "4g.20gb, 7g.40gb"},
      {"A100-40 [3g.20gb@2]", ErrorCode::InvalidArgument,
       "'3g.20gb@2': 3g.20gb can start at 0, 4 on A100-40, not at '2'"},
      {"A100-40 [1g.5gb@x]", ErrorCode::InvalidArgument, "can start at 0, 1, 2, 3, 4, 5, 6"},
      {"A100-40 [1g.5gb@]", ErrorCode::InvalidArgument, "not at ''"},
      {"A100-40 [1g.5gb@256]", ErrorCode::InvalidArgument, "not at '256'"},
      {"A100-40 [1g.5gb@-1]", ErrorCode::InvalidArgument, "not at '-1'"},
      {"A100-40 [1g.5gb@99999999999]", ErrorCode::InvalidArgument, "not at '99999999999'"},
      {"A100-40 [1g.5gb]", ErrorCode::InvalidArgument,
       "'1g.5gb': expected PROFILE@START, e.g. 1g.5gb@0"},
      {"A100-40 [3g.20gb@0 2g.10gb@2]", ErrorCode::InvalidArgument,
       "3g.20gb@0 and 2g.10gb@2 overlap in slot 2"},
      {"A100-40 [1g.5gb@3 1g.5gb@3]", ErrorCode::InvalidArgument,
       "1g.5gb@3 and 1g.5gb@3 overlap in slot 3"},
      {"A100-40 [1g.5gb+me@0 1g.5gb+me@1]", ErrorCode::InvalidArgument,
       "'1g.5gb+me@1' is one too many: A100-40 has at most 1 of 1g.5gb+me"},
      {"A30 [1g.6gb+me@0 2g.12gb+me@2]", ErrorCode::InvalidArgument,
       "'2g.12gb+me@2' needs 1 JPEG engines, but the slices before it use 1 of the 1 of A30"},
      {"", ErrorCode::InvalidArgument, "'' is no layout; expected MODEL [PROFILE@START ...]"},
      {"A100-40", ErrorCode::InvalidArgument, "is no layout"},
      {"A100-40 ]1g.5gb@0[", ErrorCode::InvalidArgument, "is no layout"},
      {"A100-40 [] x", ErrorCode::InvalidArgument, "is no layout"},
      {"A100-40 [] []", ErrorCode::InvalidArgument, "is no layout"},
      {"A100-40 [[]", ErrorCode::InvalidArgument, "expected PROFILE@START"},
      {"[1g.5gb@0]", ErrorCode::InvalidArgument, "one GPU model is expected before '['"},
      {"A100-40 A30 []", ErrorCode::InvalidArgument, "one GPU model is expected before '['"},
      {"A100-40 [1g.5gb@0\n]", ErrorCode::InvalidArgument, "not at '0?'"},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_layout(catalogue(), c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().code(), c.code) << c.text;
    EXPECT_THAT(parsed.error().message(), HasSubstr(c.words)) << c.text;
  }
}

TEST(LayoutText, BoundsItsInput) {
  const std::string blanks(4096 - 10, ' ');
  EXPECT_TRUE(parse_layout(catalogue(), "A100-40 []" + blanks));
  const auto too_long = parse_layout(catalogue(), "A100-40 [] " + blanks);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), ErrorCode::TooLarge);
  const auto long_word = parse_layout(catalogue(), std::string(4000, 'a') + " []");
  ASSERT_FALSE(long_word);
  EXPECT_LT(long_word.error().message().size(), 400u);
}

TEST(LayoutText, RefusesExactlyWhatTheGeometryRefuses) {
  // Every pair and triple of slices of an A30, legal or not.
  const Model& m = *catalogue().find("A30");
  const Geometry g(m);
  int refused = 0;
  const auto check = [&](const Layout& layout) {
    std::string text = m.key + " [";
    for (const Placed p : layout)
      text += m.profiles[p.profile].name + '@' + std::to_string(p.start) + ' ';
    const auto parsed = parse_layout(catalogue(), text + ']');
    ASSERT_EQ(parsed.has_value(), g.state(layout).has_value()) << text;
    if (!parsed) ++refused;
  };
  for (const Placed a : g.items()) {
    for (const Placed b : g.items()) {
      ASSERT_NO_FATAL_FAILURE(check({a, b}));
      for (const Placed c : g.items()) ASSERT_NO_FATAL_FAILURE(check({a, b, c}));
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace kerf::gpu
