// Segments of the trail in S3, while something between here and there goes wrong.
#include <filesystem>

#include "auditor/disk_trail.h"
#include "auditor/s3_copies.h"
#include "auditor/uses.h"
#include "auditor/verbs.h"
#include "tests/auditor/temp_dir.h"
#include "tests/auditor/world.h"
#include "tests/emulators/proxy.h"
#include "tests/emulators/rig.h"

namespace sluice::auditor {
namespace {

class TrailCopiesTest : public aws::MotoTest {
 protected:
  void SetUp() override {
    MotoTest::SetUp();
    if (session_ == nullptr) return;
    config_.bucket = named("trail");
    config_.prefix = "a/b/";
    config_.encryption = "AES256";
    config_.lock = aws::s3::Lock::Mode::kGovernance;
    config_.lock_for = hours(24);
    aws::Request request{"s3", "CreateBucket"};
    request.method = "PUT";
    request.path = "/" + config_.bucket;
    request.headers = {{"x-amz-bucket-object-lock-enabled", "true"}};
    ASSERT_FALSE(call(std::move(request)).fault);
    proxy_ = std::make_unique<Proxy>(poller_, url_of(emulator()));
    auto opened = aws::Session::open(poller_, {"us-east-1", proxy_->url()}, kUses);
    ASSERT_TRUE(opened.ok());
    session_ = std::move(*opened);
  }
  void TearDown() override {
    copies_.reset();
    session_.reset();
  }
  void write(int segments) {
    DiskTrail trail(dir_.path());
    const auto opened = trail.answer(TrailOpen{});
    Tail tail = std::get<TrailOpened>(*opened).tail;
    for (int i = 0; i < segments; ++i) {
      tail.segment_bytes = 1'000'000;  // full
      Chain chain(tail, 1'000'000);
      for (int n = 0; n < 20; ++n) {
        chain.add_record(attempt_record(n, "onlyfans:a", n, n), "name", "s");
      }
      ASSERT_TRUE(trail.answer(TrailAppend{tail.line, tail.hash, chain.lines()}).ok());
      tail = chain.tail();
    }
    last_ = tail.segment;
  }
  void copy() {
    copies_ = std::make_unique<S3Copies>(
        config_, dir_.path(), S3Copies::World{session_->client(), session_->world(), log_, 1});
    run_until([&] {
      copies_->look(last_);
      return copies_->missing() == 0;
    });
  }
  VerifiedCopies verified(const std::string& directory) {
    const auto found = verify_copies(config_, {"us-east-1", url_of(emulator())}, directory);
    EXPECT_TRUE(found.ok()) << found.error().what;
    return found.ok() ? *found : VerifiedCopies{};
  }

  const TempDir dir_;
  port::Log log_{{"test", port::Level::kError}};
  CopiesConfig config_;
  std::uint64_t last_ = 0;
  std::unique_ptr<Proxy> proxy_;
  std::unique_ptr<S3Copies> copies_;
};

TEST_F(TrailCopiesTest, EachIsThereOnceWhateverHappens) {
  write(6);
  proxy_->next({Fate::kTrouble, Fate::kPass, Fate::kTroubleLate, Fate::kPass, Fate::kBusy,
                Fate::kTwice, Fate::kPass, Fate::kGarbage, Fate::kLate});
  copy();
  const VerifiedCopies found = verified(dir_.path());
  EXPECT_FALSE(found.copies.bad) << found.copies.bad->why;
  EXPECT_EQ(found.copies.segments, 5u);
  EXPECT_TRUE(found.joins);
  EXPECT_EQ(found.uncopied, 0u);
  write(2);
  const VerifiedCopies behind = verified(dir_.path());
  EXPECT_TRUE(behind.joins);
  EXPECT_EQ(behind.uncopied, 2u);
  EXPECT_GT(behind.since, StoreTime{});
  EXPECT_EQ(what_is_missing(behind, hours(1), behind.since + hours(1)), "");
  EXPECT_NE(what_is_missing(behind, hours(1), behind.since + hours(2)), "");
  copy();
  EXPECT_EQ(copies_->counts().put, 2u);
  EXPECT_EQ(verified(dir_.path()).copies.segments, 7u);
}

TEST_F(TrailCopiesTest, ACopyThatWasChangedIsNamed) {
  write(3);
  copy();
  const auto stored = call(aws::s3::get_object(config_.bucket, copy_key("a/b/", 2), 1U << 20U));
  std::string changed = stored.answer;
  changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
  ASSERT_FALSE(call(aws::s3::put_object({config_.bucket, copy_key("a/b/", 2), changed})).fault);
  const VerifiedCopies found = verified(dir_.path());
  ASSERT_TRUE(found.copies.bad);
  EXPECT_EQ(found.copies.bad->file, "a/b/trail-00000002.ndjson");
}

TEST_F(TrailCopiesTest, TheFirstOnesMayHaveExpired) {
  write(5);
  copy();
  copies_.reset();
  auto anybody = aws::Session::open(poller_, {"us-east-1", url_of(emulator())}, std::nullopt);
  ASSERT_TRUE(anybody.ok());
  session_ = std::move(*anybody);
  for (const std::uint64_t segment : {1U, 2U}) {
    aws::Request request{"s3", "DeleteObject"};
    request.method = "DELETE";
    request.path = "/" + config_.bucket + "/" + copy_key("a/b/", segment);
    ASSERT_FALSE(call(std::move(request)).fault);
  }
  const VerifiedCopies found = verified(dir_.path());
  EXPECT_FALSE(found.copies.bad) << found.copies.bad->why;
  EXPECT_EQ(found.copies.segments, 2u);
  EXPECT_GT(found.from_line, 40u);
  EXPECT_TRUE(found.joins);
  write(1);
  copy();
  EXPECT_EQ(copies_->counts().put, 1u);
  EXPECT_EQ(verified(dir_.path()).copies.segments, 3u);
}

TEST_F(TrailCopiesTest, UnderAnotherPrefixNoneIsThere) {
  write(3);
  copy();
  config_.prefix = "a/c/";
  const VerifiedCopies found = verified(dir_.path());
  EXPECT_EQ(found.copies.segments, 0u);
  EXPECT_EQ(found.uncopied, 2u);
  EXPECT_NE(what_is_missing(found, hours(1), found.since), "");
}

TEST_F(TrailCopiesTest, AnotherTrailDoesNotGoOnFromThem) {
  write(3);
  copy();
  const TempDir other;
  std::filesystem::copy(dir_.path(), other.path(), std::filesystem::copy_options::recursive);
  EXPECT_TRUE(verified(other.path()).joins);
  std::filesystem::remove(segment_path(other.path(), 3));
  EXPECT_FALSE(verified(other.path()).joins);
  EXPECT_FALSE(verified(other.path() + "/none").joins);
}

}  // namespace
}  // namespace sluice::auditor
