// Copies of segments in a bucket of the test's own, which answers as the test wants it to.
#include "auditor/s3_copies.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>

#include "auditor/disk_trail.h"
#include "auditor/uses.h"
#include "auditor/verbs.h"
#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "tests/auditor/temp_dir.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

constexpr std::uint32_t kAsItIs = 0;
constexpr std::uint32_t kNotHeardOf = 1;  // done, and answered with 500

// A bucket, and the world around it. Every call is answered at once.
class FakeBucket final : public aws::Transport, public aws::KeySource {
 public:
  void send(aws::HttpRequest request, Limits, std::function<void(aws::HttpText)> done) override {
    if (is_silent) return;
    const std::string path = request.url.substr(request.url.find("/copies") + 7);
    asked.push_back(request.method + " " + path.substr(0, path.find('?')));
    headers.assign(request.headers.begin(), request.headers.end());
    const std::uint32_t fate = fates.empty() ? kAsItIs : fates.front();
    if (!fates.empty()) fates.pop_front();
    if (fate == kAsItIs) return done(answer(request, path));
    if (fate == kNotHeardOf) (void)answer(request, path);
    done(said(fate == kNotHeardOf ? 500 : fate, code));
  }
  void after(Duration wait, std::function<void()> run) override { time = time + wait, run(); }
  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] StoreTime wall() const override { return wall_time; }
  void ask(std::function<void(Result<aws::Keys>)> done) override { done(aws::Keys{"A", "s", ""}); }
  void doubt(const aws::Keys&) override {}

  [[nodiscard]] std::string header(const std::string& name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }

  std::map<std::string, std::string> objects;
  std::vector<std::string> asked;
  std::vector<aws::NameValue> headers;  // of the last request
  std::deque<std::uint32_t> fates;      // of the next calls: statuses, or the two above
  Instant time{1'000'000'000};
  StoreTime wall_time{kNov21Us};
  bool is_silent = false;             // requests are not answered
  std::string code = "AccessDenied";  // of what is refused

 private:
  static aws::HttpText said(std::uint32_t status, const std::string& code) {
    aws::HttpText text;
    text.status = status;
    text.body = "<Error><Code>" + code + "</Code><Message>why</Message></Error>";
    return text;
  }
  aws::HttpText answer(const aws::HttpRequest& request, const std::string& path) {
    if (path.front() != '/') return list();
    const std::string key = path.substr(1);
    const auto found = objects.find(key);
    if (request.method == "PUT") {
      if (found != objects.end()) return said(412, "PreconditionFailed");
      objects[key] = request.body;
    } else if (found == objects.end()) {
      return said(404, "NoSuchKey");
    }
    aws::HttpText text;
    text.status = 200;
    if (request.method == "GET") text.body = found->second;
    return text;
  }
  [[nodiscard]] aws::HttpText list() const {
    aws::HttpText text;
    text.status = 200;
    text.body = "<ListBucketResult><IsTruncated>false</IsTruncated>";
    for (const auto& [key, body] : objects) {
      text.body += "<Contents><Key>" + key + "</Key><Size>" + std::to_string(body.size()) +
                   "</Size></Contents>";
    }
    text.body += "</ListBucketResult>";
    return text;
  }
};

class S3CopiesTest : public ::testing::Test {
 protected:
  S3CopiesTest() { config_.bucket = "copies", config_.prefix = "t/"; }
  void SetUp() override { open(); }

