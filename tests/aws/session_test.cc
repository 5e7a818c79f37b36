// What a session is made of, and one on this machine.
#include "lib/aws/session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "lib/port/clock.h"
#include "lib/port/http_server.h"

namespace sluice::aws {
namespace {

class Said final : public Machine {
 public:
  [[nodiscard]] std::string variable(const std::string& name) const override {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  }
  [[nodiscard]] Result<std::string> file(const std::string& path) const override {
    if (path != "/config") return Error{Trouble::kUnavailable, path + ": not there"};
    return config;
  }
  void run(const std::string&, std::function<void(Result<std::string>)>) override {}

  std::map<std::string, std::string> variables{{"AWS_CONFIG_FILE", "/config"}};
  std::string config =
      "[default]\nregion = eu-central-1\n[profile other]\nregion = eu-south-2\n"
      "endpoint_url = http://127.0.0.1:7\n";
};

class ConfigTest : public ::testing::Test {
 protected:
  std::string region() {
    const auto config = client_config(said_, settings_, [this] { return instance_; });
    return config.ok() ? config->region : config.error().what;
  }
  std::string url(std::string_view name) {
    const auto config = client_config(said_, settings_, [this] { return instance_; });
    if (!config.ok()) return config.error().what;
    return endpoint_of(service(name), config->region, config->endpoints).url;
  }
  Said said_;
  SessionSettings settings_;
  Result<std::string> instance_{Error{Trouble::kUnavailable, "no answer"}};
};

TEST_F(ConfigTest, TheRegionFromTheNearestPlace) {
  EXPECT_EQ(region(), "eu-central-1");
  said_.variables["AWS_PROFILE"] = "other";
  EXPECT_EQ(region(), "eu-south-2");
  said_.variables["AWS_DEFAULT_REGION"] = "us-west-1";
  EXPECT_EQ(region(), "us-west-1");
  said_.variables["AWS_REGION"] = "us-west-2";
  EXPECT_EQ(region(), "us-west-2");
  settings_.region = "us-east-1";
  EXPECT_EQ(region(), "us-east-1");
}

TEST_F(ConfigTest, WithoutARegionThereIsNoSession) {
  said_.config = "";
  said_.variables["AWS_PROFILE"] = "app";
  EXPECT_EQ(region(),
            "no region, such as eu-west-1; tried [aws] region, AWS_REGION, AWS_DEFAULT_REGION: not "
            "set; the profile \"app\": has none; the instance: no answer");
  instance_ = std::string("ap-south-1");
  EXPECT_EQ(region(), "ap-south-1");
  instance_ = std::string("<html>");
  EXPECT_EQ(region(), "region: \"<html>\" is none; such as eu-west-1");
}

TEST_F(ConfigTest, EndpointsFromTheNearestPlace) {
  EXPECT_EQ(url("sqs"), "https://sqs.eu-central-1.amazonaws.com");
  said_.variables["AWS_PROFILE"] = "other";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:7");
  said_.variables["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:8";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:8");
  EXPECT_EQ(url("sns"), "http://127.0.0.1:7");
  settings_.endpoint = "http://127.0.0.1:9/";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:9");
}

TEST_F(ConfigTest, AProfileNamesItsServices) {
  said_.config =
      "[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\nservices = dev\n"
      "[services dev]\nsqs = \n  endpoint_url = http://127.0.0.1:2\nsecrets_manager =\n"
      "  endpoint_url = http://127.0.0.1:3  # here\n[services other]\nsns =\n"
      "  endpoint_url = http://127.0.0.1:4\n";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:2");
  EXPECT_EQ(url("secrets_manager"), "http://127.0.0.1:3");
  EXPECT_EQ(url("sns"), "http://127.0.0.1:1");
  said_.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:5";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:5");
  said_.config += "[default]\nservices = none\n";
  said_.variables.erase("AWS_ENDPOINT_URL");
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:1");
}

TEST_F(ConfigTest, AnEndpointIsHostAndPath) {
  for (const char* wrong :
       {"127.0.0.1", "ftp://x", "http://x?a=b", "http://me:hunter2@x", "nonsense"}) {
    said_.variables["AWS_ENDPOINT_URL_SNS"] = wrong;
    EXPECT_NE(url("sns").find("endpoint of sns: "), std::string::npos) << wrong;
  }
}

TEST_F(ConfigTest, TheAuthoritiesFromTheNearestPlace) {
  EXPECT_EQ(ca_file(said_).value(), "");
  said_.config = "[default]\nregion = eu-west-1\nca_bundle = /config\n";
  EXPECT_EQ(ca_file(said_).value(), "/config");
  said_.variables["AWS_CA_BUNDLE"] = "/nowhere.pem";
  ASSERT_FALSE(ca_file(said_).ok());
  EXPECT_EQ(ca_file(said_).error().what, "AWS_CA_BUNDLE: /nowhere.pem cannot be read");
}

// An HTTP server of the test's own, and a machine whose environment it is.
class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    port::HttpServerConfig config;
    config.listen = "127.0.0.1:0";
    auto opened = port::HttpServer::open(poller_, config, [this](port::HttpRequest request) {
      asked_.push_back(request.body);
      server_->respond(request.id, {200, answer_});
    });
    ASSERT_TRUE(opened) << opened.error().what;
    server_ = std::move(*opened);
    char path[] = "/tmp/sluice-aws-XXXXXX";
    ::close(mkstemp(path));
    config_ = path;
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"}) {
      unsetenv(name);
    }
    setenv("AWS_CONFIG_FILE", path, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  }
  void TearDown() override { ::unlink(config_.c_str()); }
  Outcome call() {
    auto session =
        Session::open(poller_, {"eu-west-1", "http://127.0.0.1:" + std::to_string(server_->port())},
                      std::nullopt);
    EXPECT_TRUE(session.ok());
    std::optional<Outcome> how;
    (*session)->client().call({"sqs", "ListQueues", {}, "{}"},
                              [&](Outcome outcome) { how = std::move(outcome); });
    const Instant last = port::steady_now() + seconds(20);
    while (!how && port::steady_now() < last) poller_.poll(last);
    from_ = (*session)->credentials_from();
    EXPECT_TRUE(how.has_value());
    return how.value_or(Outcome{});
  }

