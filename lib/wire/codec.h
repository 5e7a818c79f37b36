// Frame <-> bytes: protobuf (proto/sluice/v1/sluice.proto) over the tables of messages.h.
// Unknown fields and unknown kinds of item are skipped: protocol n talks to n-1 and n+1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/wire/messages.h"

namespace sluice::wire {

std::string encode(const Frame& frame);
// Size of `item` inside a frame, in bytes; the frame itself adds at most kFrameOverhead.
std::size_t encoded_size(const Item& item);
inline constexpr std::size_t kFrameOverhead = 64;

// kInvalid when the bytes are no frame, are longer than kFrameMax, hold more than kItemsMax items,
// name a version that this program does not speak, or hold an item that invalid() rejects; the
// error says which item and field.
Result<Frame> decode(std::string_view bytes);
inline constexpr std::size_t kItemsMax = 4096;

// The same, but items that invalid() rejects are left out, and why is said of each: one of them
// (the word of a later version, say) must not take those around it along.
struct Heard {
  Frame frame;
  std::vector<std::string> refused;
};
Result<Heard> hear(std::string_view bytes);

// One item alone, for durable copies (an outbox line, a parked message).
std::string encode_item(const Item& item);
Result<Item> decode_item(std::string_view bytes);

// "Offer", "Settled", ...
std::string_view name_of(const Item& item);

}  // namespace sluice::wire
