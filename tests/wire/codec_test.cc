// The tables of messages.h against protoc's own code, and against bytes that are no frame.
#include "lib/wire/codec.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "lib/wire/valid.h"
#include "sluice/v1/sluice.pb.h"
#include "tests/wire/filled.h"

namespace sluice::wire {
namespace {

Frame filled_frame(std::uint64_t seed) {
  Prng prng(seed);
  Frame frame;
  frame.from_life = prng.next();
  frame.to_life = prng.next();
  frame.sequence = prng.next() >> 8U;
  for (std::size_t kind = 0; kind < std::variant_size_v<Item>; ++kind) {
    fill_kind(kind, frame.items.emplace_back(), prng);
  }
  return frame;
}

TEST(Codec, ProtocReadsOurBytesAndWritesTheSame) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string ours = encode(filled_frame(seed));
    v1::Frame theirs;
    ASSERT_TRUE(theirs.ParseFromString(ours));
    theirs.DiscardUnknownFields();  // what protoc does not know would be a row that .proto lacks
    EXPECT_EQ(theirs.SerializeAsString(), ours) << "seed " << seed;
  }
}

TEST(Codec, WeReadProtocsBytesBack) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string bytes = encode(filled_frame(seed));
    const auto frame = decode(bytes);
    ASSERT_TRUE(frame.ok()) << frame.error().what;
    EXPECT_EQ(encode(*frame), bytes);
  }
}

TEST(Codec, EveryFieldOfTheProtoHasARow) {
  const auto* item = v1::Item::descriptor();
  ASSERT_EQ(item->field_count(), static_cast<int>(std::variant_size_v<Item>));
  for (std::size_t kind = 0; kind < std::variant_size_v<Item>; ++kind) {
    Prng prng(kind + 1);
    Item filled;
    fill_kind(kind, filled, prng);
    const auto* field = item->FindFieldByNumber(static_cast<int>(kind) + 1);
    ASSERT_NE(field, nullptr);
    EXPECT_EQ(field->message_type()->name(), name_of(filled));
    int rows = 0;
    const auto* type = field->message_type();
    auto compare = [&](int number, const char* name, const auto&, auto) {
      ++rows;
      ASSERT_NE(type->FindFieldByNumber(number), nullptr) << type->name() << "." << name;
      EXPECT_EQ(type->FindFieldByNumber(number)->name(), name) << type->name();
    };
    std::visit([&](const auto& body) { std::decay_t<decltype(body)>::fields(body, compare); },
               filled);
    EXPECT_EQ(rows, type->field_count()) << type->name();
  }
}

TEST(Codec, EveryCutAndEveryFlippedByteIsReadOrRefusedNeverWorse) {
  const std::string bytes = encode(filled_frame(3));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    (void)decode(std::string_view(bytes).substr(0, size));
  Prng prng(4);
  for (int round = 0; round < 20'000; ++round) {
    std::string broken = bytes;
    broken[prng.below(broken.size())] = static_cast<char>(prng.below(256));
    (void)decode(broken);
  }
}

TEST(Codec, UnknownKindsAndFieldsAreSkipped) {
  v1::Frame frame;
  frame.set_version(2);
  frame.set_from_life(9);
  frame.set_sequence(1);
  frame.add_items()
      ->GetReflection()
      ->MutableUnknownFields(frame.mutable_items(0))
      ->AddLengthDelimited(99, "later");
  auto* wanted = frame.add_items()->mutable_completed();
  wanted->mutable_attempt()->set_identity(std::string(16, 'i'));
  wanted->mutable_attempt()->set_serial(4);
  wanted->GetReflection()->MutableUnknownFields(wanted)->AddVarint(77, 1);
  const auto read = decode(frame.SerializeAsString());
  ASSERT_TRUE(read.ok()) << read.error().what;
  ASSERT_EQ(read->items.size(), 1U);
  EXPECT_EQ(std::get<Completed>(read->items[0]).attempt.serial, 4U);
}

TEST(Codec, RefusesWhatIsTooLongTooOldOrEmpty) {
  EXPECT_EQ(decode(std::string(kFrameMax + 1, 'x')).error().code, Trouble::kInvalid);
  EXPECT_FALSE(decode("").ok());
  Frame frame;
  frame.version = 0;
  EXPECT_FALSE(decode(encode(frame)).ok());
}

