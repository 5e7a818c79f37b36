#include "lib/wire/codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <array>
#include <utility>

#include "lib/wire/shape.h"
#include "lib/wire/valid.h"

namespace sluice::wire {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

std::uint32_t tag(int number, WireType type) {
  return static_cast<std::uint32_t>(number) << 3U | type;
}
std::size_t varint_size(std::uint64_t value) { return CodedOutputStream::VarintSize64(value); }
std::size_t length_size(std::size_t bytes) { return varint_size(bytes) + bytes; }

// ---- size ----

template <class M>
std::size_t size_of(const M& m);

struct Sizer {
  std::size_t total = 0;

  template <Number T, class Bound>
  void operator()(int number, const char*, const T& value, Bound) {
    if (to_varint(value) != 0)
      total += varint_size(tag(number, kVarint)) + varint_size(to_varint(value));
  }
  template <class Bound>
  void operator()(int number, const char*, const std::string& value, Bound) {
    if (!value.empty()) total += varint_size(tag(number, kLength)) + length_size(value.size());
  }
  template <class M>
  void operator()(int number, const char*, const M& nested, One) {
    total += varint_size(tag(number, kLength)) + length_size(size_of(nested));
  }
  template <class M>
  void operator()(int number, const char* name, const std::vector<M>& nested, Many) {
    for (const M& one : nested) (*this)(number, name, one, One{});
  }
};

template <class M>
std::size_t size_of(const M& m) {
  Sizer sizer;
  M::fields(m, sizer);
  return sizer.total;
}

// ---- write ----

struct Writer {
  CodedOutputStream& out;

  template <Number T, class Bound>
  void operator()(int number, const char*, const T& value, Bound) {
    if (to_varint(value) == 0) return;
    out.WriteTag(tag(number, kVarint));
    out.WriteVarint64(to_varint(value));
  }
  template <class Bound>
  void operator()(int number, const char*, const std::string& value, Bound) {
    if (value.empty()) return;
    out.WriteTag(tag(number, kLength));
    out.WriteVarint64(value.size());
    out.WriteString(value);
  }
  template <class M>
  void operator()(int number, const char*, const M& nested, One) {
    out.WriteTag(tag(number, kLength));
    out.WriteVarint64(size_of(nested));
    M::fields(nested, *this);
  }
  template <class M>
  void operator()(int number, const char* name, const std::vector<M>& nested, Many) {
    for (const M& one : nested) (*this)(number, name, one, One{});
  }
};

int number_of(const Item& item) { return static_cast<int>(item.index()) + 1; }

void write_item(const Item& item, CodedOutputStream& out) {
  std::visit(
      [&](const auto& body) {
        Writer writer{out};
        writer(number_of(item), "", body, One{});
      },
      item);
}

// ---- read ----

template <class M>
bool read_message(CodedInputStream& in, M& into);

template <class Read>
bool read_nested(CodedInputStream& in, Read&& read) {
  std::uint32_t size = 0;
  if (!in.ReadVarint32(&size)) return false;
  if (in.BytesUntilLimit() >= 0 && size > static_cast<std::uint32_t>(in.BytesUntilLimit()))
    return false;
  const auto limit = in.PushLimit(static_cast<int>(size));
  const bool whole = read(in) && in.BytesUntilLimit() == 0;
  in.PopLimit(limit);
  return whole;
}

// Reads the value of one tag into the row that has its number; what no row has is skipped.
struct FieldReader {
  CodedInputStream& in;
  std::uint32_t seen;
  bool taken = false;
  bool whole = true;

  [[nodiscard]] bool mine(int number, WireType type) const {
    return !taken && seen == tag(number, type);
  }

