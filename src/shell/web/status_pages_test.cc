// What keeps the pages of a program from being served, and what does not.
#include "shell/web/status_pages.h"

#include <gtest/gtest.h>

namespace kerf::web {
namespace {

TEST(StatusPages, AnAddressThatIsNoneIsAnErrorAndNotTriedAgain) {
  runtime::Loop loop;
  telemetry::Metrics metrics;
  StatusPages pages({"not-an-address", 0, "stuck\n"}, metrics, loop, telemetry::Log(),
                    [] { return Response{200, "ready\n"}; });
  const auto started = pages.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::InvalidArgument);
  EXPECT_NE(started.error().message().find("--metrics"), std::string::npos);
}

TEST(StatusPages, APortThatIsTakenIsNoErrorOfTheProgram) {
  Server::Options taken;
  taken.address = "127.0.0.1";
  const auto other = Server::start(taken, {});
  ASSERT_TRUE(other) << other.error().message();
  runtime::Loop loop;
  telemetry::Metrics metrics;
  StatusPages pages({"127.0.0.1", (*other)->port(), "stuck\n"}, metrics, loop, telemetry::Log(),
                    [] { return Response{200, "ready\n"}; });
  EXPECT_TRUE(pages.start());
}

}  // namespace
}  // namespace kerf::web
