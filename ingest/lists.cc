#include "ingest/lists.h"

#include <algorithm>
#include <charconv>

#include "lib/digest/digest.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

namespace {

constexpr std::size_t kIdentity = 16;
constexpr char kBreak = '.';

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return {};
  return value;
}

// The part before the next dot, taken off.
std::string_view part(std::string_view& text) {
  const std::size_t end = std::min(text.find(kBreak), text.size());
  const std::string_view one = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return one;
}

}  // namespace

// phase place '.' number '.' identity '.' key, the last two in hex: letters, digits, dots and '-'
// alone.
std::string cursor_text(const ListCursor& cursor) {
  return std::string(1, static_cast<char>(cursor.phase)) + std::to_string(cursor.place) + kBreak +
         std::to_string(cursor.number) + kBreak + to_hex(cursor.identity) + kBreak +
         to_hex(cursor.key);
}

std::optional<ListCursor> read_cursor(std::string_view text) {
  const std::string_view all = text;
  if (text.empty() || std::string_view("wsd").find(text.front()) == std::string_view::npos) {
    return {};
  }
  ListCursor cursor;
  cursor.phase = static_cast<ListPhase>(text.front());
  text.remove_prefix(1);
  const auto place = whole_number(part(text));
  const auto number = whole_number(part(text));
  if (!place || !number) return {};
  cursor.place = *place;
  cursor.number = *number;
  cursor.identity = from_hex(part(text));
  cursor.key = from_hex(text);
  const std::size_t named = cursor.phase == ListPhase::kWaiting ? kIdentity : 0;
  const bool bounded = cursor.key.size() <= wire::kKeyMax && cursor.identity.size() == named;
  if (!bounded || cursor_text(cursor) != all) return {};  // one spelling for each
  return cursor;
}

bool fits(const ListCursor& cursor, const ListAsk& ask) {
  if (!ask.key.empty() && cursor.phase == ListPhase::kWaiting && cursor.key != ask.key)
    return false;
  if (!ask.state) return cursor.phase != ListPhase::kDead;
  if (*ask.state == NameState::kWaiting) return cursor.phase == ListPhase::kWaiting;
  if (*ask.state == NameState::kDead) return cursor.phase == ListPhase::kDead;
  return cursor.phase == ListPhase::kSettled;
}

}  // namespace sluice::ingest