  port::Poller poller_;
  std::unique_ptr<port::HttpServer> server_;
  std::vector<std::string> asked_;
  std::string answer_ = R"({"QueueUrls":[]})";
  std::string config_, from_;
};

// Something listens there, and does not answer.
TEST_F(SessionTest, AnInstanceThatDoesNotAnswerHoldsUpNobody) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"}) {
    unsetenv(name);
  }
  const std::string url = "http://127.0.0.1:" + std::to_string(server_->port());
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.c_str(), 1);
  const Instant began = port::steady_now();
  const auto session = Session::open(poller_, {}, std::nullopt);
  unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  EXPECT_LT(port::steady_now() - began, seconds(20));
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, Trouble::kSettings);
  EXPECT_NE(session.error().what.find("the instance: " + url + "/latest/api/token: "),
            std::string::npos)
      << session.error().what;
}

TEST_F(SessionTest, ACallWithTheKeysOfACredentialProcess) {
  std::ofstream(config_) << R"([default]
credential_process = printf %s '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s $HOME"}'
)";
  const Outcome how = call();
  EXPECT_FALSE(how.fault) << how.fault->message;
  EXPECT_EQ(how.answer, answer_);
  EXPECT_EQ(from_, "a profile");
}

TEST_F(SessionTest, WhatACredentialProcessSaidIsInNoError) {
  std::ofstream(config_) << "[default]\ncredential_process = echo hunter2\n";
  const Outcome how = call();
  ASSERT_TRUE(how.fault.has_value());
  EXPECT_EQ(how.fault->code, "NoCredentials");
  EXPECT_NE(how.fault->message.find("a profile: credential_process: it is not the JSON document"),
            std::string::npos);
  EXPECT_EQ(how.fault->message.find("hunter2"), std::string::npos);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(SessionTest, AFileThatIsNoneIsNotRead) {
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/zero", 1);
  setenv("AWS_CONFIG_FILE", "/tmp", 1);
  const Outcome how = call();
  ASSERT_TRUE(how.fault.has_value());
  EXPECT_NE(how.fault->message.find("a profile: /tmp: cannot be read: "), std::string::npos);
}

TEST_F(SessionTest, AnAnswerLargerThanAllowedIsNone) {
  setenv("AWS_ACCESS_KEY_ID", "A", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
  answer_ = "\"" + std::string(1U << 20U, 'x') + "\"";
  const Outcome how = call();
  ASSERT_TRUE(how.fault.has_value());
  EXPECT_EQ(how.fault->code, "AnswerTooLarge");
  EXPECT_EQ(asked_.size(), 1U);
}

}  // namespace
}  // namespace sluice::aws