  template <Number T, class Bound>
  void operator()(int number, const char*, T& value, Bound) {
    if (!mine(number, kVarint)) return;
    taken = true;
    std::uint64_t varint = 0;
    whole = in.ReadVarint64(&varint);
    value = from_varint<T>(varint);
  }
  template <class Bound>
  void operator()(int number, const char*, std::string& value, Bound) {
    if (!mine(number, kLength)) return;
    taken = true;
    std::uint32_t size = 0;
    whole = in.ReadVarint32(&size) && size <= kFrameMax &&
            in.ReadString(&value, static_cast<int>(size));
  }
  template <class M>
  void operator()(int number, const char*, M& nested, One) {
    if (!mine(number, kLength)) return;
    taken = true;
    whole = read_nested(in, [&](CodedInputStream& inside) { return read_message(inside, nested); });
  }
  template <class M>
  void operator()(int number, const char* name, std::vector<M>& nested, Many many) {
    if (!mine(number, kLength)) return;
    if (nested.size() > many.max) {  // one too many is enough for invalid() to see
      taken = true;
      whole = WireFormatLite::SkipField(&in, seen);
      return;
    }
    (*this)(number, name, nested.emplace_back(), One{});
  }
};

template <class M>
bool read_message(CodedInputStream& in, M& into) {
  while (const std::uint32_t seen = in.ReadTag()) {
    FieldReader reader{in, seen};
    M::fields(into, reader);
    if (!reader.taken) reader.whole = WireFormatLite::SkipField(&in, seen);
    if (!reader.whole) return false;
  }
  return in.ConsumedEntireMessage();
}

using ReadItem = bool (*)(CodedInputStream&, Item&);

template <std::size_t Index>
bool read_kind(CodedInputStream& in, Item& into) {
  return read_message(in, into.emplace<Index>());
}

template <std::size_t... Index>
constexpr std::array<ReadItem, sizeof...(Index)> item_readers(std::index_sequence<Index...>) {
  return {&read_kind<Index>...};
}
constexpr auto kItemReaders = item_readers(std::make_index_sequence<std::variant_size_v<Item>>{});

enum class ItemRead { kRead, kUnknownKind, kBroken };

ItemRead read_item(CodedInputStream& in, Item& into) {
  ItemRead got = ItemRead::kUnknownKind;
  while (const std::uint32_t seen = in.ReadTag()) {
    const std::size_t index = (seen >> 3U) - 1;
    if ((seen & 7U) != kLength || index >= kItemReaders.size()) {
      if (!WireFormatLite::SkipField(&in, seen)) return ItemRead::kBroken;
      continue;
    }
    const auto read = [&](CodedInputStream& inside) { return kItemReaders[index](inside, into); };
    if (!read_nested(in, read)) return ItemRead::kBroken;
    got = ItemRead::kRead;
  }
  return got;
}

bool read_frame_item(CodedInputStream& in, Frame& frame) {
  Item item;
  ItemRead got = ItemRead::kBroken;
  const auto read = [&](CodedInputStream& inside) {
    got = read_item(inside, item);
    return got != ItemRead::kBroken;
  };
  if (!read_nested(in, read)) return false;
  if (got == ItemRead::kRead) frame.items.push_back(std::move(item));
  return frame.items.size() <= kItemsMax;
}

bool read_frame(CodedInputStream& in, Frame& frame) {
  frame.version = 0;
  while (const std::uint32_t seen = in.ReadTag()) {
    bool whole = false;
    if (seen == tag(1, kVarint)) {
      whole = in.ReadVarint32(&frame.version);
    } else if (seen == tag(2, kFixed64)) {
      whole = in.ReadLittleEndian64(&frame.from_life);
    } else if (seen == tag(3, kFixed64)) {
      whole = in.ReadLittleEndian64(&frame.to_life);
    } else if (seen == tag(4, kVarint)) {
      whole = in.ReadVarint64(&frame.sequence);
    } else if (seen == tag(5, kLength)) {
      whole = read_frame_item(in, frame);
    } else {
      whole = WireFormatLite::SkipField(&in, seen);
    }
    if (!whole) return false;
  }
  return in.ConsumedEntireMessage();
}

CodedInputStream stream_over(std::string_view bytes) {
  return CodedInputStream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
}

Error not_valid(std::string what) { return {Trouble::kInvalid, std::move(what)}; }

}  // namespace

std::string encode(const Frame& frame) {
  std::string bytes;
  google::protobuf::io::StringOutputStream sink(&bytes);
  CodedOutputStream out(&sink);
  out.WriteTag(tag(1, kVarint));
  out.WriteVarint32(frame.version);
  out.WriteTag(tag(2, kFixed64));
  out.WriteLittleEndian64(frame.from_life);
  if (frame.to_life != 0) {
    out.WriteTag(tag(3, kFixed64));
    out.WriteLittleEndian64(frame.to_life);
  }
  out.WriteTag(tag(4, kVarint));
  out.WriteVarint64(frame.sequence);
  for (const Item& item : frame.items) {
    out.WriteTag(tag(5, kLength));
    out.WriteVarint64(encoded_size(item));
    write_item(item, out);
  }
  out.Trim();
  return bytes;
}

std::size_t encoded_size(const Item& item) {
  return std::visit(
      [&](const auto& body) {
        Sizer sizer;
        sizer(number_of(item), "", body, One{});
        return sizer.total;
      },
      item);
}

Result<Frame> decode(std::string_view bytes) {
  auto heard = hear(bytes);
  if (!heard) return heard.error();
  if (!heard->refused.empty()) return not_valid(std::move(heard->refused.front()));
  return std::move(heard->frame);
}

Result<Heard> hear(std::string_view bytes) {
  if (bytes.size() > kFrameMax) return not_valid("frame: longer than 1 MiB");
  CodedInputStream in = stream_over(bytes);
  Heard heard;
  Frame& frame = heard.frame;
  if (!read_frame(in, frame)) return not_valid("frame: these bytes are no frame of protocol 1");
  if (frame.version < kVersion) {
    return not_valid("frame: protocol version " + std::to_string(frame.version) + ", at least 1");
  }
  std::erase_if(frame.items, [&](const Item& item) {
    auto why = invalid(item);
    if (why) heard.refused.push_back(std::move(*why));
    return why.has_value();
  });
  return heard;
}

std::string encode_item(const Item& item) {
  std::string bytes;
  bytes.reserve(encoded_size(item));
  google::protobuf::io::StringOutputStream sink(&bytes);
  CodedOutputStream out(&sink);
  write_item(item, out);
  out.Trim();
  return bytes;
}

Result<Item> decode_item(std::string_view bytes) {
  CodedInputStream in = stream_over(bytes);
  Item item;
  if (read_item(in, item) != ItemRead::kRead || !in.ConsumedEntireMessage()) {
    return not_valid("item: these bytes are no item of protocol 1");
  }
  if (auto why = invalid(item)) return not_valid(std::move(*why));
  return item;
}

}  // namespace sluice::wire
