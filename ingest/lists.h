// Lists of messages, as values: what is asked, and a page of it. A cursor names a place, not a
// number of entries: what comes and goes between two pages neither shifts nor doubles anything.
//
//   waiting   in the order of keys, and in each key's order
//   settled   what is accepted and has not come yet, then those that ended; the last come first
//   dead      dead letters that nobody has replayed or purged, the newest first; lines that were no
//             messages are among them
//   any       what waits, then these
//
// A page costs a bounded amount of work: it may have fewer messages than were asked for, even none,
// and yet a cursor to go on from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ingest/parking.h"
#include "ingest/scope.h"

namespace sluice::ingest {

enum class ListPhase : std::uint8_t { kWaiting = 'w', kSettled = 's', kDead = 'd' };

// Where a list goes on: after this one.
struct ListCursor {
  ListPhase phase = ListPhase::kWaiting;
  std::string key;          // kWaiting
  std::int64_t place = 0;   // kWaiting: order; kSettled: remembered until; kDead: number
  std::string identity;     // kWaiting
  std::int64_t number = 0;  // kSettled
  friend bool operator==(const ListCursor&, const ListCursor&) = default;
};

struct ListAsk {
  std::string key = {};                 // empty: of all keys
  std::optional<NameState> state = {};  // none: whatever it is
  std::optional<ListCursor> after = {};
  std::uint32_t limit = 50;
  Scope scope = {};
};

struct ListedMessage {
  Name name;
  std::optional<std::uint64_t> ahead;  // rows of its key before it, while it waits
};

struct ListPage {
  std::vector<ListedMessage> messages;
  std::optional<ListCursor> next;
};

// As text for a URL, and back. Nothing when it is none of ours.
std::string cursor_text(const ListCursor& cursor);
std::optional<ListCursor> read_cursor(std::string_view text);
// Whether a list with this filter gives such a cursor.
bool fits(const ListCursor& cursor, const ListAsk& ask);

// An effect of the core, and its reply.
struct ListCall {
  std::uint64_t call_id = 0;
  ListAsk ask;
};
struct ListFailed {
  std::string what;
  bool always = false;  // this parking has no lists
};
struct ListReply {
  std::uint64_t call_id = 0;
  std::variant<ListPage, ListFailed> answer;
};

}  // namespace sluice::ingest
