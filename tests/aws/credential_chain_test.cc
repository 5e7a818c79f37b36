// The chain on a machine of the test's own, and the requests that it makes.
#include "lib/aws/credential_chain.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "lib/base/calendar.h"

namespace sluice::aws {
namespace {

const StoreTime kNoon = *parse_time("2026-11-21T12:00:00Z");

std::string keys_json(const std::string& id, const std::string& expires) {
  return R"({"Code":"Success","AccessKeyId":")" + id +
         R"(","SecretAccessKey":"hunter2","Token":"t","Expiration":")" + expires + "\"}";
}

std::string role_xml(const std::string& what, const std::string& id) {
  return "<" + what + "Response><" + what + "Result><Credentials><AccessKeyId>" + id +
         "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
         "<Expiration>2026-11-21T13:00:00Z</Expiration></Credentials></" +
         what + "Result></" + what + "Response>";
}

// Has what the test puts there; an address that is not there does not answer.
class Here final : public Transport, public Machine {
 public:
  void send(HttpRequest request, Limits, std::function<void(HttpText)> done) override {
    const auto found = pages.find(request.method + " " + request.url);
    HttpText answer;
    answer.status = found == pages.end() ? 0 : 200;
    answer.trouble = found == pages.end() ? "no answer" : "";
    if (found != pages.end()) answer.body = found->second;
    sent.push_back(std::move(request));
    done(std::move(answer));
  }
  void after(Duration, std::function<void()> run) override { run(); }
  [[nodiscard]] Instant now() const override { return {1'000'000}; }
  [[nodiscard]] StoreTime wall() const override { return time; }
  [[nodiscard]] std::string variable(const std::string& name) const override {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  }
  [[nodiscard]] Result<std::string> file(const std::string& path) const override {
    const auto found = files.find(path);
    if (found == files.end()) return Error{Trouble::kUnavailable, path + ": not there"};
    return found->second;
  }
  void run(const std::string& command, std::function<void(Result<std::string>)> done) override {
    const auto found = commands.find(command);
    if (found == commands.end()) return done(Error{Trouble::kUnavailable, "it ended with 1"});
    done(found->second);
  }

  void has_instance(const std::string& id) {
    const std::string host = "http://169.254.169.254/latest/";
    const std::string roles = host + "meta-data/iam/security-credentials/";
    pages["PUT " + host + "api/token"] = "TOKEN";
    pages["GET " + roles] = "node";
    pages["GET " + roles + "node"] = keys_json(id, "2026-11-21T18:00:00Z");
  }

