#include "lib/port/files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice::port {
namespace {

TEST(Files, AreReadToTheirEndOrNotAtAll) {
  std::string directory = testing::TempDir() + "sluice-files-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/large";
  const std::string bytes(200'000, '\0');
  std::ofstream(path, std::ios::binary) << bytes;
  const auto read = read_whole(path);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, bytes);
  for (const std::string& wrong : {directory, directory + "/missing"}) {
    const auto refused = read_whole(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what.substr(0, wrong.size() + 2), wrong + ": ");
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace sluice::port
