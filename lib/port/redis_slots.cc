#include "lib/port/redis_slots.h"

#include <array>
#include <charconv>
#include <limits>

namespace sluice::port {

namespace {

using Kind = RedisValue::Kind;

constexpr std::array<std::uint16_t, 256> kCrc = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U);
    table.at(byte) = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

std::uint16_t crc16(std::string_view bytes) {
  unsigned crc = 0;
  for (const char c : bytes) {
    const unsigned place = ((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xffU;
    crc = ((crc << 8) ^ kCrc.at(place)) & 0xffffU;
  }
  return static_cast<std::uint16_t>(crc);
}

std::optional<std::uint16_t> number(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  if (!whole || value < min || value > max) return {};
  return static_cast<std::uint16_t>(value);
}

constexpr std::int64_t kSlotMax = static_cast<std::int64_t>(kRedisSlots) - 1;
constexpr std::int64_t kPortMax = std::numeric_limits<std::uint16_t>::max();

bool in(const RedisValue& value, std::int64_t min, std::int64_t max) {
  return value.kind == Kind::kInteger && value.integer >= min && value.integer <= max;
}

// Of ["?", 6379, id, ["ip", "10.0.0.1", ...]].
std::string address_of_unknown(const RedisValue& node) {
  if (node.items.size() < 4) return {};
  const std::vector<RedisValue>& facts = node.items[3].items;
  for (std::size_t i = 0; i + 1 < facts.size(); i += 2) {
    if (facts[i].text == "ip") return facts[i + 1].text;
  }
  return {};
}

// [host, port, id, ...]; the host is nil or empty where the node has not been told one.
std::optional<RedisPlace> read_node(const RedisValue& node, const std::string& asked) {
  if (node.kind != Kind::kArray || node.items.size() < 2) return {};
  const RedisValue& host = node.items[0];
  if (!in(node.items[1], 1, kPortMax)) return {};
  if (host.kind != Kind::kNil && host.kind != Kind::kString) return {};
  RedisPlace place{host.text, static_cast<std::uint16_t>(node.items[1].integer)};
  if (place.host.empty()) place.host = asked;
  if (place.host == "?") place.host = address_of_unknown(node);
  return place;
}

}  // namespace

std::uint16_t redis_slot(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % kRedisSlots;
}

Result<std::vector<RedisSlotRange>> read_cluster_slots(const RedisValue& answer,
                                                       const std::string& asked) {
  const Error none{Trouble::kInvalid, "no answer to CLUSTER SLOTS"};
  if (answer.kind != Kind::kArray) return none;
  std::vector<RedisSlotRange> ranges;
  for (const RedisValue& item : answer.items) {
    if (item.items.size() < 3) return none;
    if (!in(item.items[0], 0, kSlotMax)) return none;
    if (!in(item.items[1], item.items[0].integer, kSlotMax)) return none;
    auto master = read_node(item.items[2], asked);
    if (!master) return none;
    if (master->host.empty()) continue;
    ranges.push_back({static_cast<std::uint16_t>(item.items[0].integer),
                      static_cast<std::uint16_t>(item.items[1].integer), std::move(*master)});
  }
  return ranges;
}

std::optional<RedisMoved> read_moved(std::string_view text, const std::string& asked) {
  constexpr std::string_view kMoved = "MOVED ";
  if (!text.starts_with(kMoved)) return {};
  text.remove_prefix(kMoved.size());
  const std::size_t space = text.find(' ');
  const std::size_t colon = text.rfind(':');  // an IPv6 address has more, and no brackets
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space)
    return {};
  const auto slot = number(text.substr(0, space), 0, kSlotMax);
  const auto port = number(text.substr(colon + 1), 1, kPortMax);
  if (!slot || !port) return {};
  const std::string_view host = text.substr(space + 1, colon - space - 1);
  if (host == "?") return {};
  return RedisMoved{*slot, {host.empty() ? asked : std::string(host), *port}};
}

}  // namespace sluice::port
