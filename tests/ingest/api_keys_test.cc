// API keys in their file: what one process writes another one heeds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "ingest/sqlite_api_keys.h"

namespace sluice::ingest {
namespace {

TEST(SqliteApiKeys, AChangeStaysUntilItWasRead) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("sluice-keys-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  {
    auto door = SqliteApiKeys::open(api_keys_file(directory.string())).value().release();
    const std::unique_ptr<SqliteApiKeys> owned(door);
    auto tool = SqliteApiKeys::open(api_keys_file(directory.string()));
    ASSERT_TRUE(tool.ok());
    ApiKey key;
    key.name = "shop";
    key.hash = token_hash("t");
    key.right = Right::kLimits;
    ASSERT_TRUE((*tool)->add(key).ok());
    EXPECT_EQ(door->all().value().size(), 1U);
    EXPECT_EQ(door->all().value().at(0).right, Right::kLimits);
    EXPECT_FALSE(door->changed());
    ASSERT_TRUE((*tool)->revoke("shop", StoreTime{7}).ok());
    EXPECT_TRUE(door->changed());
    EXPECT_TRUE(door->changed()) << "nobody has read what it is: a reading may have failed";
    EXPECT_EQ(door->all().value().at(0).revoked_at, StoreTime{7});
    EXPECT_FALSE(door->changed());
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace sluice::ingest