  void open() {
    copies_ = std::make_unique<S3Copies>(config_, dir_.path(),
                                         S3Copies::World{client_, bucket_, log_, 1});
  }
  // The trail's segments, of one record each.
  void write(int segments) {
    DiskTrail trail(dir_.path());
    const auto opened = trail.answer(TrailOpen{});
    Tail tail = std::get<TrailOpened>(*opened).tail;
    for (int i = 0; i < segments; ++i) {
      Chain chain(tail, 1);
      chain.add_record(attempt_record(static_cast<int>(tail.segment), "onlyfans:a", i, i), "n",
                       "s");
      ASSERT_TRUE(trail.answer(TrailAppend{tail.line, tail.hash, chain.lines()}).ok());
      tail = chain.tail();
    }
    last_ = tail.segment;
  }
  void look(int times = 1) {
    for (int i = 0; i < times; ++i) {
      bucket_.time = bucket_.time + seconds(1);
      copies_->look(last_);
    }
  }
  std::string bytes(std::uint64_t segment) const {
    std::ifstream file(segment_path(dir_.path(), segment), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void expect_copied(std::uint64_t last) {
    ASSERT_EQ(bucket_.objects.size(), last);
    for (std::uint64_t n = 1; n <= last; ++n) {
      EXPECT_EQ(bucket_.objects[copy_key("t/", n)], bytes(n)) << n;
    }
    EXPECT_EQ(copies_->missing(), 0u);
  }

  const TempDir dir_;
  FakeBucket bucket_;
  aws::Client client_{bucket_, bucket_, {"eu-west-1", {}, 1000, 1, kUses}};
  port::Log log_{{"test", port::Level::kError}};
  CopiesConfig config_;
  std::uint64_t last_ = 0;
  std::unique_ptr<S3Copies> copies_;
};

TEST_F(S3CopiesTest, KeysNameTheirSegments) {
  EXPECT_EQ(copy_key("a/1/", 7), "a/1/trail-00000007.ndjson");
  EXPECT_EQ(segment_of_copy("a/1/", "a/1/trail-00000007.ndjson"), 7u);
  EXPECT_EQ(segment_of_copy("", "trail-123456789.ndjson"), 123'456'789u);
  for (const char* other : {"trail-00000007.ndjson", "a/1/trail-7.ndjson", "a/1/", "a/1/x",
                            "a/1/trail-00000000.ndjson", "a/1/trail-00000007.ndjson.gz"}) {
    EXPECT_FALSE(segment_of_copy("a/1/", other)) << other;
  }
}

TEST_F(S3CopiesTest, WhatIsSealedIsPutOnce) {
  write(4);
  look();
  expect_copied(3);
  EXPECT_EQ(copies_->counts().put, 3u);
  EXPECT_EQ(bucket_.header("if-none-match"), "*");
  const std::size_t asked = bucket_.asked.size();
  look(3);
  EXPECT_EQ(bucket_.asked.size(), asked);
  write(1);
  look();
  expect_copied(4);
}

TEST_F(S3CopiesTest, AfterARestartOnlyWhatIsMissingIsPut) {
  write(4);
  look();
  write(2);
  open();
  bucket_.asked.clear();
  look();
  expect_copied(5);
  EXPECT_EQ(copies_->counts().found, 3u);
  EXPECT_EQ(copies_->counts().put, 2u);
  // The newest one that is there is compared, byte by byte.
  EXPECT_EQ(bucket_.asked, (std::vector<std::string>{"GET ", "GET /t/trail-00000003.ndjson",
                                                     "PUT /t/trail-00000004.ndjson",
                                                     "PUT /t/trail-00000005.ndjson"}));
}

TEST_F(S3CopiesTest, EncryptionAndLockAreAskedFor) {
  config_.encryption = "aws:kms";
  config_.kms_key = "arn:aws:kms:eu-west-1:1:key/1";
  config_.lock = aws::s3::Lock::Mode::kCompliance;
  config_.lock_for = hours(24);
  open();
  write(2);
  look();
  EXPECT_EQ(bucket_.header("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(bucket_.header("x-amz-server-side-encryption-aws-kms-key-id"), config_.kms_key);
  EXPECT_EQ(bucket_.header("x-amz-object-lock-mode"), "COMPLIANCE");
  EXPECT_EQ(bucket_.header("x-amz-object-lock-retain-until-date"), "2026-11-22T00:00:00Z");
  EXPECT_FALSE(bucket_.header("x-amz-checksum-sha256").empty());
}

TEST_F(S3CopiesTest, WhatFailsIsTriedUntilItIsDone) {
  write(3);
  bucket_.fates = {403, kAsItIs, 403, 403};  // two lists, two puts
  look();
  EXPECT_EQ(copies_->missing(), 2u);
  EXPECT_TRUE(copies_->oldest().has_value());
  EXPECT_EQ(copies_->counts().failed, 1u);
  look(30);
  EXPECT_EQ(copies_->counts().failed, 3u);
  expect_copied(2);
  EXPECT_FALSE(copies_->oldest().has_value());
}

// Sealed since when its mode was changed, whenever its last line was written.
TEST_F(S3CopiesTest, WhatIsMissingIsSoSinceItWasSealed) {
  const StoreTime before = port::wall_now() - seconds(60);
  write(2);
  const std::string path = segment_path(dir_.path(), 1);
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
  bucket_.fates = {kAsItIs, 403};
  look();
  ASSERT_TRUE(copies_->oldest().has_value());
  EXPECT_GT(*copies_->oldest(), before);
}

// All copied, and long ago: nothing is late while S3 has not said so.
TEST_F(S3CopiesTest, AfterARestartNothingIsLateBeforeS3HasSpoken) {
  write(4);
  look();
  const StoreTime start = port::wall_now() + hours(48);
  bucket_.wall_time = start;
  open();
  bucket_.is_silent = true;
  look(3);
  EXPECT_EQ(copies_->missing(), 3u);
  EXPECT_EQ(copies_->oldest(), start) << "the list is not answered";
  bucket_.is_silent = false;
  open();
  bucket_.fates = {kAsItIs, 403};
  look();
  EXPECT_EQ(copies_->missing(), 1u);
  EXPECT_EQ(copies_->oldest(), start) << "the newest one is there, and yet to be compared";
  write(1);
  bucket_.objects.clear();
  open();
  bucket_.fates = {kAsItIs, 403};
  look();
  EXPECT_LT(*copies_->oldest(), start) << "it is not there";
}

// A lifecycle rule ended the first two: to put them again would be for nothing.
TEST_F(S3CopiesTest, WhatHasExpiredIsNotPutAgain) {
  write(5);
  look();
  expect_copied(4);
  bucket_.objects.erase(copy_key("t/", 1));
  bucket_.objects.erase(copy_key("t/", 2));
  write(1);
  open();
  look();
  EXPECT_EQ(copies_->missing(), 0u);
  EXPECT_EQ(copies_->counts().put, 1u);
  EXPECT_EQ(bucket_.objects.size(), 3u);
}

TEST_F(S3CopiesTest, OneThatIsArchivedCountsByItsSize) {
  write(3);
  look();
  write(1);
  open();
  bucket_.code = "InvalidObjectState";
  bucket_.fates = {kAsItIs, 403};
  look();
  expect_copied(3);
  EXPECT_EQ(copies_->counts().failed, 0u);
  bucket_.objects[copy_key("t/", 3)] += "x";
  open();
  bucket_.fates = {kAsItIs, 403};
  look();
  EXPECT_EQ(copies_->counts().failed, 1u) << "another size";
}

// The first copies have expired.
TEST_F(S3CopiesTest, AChainMayBeginLater) {
  write(4);
  look();
  Verifier verifier;
  const auto header = read_line(bytes(2).substr(0, bytes(2).find('\n')));
  ASSERT_TRUE(header.ok());
  verifier.begin_after(header->n - 1, from_hex(header->text("follows")));
  for (std::uint64_t n = 2; n <= 3; ++n) {
    verifier.begin_segment(n);
    EXPECT_FALSE(verify_copy("k", bucket_.objects[copy_key("t/", n)], verifier)) << n;
  }
  EXPECT_EQ(verifier.last(), 6u);
}

TEST_F(S3CopiesTest, WhatShouldBeThereByNowIsMissed) {
  VerifiedCopies found;
  const StoreTime now{kNov21Us};
  EXPECT_EQ(what_is_missing(found, hours(1), now), "");
  found.uncopied = 2;
  found.since = now - minutes(30);
  EXPECT_NE(what_is_missing(found, hours(1), now), "") << "none at all";
  found.copies.segments = 3;
  EXPECT_EQ(what_is_missing(found, hours(1), now), "");
  found.since = now - minutes(61);
  EXPECT_NE(what_is_missing(found, hours(1), now), "");
}

// Put, answered with 500, and said again: then it is there already.
TEST_F(S3CopiesTest, OneThatWasPutWithoutAnAnswerIsFound) {
  write(2);
  bucket_.fates = {kAsItIs, kNotHeardOf};
  look();
  expect_copied(1);
  EXPECT_EQ(copies_->counts().put, 0u);
  EXPECT_EQ(copies_->counts().found, 1u);
}

TEST_F(S3CopiesTest, AnothersCopyIsNeitherOverwrittenNorTakenForOurs) {
  write(4);
  bucket_.objects[copy_key("t/", 1)] = std::string(bytes(1).size(), 'x');
  look(5);
  EXPECT_EQ(bucket_.objects.size(), 1u);
  EXPECT_EQ(bucket_.objects.begin()->second.front(), 'x');
  EXPECT_EQ(copies_->missing(), 3u);
}

TEST_F(S3CopiesTest, TheCopiesAreAChain) {
  write(3);
  look();
  Verifier verifier;
  for (std::uint64_t n = 1; n <= 2; ++n) {
    verifier.begin_segment(n);
    EXPECT_FALSE(verify_copy("k", bucket_.objects[copy_key("t/", n)], verifier));
  }
  EXPECT_EQ(verifier.last(), 4u);
  std::string changed = bucket_.objects[copy_key("t/", 2)];
  changed[changed.size() / 2] ^= 1;
  Verifier again;
  again.begin_segment(1);
  EXPECT_FALSE(verify_copy("k", bucket_.objects[copy_key("t/", 1)], again));
  again.begin_segment(2);
  EXPECT_TRUE(verify_copy("k", changed, again));
  Verifier cut;
  cut.begin_segment(1);
  const std::string torn = bytes(1).substr(0, bytes(1).size() - 1);
  EXPECT_EQ(verify_copy("k", torn, cut)->why, "a sealed segment ends within a line");
}

}  // namespace
}  // namespace sluice::auditor
