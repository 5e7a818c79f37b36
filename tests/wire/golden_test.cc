// Bytes of every released version of the contract, kept in tests/wire/golden/v<version>/: this
// program reads each of them, and writes the current version's exactly as it was released. A field
// that is renumbered, a type that changes, a row that moves shows here.
//
// golden/v1/NAME.hex holds one Frame with one item in hex. A new kind of item, or a new field, gets
// a new file (NAME.2.hex, NAME.3.hex ...); files of a released version are never edited.
// SLUICE_WRITE_GOLDEN=1 writes files that do not exist yet.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/digest/digest.h"
#include "lib/wire/codec.h"
#include "lib/wire/valid.h"
#include "tests/wire/filled.h"

namespace sluice::wire {
namespace {

const std::filesystem::path kFolder = "tests/wire/golden/v1";

std::string read_hex(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string hex((std::istreambuf_iterator<char>(file)), {});
  std::erase(hex, '\n');
  return from_hex(hex);
}

Frame golden_frame(std::size_t kind) {
  Prng prng(1000 + kind);
  Frame frame;
  frame.from_life = 0x1111111111111111;
  frame.to_life = 0x2222222222222222;
  frame.sequence = kind + 1;
  fill_kind(kind, frame.items.emplace_back(), prng);
  return frame;
}

std::filesystem::path edition(const std::string& kind, int number) {
  return kFolder / (kind + (number == 1 ? "" : "." + std::to_string(number)) + ".hex");
}

// The number of files that a kind has.
int editions(const std::string& kind) {
  int number = 0;
  while (std::filesystem::exists(edition(kind, number + 1))) ++number;
  return number;
}

void write_if_new(const std::string& kind, const std::string& hex) {
  const int newest = editions(kind);
  if (newest > 0 && to_hex(read_hex(edition(kind, newest))) == hex) return;
  std::filesystem::create_directories(kFolder);
  std::ofstream(edition(kind, newest + 1)) << hex << '\n';
}

TEST(Golden, EveryKindIsWrittenAsItWasReleased) {
  for (std::size_t kind = 0; kind < std::variant_size_v<Item>; ++kind) {
    const Frame frame = golden_frame(kind);
    const std::string name(name_of(frame.items[0]));
    if (std::getenv("SLUICE_WRITE_GOLDEN") != nullptr) write_if_new(name, to_hex(encode(frame)));
    ASSERT_GT(editions(name), 0) << name << ": a new kind of item needs a golden file";
    const auto path = edition(name, editions(name));
    EXPECT_EQ(to_hex(encode(frame)), to_hex(read_hex(path))) << path;
  }
}

TEST(Golden, EveryReleasedFrameIsReadWhole) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("tests/wire/golden")) {
    if (entry.path().extension() != ".hex") continue;
    ++files;
    const std::string bytes = read_hex(entry.path());
    const auto frame = decode(bytes);
    ASSERT_TRUE(frame.ok()) << entry.path() << ": " << frame.error().what;
    ASSERT_EQ(frame->items.size(), 1U) << entry.path();
    EXPECT_EQ(entry.path().stem().stem(), name_of(frame->items[0]));
    EXPECT_EQ(to_hex(encode(*frame)), to_hex(bytes))
        << entry.path() << ": a field was not understood";
  }
  EXPECT_GE(files, std::variant_size_v<Item>);
}

}  // namespace
}  // namespace sluice::wire
