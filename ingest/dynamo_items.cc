#include "ingest/dynamo_items.h"

#include <charconv>
#include <utility>

#include "lib/digest/digest.h"
#include "lib/wire/codec.h"

namespace sluice::ingest::dynamo {

namespace {

using aws::dynamodb::bytes;
using aws::dynamodb::number;
using aws::dynamodb::text;

constexpr std::uint64_t kSign = 1ULL << 63U;
constexpr std::size_t kDigits = 16;
// DynamoDB's own clock decides when a time to live is over, which may be wrong by a little.
constexpr std::int64_t kTtlMargin_s = 3'600;

// Of holds that cannot be read it is not known what they hold: the key stays closed until a person
// resumes it, which writes them anew.
std::vector<wire::Hold> unpack_holds(const std::string& packed) {
  if (packed.empty()) return {};
  auto item = wire::decode_item(packed);
  auto* parked = item ? std::get_if<wire::Parked>(&*item) : nullptr;
  if (parked == nullptr) return {{wire::HoldKind::kPause, {}, "unreadable holds"}};
  return std::move(parked->holds);
}

}  // namespace

std::string text_of(const Item& item, const char* name) {
  const auto found = item.find(name);
  return found == item.end() ? std::string() : found->second.text;
}

std::int64_t number_of(const Item& item, const char* name) {
  const std::string digits = text_of(item, name);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

aws::dynamodb::Value ttl_of(StoreTime until) { return number(until.us / 1'000'000 + kTtlMargin_s); }

std::string sortable(std::int64_t number) {
  constexpr const char* kHex = "0123456789abcdef";
  std::uint64_t left = static_cast<std::uint64_t>(number) ^ kSign;
  std::string digits(kDigits, '0');
  for (std::size_t at = kDigits; at > 0; --at, left >>= 4U) digits[at - 1] = kHex[left & 15U];
  return digits;
}

std::string sort_of(const RowPlace& place) {
  return sortable(place.order) + to_hex(place.identity);
}

RowPlace place_of_sort(const std::string& sort) {
  RowPlace place;
  if (sort.size() < kDigits) return place;
  std::uint64_t number = 0;
  std::from_chars(sort.data(), sort.data() + kDigits, number, 16);
  place.order = static_cast<std::int64_t>(number ^ kSign);
  place.identity = from_hex(sort.substr(kDigits));
  return place;
}

void only_if(Write& write, const std::string& version) {
  if (version.empty()) {
    write.condition = "attribute_not_exists(pk)";
    return;
  }
  write.condition = "#v = :v";
  write.terms.names["#v"] = "v";
  write.terms.values[":v"] = text(version);
}

Item Layout::at(const std::string& what, const std::string& sort) const {
  return {{"pk", text(store_ + "#" + what)}, {"sk", text(sort)}};
}
Item Layout::name_key(const std::string& identity) const { return at("name#" + to_hex(identity)); }
Item Layout::id_key(const std::string& source, const std::string& id) const {
  return at("id#" + source + "#" + id);
}
Item Layout::row_key(const std::string& key, const RowPlace& place) const {
  return at("rows#" + key, sort_of(place));
}
Item Layout::key_key(const std::string& key) const { return at("keys", key); }
Item Layout::end_key(StoreTime when, const std::string& identity) const {
  return at("ends", sort_of({when.us, identity}));
}
Item Layout::dead_key(StoreTime when, const std::string& identity) const {
  return at("dead", sort_of({when.us, identity}));
}
Item Layout::letter_key(const std::string& identity) const {
  return at("letter#" + to_hex(identity));
}
Item Layout::life_key() const { return at("life"); }

std::string Layout::rows_of(const std::string& key) const { return store_ + "#rows#" + key; }
std::string Layout::keys() const { return store_ + "#keys"; }
std::string Layout::ends() const { return store_ + "#ends"; }
std::string Layout::dead() const { return store_ + "#dead"; }

aws::dynamodb::Query Layout::all_of(const std::string& partition) const {
  aws::dynamodb::Query what{table_, {}, "pk = :p"};
  what.terms.values = {{":p", text(partition)}};
  return what;
}

Write Layout::put(Item item) const { return {Write::Kind::kPut, table_, std::move(item)}; }
Write Layout::remove(Item key) const { return {Write::Kind::kDelete, table_, std::move(key)}; }
aws::Request Layout::get(const Item& key) const {
  return aws::dynamodb::get_item(table_, key, true);
}

Item Layout::place_of(const NameItem& name) const {
  return row_key(name.name.key, {name.order, name.name.identity});
}

StoreTime Layout::end_of(const NameItem& name) const {
  return name.name.cancelled ? kCancelledEnd : name.name.expires_at;
}

Write Layout::put_name(const NameItem& of) const {
  const Name& name = of.name;
  Item item = name_key(name.identity);
  item["identity"] = bytes(name.identity);
  item["source"] = text(name.source);
  item["key"] = text(name.key);
  item["id"] = text(name.id);
  item["generation"] = number(name.generation);
  item["content_hash"] = bytes(name.content_hash);
  item["upstream"] = text(name.upstream);
  item["first_seen"] = number(name.first_seen.us);
  item["expires_at"] = number(name.expires_at.us);
  item["cancelled"] = number(name.cancelled ? 1 : 0);
  item["state"] = number(static_cast<int>(name.state));
  item["order"] = number(of.order);
  item["id_alone"] = number(of.id_alone ? 1 : 0);
  item["v"] = text(of.version);
  if (name.state == NameState::kWaiting) return put(std::move(item));
  item["until"] = number(of.until.us);
  item["ttl"] = ttl_of(of.until);
  if (name.state == NameState::kAccepted) return put(std::move(item));
  item["reason"] = text(name.reason);
  item["status"] = number(name.status);
  item["attempts"] = number(name.attempts);
  item["settled_at"] = number(name.settled_at.us);
  return put(std::move(item));
}

NameItem read_name(const Item& item) {
  NameItem read;
  Name& name = read.name;
  name.identity = text_of(item, "identity");
  name.source = text_of(item, "source");
  name.key = text_of(item, "key");
  name.id = text_of(item, "id");
  name.generation = static_cast<std::uint32_t>(number_of(item, "generation"));
  name.content_hash = text_of(item, "content_hash");
  name.upstream = text_of(item, "upstream");
  name.first_seen = {number_of(item, "first_seen")};
  name.expires_at = {number_of(item, "expires_at")};
  name.cancelled = number_of(item, "cancelled") != 0;
  name.state = static_cast<NameState>(number_of(item, "state"));
  name.reason = text_of(item, "reason");
  name.status = static_cast<std::uint32_t>(number_of(item, "status"));
  name.attempts = static_cast<std::uint32_t>(number_of(item, "attempts"));
  name.settled_at = {number_of(item, "settled_at")};
  read.order = number_of(item, "order");
  read.id_alone = number_of(item, "id_alone") != 0;
  read.until = {number_of(item, "until")};
  read.version = text_of(item, "v");
  return read;
}

IdItem read_id(const Item& item) { return {text_of(item, "identity"), text_of(item, "v")}; }

Write Layout::put_row(const wire::Offer& row, const std::string& version) const {
  Item item = row_key(row.key, {row.order, row.identity});
  item["message"] = bytes(wire::encode_item(row));
  item["offered"] = number(row.offered_before ? 1 : 0);
  item["cancelled"] = number(row.cancelled ? 1 : 0);
  item["v"] = text(version);
  return put(std::move(item));
}

RowItem read_row(const Item& item) {
  RowItem read;
  read.message = text_of(item, "message");
  read.version = text_of(item, "v");
  const RowPlace place = place_of_sort(text_of(item, "sk"));
  auto message = wire::decode_item(read.message);
  auto* offer = message ? std::get_if<wire::Offer>(&*message) : nullptr;
  read.readable = offer != nullptr;
  if (offer != nullptr) read.row = std::move(*offer);
  read.row.identity = place.identity;
  read.row.order = place.order;
  read.row.origin = wire::Origin::kRow;
  read.row.offered_before = number_of(item, "offered") != 0;
  read.row.cancelled = number_of(item, "cancelled") != 0;
  return read;
}

Write Layout::put_key(const KeyItem& key) const {
  const KeyFacts& facts = key.facts;
  Item item = key_key(facts.key);
  item["upstream"] = text(facts.upstream);
  item["rows"] = number(static_cast<std::int64_t>(facts.count));
  item["head"] = number(facts.head_order);
  if (key.last_in_order != 0) item["last"] = number(key.last_in_order);
  item["v"] = text(key.version);
  if (!facts.holds.empty()) {
    item["holds"] = bytes(
        wire::encode_item(wire::Parked{"holds", facts.key, facts.upstream, 0, 0, facts.holds}));
  }
  return put(std::move(item));
}

KeyItem read_key(const Item& item) {
  return {{text_of(item, "sk"), text_of(item, "upstream"),
           static_cast<std::uint64_t>(number_of(item, "rows")), number_of(item, "head"),
           unpack_holds(text_of(item, "holds"))},
          text_of(item, "v"),
          number_of(item, "last")};
}

Write Layout::put_end(const EndItem& end) const {
  Item item = end_key(end.when, end.identity);
  item["key"] = text(end.key);
  item["order"] = number(end.place.order);
  return put(std::move(item));
}

EndItem read_end(const Item& item) {
  const RowPlace sort = place_of_sort(text_of(item, "sk"));
  EndItem end;
  end.identity = sort.identity;
  end.key = text_of(item, "key");
  end.place = {number_of(item, "order"), sort.identity};
  end.when = {sort.order};
  return end;
}

}  // namespace sluice::ingest::dynamo
