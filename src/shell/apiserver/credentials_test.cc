// Tests of credentials: addresses, files that change, files that make no sense.
#include "shell/apiserver/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/temporary_folder_testing.h"

namespace kerf::apiserver {
namespace {

using testing::HasSubstr;
const std::string kCa = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

TEST(Credentials, AreAPodsOwn) {
  const auto found = in_cluster("10.96.0.1", "443", "/secrets");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->server, "https://10.96.0.1:443");
  EXPECT_EQ(found->ca_file, "/secrets/ca.crt");
  EXPECT_EQ(found->token_file, "/secrets/token");
}

TEST(Credentials, PutAnIpv6AddressInBrackets) {
  EXPECT_EQ(in_cluster("fd00::1", "6443", "/s")->server, "https://[fd00::1]:6443");
  EXPECT_EQ(in_cluster("[fd00::1]", "6443", "/s")->server, "https://[fd00::1]:6443");
}

TEST(Credentials, AreNotFoundOutsideACluster) {
  EXPECT_EQ(in_cluster("", "443", "/s").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(in_cluster("10.0.0.1", "", "/s").error().code(), ErrorCode::NotFound);
}

TEST(Credentials, SayWhatIsWrongWithAnAddress) {
  for (const char* good : {"https://10.0.0.1:443", "https://api.example.com", "https://[::1]:6443",
                           "https://[fd00::1]", "http://127.0.0.1:8001", "http://localhost:8001",
                           "http://[::1]:8001"}) {
    EXPECT_TRUE(check_server(good)) << good;
  }
  for (const char* bad :
       {"", "10.0.0.1:443", "ftp://10.0.0.1", "https://", "https://:443", "https://a:0",
        "https://a:65536", "https://a:443/path", "https://user@a:443", "https://a?b",
        "https://[::1", "https://a b", "http://10.0.0.1:80", "http://127.0.0.1.example.com:80",
        "https://a:443\r\nX: y"}) {
    const auto checked = check_server(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code(), ErrorCode::InvalidArgument);
  }
  EXPECT_THAT(check_server("http://10.0.0.1:80").error().message(), HasSubstr("without TLS only"));
}

struct SecretsTest : testing::Test {
  TemporaryFolder folder;
  Credentials credentials{"https://10.0.0.1:443", folder.write("ca.crt", kCa),
                          folder.write("token", "one\n")};
  Secrets secrets{credentials};
};

TEST_F(SecretsTest, AreReadAndTrimmed) {
  ASSERT_TRUE(secrets.load(0));
  EXPECT_EQ(secrets.token(), "one");
  EXPECT_EQ(secrets.ca(), kCa);
  EXPECT_EQ(secrets.token_version(), 1u);
}

TEST_F(SecretsTest, AreReadAgainWhenKubeletSwapsTheFolder) {
  // As kubelet does: token -> ..data/token, ..data -> a folder that is replaced.
  folder.write("v1/token", "one");
  folder.write("v2/token", "two");
  std::filesystem::remove(folder.at("token"));
  folder.link("v1", "..data");
  folder.link("..data/token", "token");
  ASSERT_TRUE(secrets.load(0));
  folder.link("v2", "..new");
  std::filesystem::rename(folder.at("..new"), folder.at("..data"));
  secrets.refresh(1);
  EXPECT_EQ(secrets.token(), "two");
  EXPECT_EQ(secrets.token_version(), 2u);
  EXPECT_EQ(secrets.ca_version(), 1u);
}

TEST_F(SecretsTest, KeepWhatTheyHaveWhenAFileIsGone) {
  ASSERT_TRUE(secrets.load(0));
  std::filesystem::remove(folder.at("token"));
  secrets.refresh(1);
  EXPECT_EQ(secrets.token(), "one");
  EXPECT_THAT(secrets.problem(), HasSubstr("token"));
  folder.write("token", "two");
  secrets.refresh(2);
  EXPECT_EQ(secrets.token(), "two");
  EXPECT_EQ(secrets.problem(), "");
}

TEST_F(SecretsTest, AreRefusedWhenTheyMakeNoSense) {
  const auto refusal = [&](const char* name, const std::string& text) {
    folder.write(name, text);
    const auto loaded = Secrets(credentials).load(0);
    folder.write("token", "one");
    folder.write("ca.crt", kCa);
    return loaded ? std::string("accepted") : loaded.error().message();
  };
  EXPECT_THAT(refusal("token", ""), HasSubstr("the token is empty"));
  EXPECT_THAT(refusal("token", "a\r\nX-Evil: b"), HasSubstr("no spaces or control characters"));
  EXPECT_THAT(refusal("token", std::string(Secrets::kTokenBytesMax + 1, 'a')),
              HasSubstr("at most"));
  EXPECT_THAT(refusal("ca.crt", "hello"), HasSubstr("no certificate"));
  std::filesystem::remove(folder.at("ca.crt"));
  EXPECT_THAT(Secrets(credentials).load(0).error().message(), HasSubstr("ca.crt: No such file"));
}

TEST_F(SecretsTest, SameContentIsNoNewVersion) {
  ASSERT_TRUE(secrets.load(0));
  folder.write("token", "one");
  secrets.refresh(1);
  secrets.refresh(2, true);
  EXPECT_EQ(secrets.token_version(), 1u);
}

TEST(Secrets, NeedNeitherTokenNorAuthorityOnThisMachine) {
  Secrets secrets({"http://127.0.0.1:8001", "", ""});
  EXPECT_TRUE(secrets.load(0));
  EXPECT_EQ(secrets.token(), "");
}

}  // namespace
}  // namespace kerf::apiserver
