// Tests of watch streams: the same events whatever the pieces.
#include "shell/apiserver/watch_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace kerf::apiserver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string event(const std::string& type, const std::string& name) {
  return R"({"type":")" + type + R"(","object":{"metadata":{"name":")" + name + "\"}}}\n";
}

/// "ADDED a" for each event; at last what went wrong, if something did.
std::vector<std::string> events(std::string_view bytes, std::size_t piece,
                                std::size_t line_max = 1000) {
  WatchStream stream(line_max);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    stream.feed(bytes.substr(at, piece));
    while (true) {
      auto next = stream.next();
      if (!next) {
        out.push_back(next.error().message());
        return out;
      }
      if (!*next) break;
      const codec::Node* metadata = (*next)->object.find("metadata");
      const codec::Node* name = metadata == nullptr ? nullptr : metadata->find("name");
      out.push_back((*next)->type_text + " " + (name == nullptr ? "" : name->text));
    }
  }
  return out;
}

TEST(WatchStream, GivesTheSameEventsInAnyPieces) {
  const std::string bytes = event("ADDED", "ä") + "\n \r\n" + event("MODIFIED", "b") +
                            event("BOOKMARK", "c") + event("DELETED", "d") + event("NEW", "e");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_THAT(events(bytes, piece),
                ElementsAre("ADDED ä", "MODIFIED b", "BOOKMARK c", "DELETED d", "NEW e"))
        << piece;
  }
}

TEST(WatchStream, KnowsTypes) {
  WatchStream stream;
  using Type = WatchEvent::Type;
  for (const auto& [text, type] :
       {std::pair("ADDED", Type::Added), std::pair("MODIFIED", Type::Modified),
        std::pair("DELETED", Type::Deleted), std::pair("BOOKMARK", Type::Bookmark),
        std::pair("ERROR", Type::Error), std::pair("added", Type::Other)}) {
    stream.feed(event(text, "a"));
    EXPECT_EQ((**stream.next()).type, type) << text;
  }
}

TEST(WatchStream, KnowsWhenItIsInTheMiddle) {
  WatchStream stream;
  EXPECT_FALSE(stream.mid_event());
  const std::string bytes = event("ADDED", "a");
  stream.feed(bytes.substr(0, 5));
  EXPECT_FALSE(*stream.next());
  EXPECT_TRUE(stream.mid_event());
  stream.feed(bytes.substr(5));
  EXPECT_TRUE(*stream.next());
  EXPECT_FALSE(stream.mid_event());
}

TEST(WatchStream, StopsAtTheFirstLineThatIsNoEvent) {
  for (const char* bad : {"{", "[]", "null", "{}", R"({"type":"ADDED"})", R"({"object":{}})",
                          R"({"type":"ADDED","object":[]})", R"({"type":1,"object":{}})",
                          R"({"type":"ADDED","object":{}} {})", "\xff"}) {
    WatchStream stream;
    stream.feed(event("ADDED", "a") + bad + "\n" + event("ADDED", "b"));
    EXPECT_TRUE(*stream.next());
    const auto failed = stream.next();
    ASSERT_FALSE(failed) << bad;
    EXPECT_EQ(failed.error().code(), ErrorCode::InvalidArgument) << bad;
    EXPECT_THAT(failed.error().message(), HasSubstr("watch event"));
    stream.feed(event("ADDED", "c"));
    EXPECT_FALSE(stream.next()) << "it says so again";
    EXPECT_FALSE(stream.mid_event());
  }
}

TEST(WatchStream, BoundsALineThatDoesNotEnd) {
  const std::string bytes = event("ADDED", std::string(2000, 'x'));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, bytes.size()}) {
    EXPECT_THAT(events(bytes, piece, 1000), ElementsAre("watch event: longer than 1000 bytes"));
  }
  EXPECT_THAT(events(bytes, 7, 3000), ElementsAre("ADDED " + std::string(2000, 'x')));
}

}  // namespace
}  // namespace kerf::apiserver
