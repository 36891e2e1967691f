// Tests of weekly schedules: which minutes of the week, and what cannot be one.
#include "codec/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int32_t kDay = 24 * 60;

std::vector<std::int32_t> minutes(const char* schedule) {
  const auto found = weekly_minutes(schedule);
  EXPECT_TRUE(found) << found.error().message();
  return found ? *found : std::vector<std::int32_t>{};
}

TEST(Cron, CountsFromMonday) {
  EXPECT_THAT(minutes("0 0 * * mon"), ElementsAre(0));
  EXPECT_THAT(minutes("30 20 * * 1"), ElementsAre(20 * 60 + 30));
  EXPECT_THAT(minutes("0 0 * * 0"), ElementsAre(6 * kDay));
  EXPECT_THAT(minutes("0 0 * * 7"), ElementsAre(6 * kDay));
  EXPECT_THAT(minutes("@weekly"), ElementsAre(6 * kDay));
  EXPECT_THAT(minutes("0 20 * * mon-fri"),
              ElementsAre(1200, kDay + 1200, 2 * kDay + 1200, 3 * kDay + 1200, 4 * kDay + 1200));
}

TEST(Cron, TakesStepsListsAndNames) {
  EXPECT_THAT(minutes("*/20 3 * * TUE"), ElementsAre(kDay + 180, kDay + 200, kDay + 220));
  EXPECT_THAT(minutes("50/5 3 * * 2"), ElementsAre(kDay + 230, kDay + 235));
  EXPECT_THAT(minutes("50/1 23 * * 7").size(), 10U);
  EXPECT_THAT(minutes("1,5-6 0 * * mon"), ElementsAre(1, 5, 6));
  EXPECT_EQ(minutes("@daily").size(), 7U);
  EXPECT_EQ(minutes("@hourly").size(), 7U * 24);
  EXPECT_EQ(minutes("* * * * *").size(), 7U * kDay);
}

TEST(Cron, RefusesWhatDoesNotRepeatEveryWeek) {
  struct Case {
    const char* schedule;
    const char* says;
  };
  const Case cases[] = {{"0 20 * *", "expected five fields"},
                        {"@monthly", "expected five fields"},
                        {"0 0 1 * *", "repeat every week"},
                        {"0 0 * jan *", "repeat every week"},
                        {"60 0 * * *", "\"60\" is no minute: expected 0 to 59"},
                        {"0 24 * * *", "no hour"},
                        {"0 0 * * fri-mon", "no weekday"},
                        {"0 0 * * fry", "no weekday"},
                        {"*/0 0 * * *", "no minute"},
                        {"1, 0 * * *", "no minute"},
                        {"-1 0 * * *", "no minute"},
                        {"9999999999 0 * * *", "no minute"}};
  for (const Case& c : cases) {
    const auto found = weekly_minutes(c.schedule);
    ASSERT_FALSE(found) << c.schedule;
    EXPECT_THAT(found.error().message(), HasSubstr(c.says)) << c.schedule;
  }
}

}  // namespace
}  // namespace kerf::codec
