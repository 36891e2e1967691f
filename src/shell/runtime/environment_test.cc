// environment(): set, empty and absent variables.
#include "shell/runtime/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace kerf::runtime {
namespace {

TEST(Environment, TellsAbsentFromEmpty) {
  ::setenv("KERF_TEST_SET", "value", 1);
  ::setenv("KERF_TEST_EMPTY", "", 1);
  ::unsetenv("KERF_TEST_ABSENT");
  EXPECT_EQ(environment("KERF_TEST_SET"), "value");
  EXPECT_EQ(environment("KERF_TEST_EMPTY"), "");
  EXPECT_EQ(environment("KERF_TEST_ABSENT"), std::nullopt);
}

}  // namespace
}  // namespace kerf::runtime