TEST(Codec, AFrameOfManyTinyItemsIsNotUnpacked) {
  Frame frame;
  frame.from_life = 1;
  frame.items.assign(kItemsMax, Recorded{});
  EXPECT_TRUE(hear(encode(frame)).ok());
  frame.items.emplace_back(Recorded{});
  EXPECT_FALSE(hear(encode(frame)).ok());
}

// Of all that a row keeps the two that are large fit into a frame of their own, and together.
TEST(Codec, WhatIsReadBackIsAsLargeAsItMayBe) {
  static_assert(kEnvelopeMax + kBodyMax <= kFrameMax);
  Prng prng(6);
  Item item;
  fill_kind(Item(Offer{}).index(), item, prng);
  Offer& offer = std::get<Offer>(item);
  offer.envelope.assign(kEnvelopeMax, 'e');
  offer.request.body.clear();
  Frame frame;
  frame.from_life = 1;
  frame.items.push_back(item);
  EXPECT_TRUE(decode(encode(frame)).ok());
  offer.request.body.assign(kBodyMax, 'b');
  const auto read = decode_item(encode_item(item));
  ASSERT_TRUE(read.ok()) << read.error().what;
  EXPECT_EQ(std::get<Offer>(*read).envelope.size(), kEnvelopeMax);
  offer.envelope += 'e';
  EXPECT_EQ(invalid(item).value_or(""), "Offer.envelope: 786433 bytes, at most 786432");
  EXPECT_FALSE(decode_item(encode_item(item)).ok());
}

TEST(Codec, EncodedSizeIsTheSize) {
  for (const Item& item : filled_frame(5).items)
    EXPECT_EQ(encoded_size(item), encode_item(item).size());
}

TEST(Valid, NamesTheFieldAndTheBound) {
  Item item = Want{1, "store", "", 5};
  EXPECT_EQ(invalid(item).value_or(""), "Want.key: 0 bytes, at least 1");
  item = Want{1, "store", std::string(300, 'k'), 5};
  EXPECT_EQ(invalid(item).value_or(""), "Want.key: 300 bytes, at most 256");
  item = Want{1, "store", "a\nb", 5};
  EXPECT_EQ(invalid(item).value_or(""), "Want.key: a control character");
  item = Want{1, "store", "\xff", 5};
  EXPECT_EQ(invalid(item).value_or(""), "Want.key: not UTF-8");
  item = Want{1, "store", "k", 0};
  EXPECT_EQ(invalid(item).value_or(""), "Want.count: 0, at least 1");
  Completed completed;
  completed.attempt.identity = "short";
  completed.attempt.serial = 1;
  EXPECT_EQ(invalid(Item(completed)).value_or(""),
            "Completed.attempt.identity: 5 bytes, at least 16");
  Outcome outcome;
  outcome.attempt = {std::string(16, 'i'), 1};
  outcome.upstream = "u";
  outcome.key = "k";
  outcome.ended = static_cast<Ended>(9);
  EXPECT_EQ(invalid(Item(outcome)).value_or(""), "Outcome.ended: 9 is no known value");
}

// SQS's names of queues are as long: a row whose source cannot be read back is lost.
TEST(Valid, ASourceIsAsLongAsAQueuesName) {
  Prng prng(7);
  Item item;
  fill_kind(Item(Offer{}).index(), item, prng);
  std::string& source = std::get<Offer>(item).source;
  source.assign(80, 'q');
  EXPECT_EQ(invalid(item).value_or(""), "");
  source += 'q';
  EXPECT_EQ(invalid(item).value_or(""), "Offer.source: 81 bytes, at most 80");
}

TEST(Clip, CutsNoCharacterInTwo) {
  EXPECT_EQ(clip("ren\u00e9", 9), "ren\u00e9");
  EXPECT_EQ(clip("ren\u00e9", 5), "ren\u00e9");
  EXPECT_EQ(clip("ren\u00e9", 4), "ren");
  EXPECT_EQ(clip("\U0001f600", 3), "");
  EXPECT_EQ(clip("abc", 2), "ab");
}

}  // namespace
}  // namespace sluice::wire