  std::map<std::string, std::string> pages, variables, files, commands;
  std::vector<HttpRequest> sent;
  StoreTime time = kNoon;
};

class ChainTest : public ::testing::Test {
 protected:
  ChainTest() { here_.variables["HOME"] = "/home/me"; }
  Result<Keys> ask() {
    std::optional<Result<Keys>> got;
    chain_.ask([&](Result<Keys> keys) { got = std::move(keys); });
    EXPECT_TRUE(got.has_value());
    return got.value_or(Error{Trouble::kUnavailable, "never answered"});
  }
  std::string id() {
    const auto keys = ask();
    return keys.ok() ? keys->access_key_id : keys.error().what;
  }
  Here here_;
  CredentialChain chain_{{here_, here_, {"eu-west-1"}}};
};

TEST_F(ChainTest, TheErrorListsWhatWasTried) {
  EXPECT_EQ(id(),
            "no AWS credentials; tried the environment: AWS_ACCESS_KEY_ID is not set; "
            "a profile: /home/me/.aws/config: not there; /home/me/.aws/credentials: not there; "
            "a web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; "
            "the container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and ..._FULL_URI are not set; "
            "the instance: http://169.254.169.254/latest/api/token: no answer");
}

TEST_F(ChainTest, WhatBroughtThemRenewsThem) {
  here_.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/x";
  here_.pages["GET http://169.254.170.2/v2/credentials/x"] =
      keys_json("TASK", "2026-11-21T18:00:00Z");
  EXPECT_EQ(id(), "TASK");
  EXPECT_EQ(chain_.source(), "the container");
  here_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  here_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(id(), "TASK");  // kept
  chain_.doubt(*ask());
  EXPECT_EQ(id(), "TASK");
  here_.pages.clear();
  chain_.doubt(*ask());
  EXPECT_EQ(id().find("no AWS credentials; tried the container: "), 0U);
}

TEST_F(ChainTest, TheFirstThatIsSetWins) {
  here_.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/x";
  here_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  here_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(id(), "ENV");
  EXPECT_EQ(chain_.source(), "the environment");
  EXPECT_TRUE(here_.sent.empty());
}

// The role of a profile is renewed by that profile alone, though the instance has a role, too.
TEST_F(ChainTest, ARenewalThatFailsMakesNobodyElseOfUs) {
  const std::string sts = "POST https://sts.eu-west-1.amazonaws.com/";
  here_.files["/home/me/.aws/config"] =
      "[default]\nrole_arn = arn:r\ncredential_source = Ec2InstanceMetadata\n";
  here_.has_instance("NODE");
  here_.pages[sts] = role_xml("AssumeRole", "ROLE");
  EXPECT_EQ(id(), "ROLE");  // until 13:00
  here_.pages.erase(sts);
  here_.time = *parse_time("2026-11-21T12:59:00Z");
  EXPECT_EQ(id(), "ROLE");
  here_.time = *parse_time("2026-11-21T12:59:55Z");
  const std::string what = id();
  EXPECT_EQ(what.find("no AWS credentials; tried a profile: STS: "), 0U) << what;
  EXPECT_EQ(what.find("the instance"), std::string::npos) << what;
  here_.pages[sts] = role_xml("AssumeRole", "AGAIN");
  EXPECT_EQ(id(), "AGAIN");
}

TEST_F(ChainTest, WhatIsSetAndFailsEndsTheChain) {
  struct Case {
    const char* variable;
    const char* value;
    const char* ends;
  };
  for (const Case& one :
       {Case{"AWS_ACCESS_KEY_ID", "A", "the environment: AWS_SECRET_ACCESS_KEY is not set"},
        Case{"AWS_PROFILE", "gone", "a profile: profile gone: there is none of this name"},
        Case{"AWS_PROFILE", "app", "a profile: profile app: says nothing of keys"},
        Case{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t", "a web identity: AWS_ROLE_ARN is not set"},
        Case{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/c", ": no answer"}}) {
    here_.variables = {{"HOME", "/home/me"}, {one.variable, one.value}};
    here_.files["/home/me/.aws/config"] = "[default]\nregion = eu-west-1\n[profile app]\n";
    here_.has_instance("NODE");
    EXPECT_TRUE(id().ends_with(one.ends)) << id();
  }
  here_.variables = {{"HOME", "/home/me"}};
  EXPECT_EQ(id(), "NODE");  // a [default] that says nothing of keys is none
}

TEST_F(ChainTest, ABrokenDefaultProfileEndsTheChain) {
  here_.has_instance("NODE");
  for (const std::string text : {"[default]\nrole_arn = arn:r\nsource_profile = gone\n",
                                 "[default]\naws_access_key_id = A\n", "no section\n",
                                 "[default]\ncredential_process = fails\n"}) {
    here_.files["/home/me/.aws/config"] = text;
    EXPECT_NE(id().find("; a profile: "), std::string::npos) << id();
  }
  here_.files["/home/me/.aws/config"] = "[profile other]\naws_access_key_id = A\n";
  EXPECT_EQ(id(), "NODE");
}

TEST_F(ChainTest, KeysAreRenewedBeforeTheyExpire) {
  here_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:9/creds";
  here_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Bearer x";
  auto& page = here_.pages["GET http://127.0.0.1:9/creds"];
  page = keys_json("ONE", "2026-11-21T13:00:00Z");
  EXPECT_EQ(id(), "ONE");
  EXPECT_EQ(here_.sent[0].headers, (std::vector<NameValue>{{"authorization", "Bearer x"}}));
  page = keys_json("TWO", "2026-11-21T14:00:00Z");
  here_.time = *parse_time("2026-11-21T12:54:00Z");
  EXPECT_EQ(id(), "ONE");
  here_.time = *parse_time("2026-11-21T12:56:00Z");
  EXPECT_EQ(id(), "TWO");
  here_.pages.clear();
  here_.time = *parse_time("2026-11-21T13:59:00Z");
  EXPECT_EQ(id(), "TWO");  // cannot be renewed, and is good for a minute more
  here_.time = *parse_time("2026-11-21T14:00:00Z");
  EXPECT_NE(id().find("no AWS credentials"), std::string::npos);
}

TEST_F(ChainTest, ATokenIsSentToNobodyElse) {
  here_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Bearer x";
  for (const char* url :
       {"http://127.0.0.1.evil.example/creds", "http://localhost:x@evil.example/",
        "http://localhost@evil.example/", "http://evil.example/?http://localhost/",
        "https://me:hunter2@evil.example/", "ftp://localhost/", "evil.example"}) {
    here_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_NE(id().find("that is https or of this machine"), std::string::npos) << url;
  }
  for (const char* path : {"@evil.example/", ".evil.example/", ":x@evil.example/"}) {
    here_.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path;
    EXPECT_NE(id().find("_RELATIVE_URI is no URL"), std::string::npos) << path;
  }
  EXPECT_TRUE(here_.sent.empty());
}

TEST_F(ChainTest, WhoMayBeToldAToken) {
  for (const char* url : {"http://localhost/x", "http://LOCALHOST:80", "http://127.0.0.1:9/c?x=y",
                          "http://[::1]:9/", "http://169.254.170.23/v1/credentials",
                          "http://[fd00:ec2::23]/v1/credentials", "https://keys.example/c"}) {
    here_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_TRUE(id().ends_with(": no answer")) << id();
    ASSERT_FALSE(here_.sent.empty()) << url;
    EXPECT_EQ(here_.sent.back().url, url);
  }
}

TEST_F(ChainTest, AnInstanceIsAskedWithAToken) {
  const std::string host = "http://127.0.0.1:9";
  const std::string roles = host + "/latest/meta-data/iam/security-credentials/";
  here_.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = host + "/";
  here_.pages["PUT " + host + "/latest/api/token"] = "TOKEN";
  here_.pages["GET " + roles] = "my-role\n";
  here_.pages["GET " + roles + "my-role"] = keys_json("EC2", "2026-11-21T18:00:00Z");
  EXPECT_EQ(id(), "EC2");
  EXPECT_EQ(here_.sent.back().headers,
            (std::vector<NameValue>{{"x-aws-ec2-metadata-token", "TOKEN"}}));
  here_.variables["AWS_EC2_METADATA_DISABLED"] = "TRUE";
  chain_.doubt(*ask());
  EXPECT_NE(id().find("AWS_EC2_METADATA_DISABLED is true"), std::string::npos);
}

TEST_F(ChainTest, AnInstanceSaysItsRegion) {
  const auto region = [&] {
    std::optional<Result<std::string>> got;
    region_from_instance({here_, here_, {}}, [&](Result<std::string> said) { got = said; });
    EXPECT_TRUE(got.has_value());
    return !got ? "never" : got->ok() ? **got : got->error().what;
  };
  const std::string host = "http://169.254.169.254";
  EXPECT_EQ(region(), host + "/latest/api/token: no answer");
  here_.pages["PUT " + host + "/latest/api/token"] = "TOKEN";
  EXPECT_EQ(region(), host + "/latest/meta-data/placement/region: no answer");
  here_.pages["GET " + host + "/latest/meta-data/placement/region"] = "eu-west-3";
  EXPECT_EQ(region(), "eu-west-3");
  EXPECT_EQ(here_.sent.back().headers,
            (std::vector<NameValue>{{"x-aws-ec2-metadata-token", "TOKEN"}}));
  here_.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_EQ(region(), "AWS_EC2_METADATA_DISABLED is true");
}

TEST_F(ChainTest, AProfileAssumesItsRoles) {
  here_.files["/home/me/.aws/config"] =
      "[profile app]\nrole_arn = arn:r\nsource_profile = base\nexternal_id = x\n";
  here_.files["/home/me/.aws/credentials"] =
      "[base]\naws_access_key_id = BASE\naws_secret_access_key = hunter2\n";
  here_.variables["AWS_PROFILE"] = "app";
  here_.pages["POST https://sts.eu-west-1.amazonaws.com/"] = role_xml("AssumeRole", "ROLE");
  EXPECT_EQ(id(), "ROLE");
  ASSERT_EQ(here_.sent.size(), 1U);
  EXPECT_EQ(here_.sent[0].body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Ar&RoleSessionName=sluice"
            "&DurationSeconds=3600&ExternalId=x");
  EXPECT_NE(here_.sent[0].headers.back().second.find("Credential=BASE/"), std::string::npos);
}

TEST_F(ChainTest, AWebIdentityIsNotSigned) {
  here_.variables["AWS_ROLE_ARN"] = "arn:r";
  here_.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  here_.files["/token"] = "jwt";
  here_.pages["POST https://sts.eu-west-1.amazonaws.com/"] =
      role_xml("AssumeRoleWithWebIdentity", "WEB");
  EXPECT_EQ(id(), "WEB");
  EXPECT_NE(here_.sent[0].body.find("&WebIdentityToken=jwt"), std::string::npos);
  for (const auto& [name, value] : here_.sent[0].headers) EXPECT_NE(name, "authorization");
}

TEST_F(ChainTest, AProcessPrintsThem) {
  here_.files["/home/me/.aws/config"] = "[default]\ncredential_process = vault keys\n";
  here_.commands["vault keys"] = R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"s"})";
  EXPECT_EQ(id(), "P");
  here_.commands["vault keys"] = R"({"Version":2})";
  chain_.doubt(*ask());
  EXPECT_NE(id().find("a profile: credential_process: its Version is not 1"), std::string::npos);
}

TEST_F(ChainTest, NoErrorHasASecret) {
  here_.files["/home/me/.aws/credentials"] = "[default]\nhunter2\n";
  here_.variables["AWS_SECRET_ACCESS_KEY"] = "hunter2";
  const std::string what = id();
  EXPECT_EQ(what.find("hunter2"), std::string::npos) << what;
  EXPECT_NE(what.find("/home/me/.aws/credentials:2: neither a [section]"), std::string::npos);
}

// On EC2 a task's path is all that another container needs to fetch the task's keys.
TEST_F(ChainTest, NoErrorHasThePathOfATasksKeys) {
  const auto tried = [&](const char* variable, const char* value) {
    here_.variables = {{"HOME", "/home/me"}, {variable, value}};
    return id();
  };
  for (const std::string& what :
       {tried("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/hunter2"),
        tried("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@x/hunter2"),
        tried("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/hunter2?hunter2#hunter2"),
        tried("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/hunter2"),
        tried("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://hunter2@127.0.0.1/")}) {
    EXPECT_EQ(what.find("hunter2"), std::string::npos) << what;
  }
  EXPECT_TRUE(tried("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/hunter2")
                  .ends_with("the container: 169.254.170.2: no answer"));
}

}  // namespace
}  // namespace sluice::aws
