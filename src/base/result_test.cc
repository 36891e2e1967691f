// Errors and asserts: what each layer adds, and how a bug ends.
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/assert.h"

namespace kerf {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return fail(ErrorCode::NotFound, "no such file");
  return std::make_unique<int>(7);
}

Result<int> use(bool good) {
  KERF_TRY(const std::unique_ptr<int> value, make(good));  // move-only values pass through
  return *value;
}

Result<void> check(bool good) {
  KERF_CHECK_OK(use(good));
  return {};
}

TEST(Result, TryDeclaresTheValueOrReturnsTheError) {
  EXPECT_EQ(use(true).value(), 7);
  ASSERT_FALSE(use(false).has_value());
  EXPECT_EQ(use(false).error().code(), ErrorCode::NotFound);
  EXPECT_TRUE(check(true).has_value());
  EXPECT_EQ(check(false).error().message(), "no such file");
}

TEST(Result, EachLayerPutsItsPrefixInFront) {
  const Error error =
      Error(ErrorCode::TooLarge, "over 10 bytes").within("reading a.yaml").within("planning");
  EXPECT_EQ(error.message(), "planning: reading a.yaml: over 10 bytes");
  EXPECT_EQ(error.code(), ErrorCode::TooLarge);
}

TEST(Result, EveryCodeHasAName) {
  for (const ErrorCode code :
       {ErrorCode::InvalidArgument, ErrorCode::NotFound, ErrorCode::Unsupported,
        ErrorCode::TooLarge, ErrorCode::Conflict, ErrorCode::Expired, ErrorCode::Unavailable}) {
    EXPECT_NE(to_string(code), "?");
  }
  EXPECT_EQ(to_string(ErrorCode::TooLarge), "TooLarge");
}

TEST(AssertDeathTest, SaysWhatWasPromisedAndWhere) {
  EXPECT_DEATH(KERF_ASSERT(1 + 1 == 3, "sums are right"),
               "internal error: sums are right .*result_test.cc:[0-9]+: 1 \\+ 1 == 3");
}

TEST(AssertDeathTest, PassesWhereTheConditionHolds) { KERF_ASSERT(true, "never printed"); }

}  // namespace
}  // namespace kerf
