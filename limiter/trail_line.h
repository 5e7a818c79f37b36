// What the script writes for the trail. A line's id is made of the fact that it states, so the same
// fact said again has the same id, whoever says it.
#pragma once

#include <string>

#include "limiter/store_records.h"

namespace sluice::limiter {

// First 16 bytes of SHA-256 over identity, serial and kind.
std::string record_id_of(const std::string& identity, std::uint32_t serial, wire::RecordKind kind);

// Of the shard's so-many-th line of its own: an edit of limits, a closure.
std::string edit_id_of(const std::string& upstream, std::uint64_t edit, StoreTime at);
// Of a line that says which limits hold.
std::string held_id_of(const std::string& upstream, std::uint64_t version);
// What a line of an edit says, in words.
std::string words_of_edit(const SetLimits& call, const std::vector<Limit>& limits);

// What the line of a closure says (lib/wire/closure_words.h).
std::string words_of_closure(ClosedBy why);

// What the line says of a person who says how little the store may still have forgotten.
std::string words_of_restore(const std::string& by, const std::vector<std::uint32_t>& held);

// A line about this message's last grant, with what its record knows.
wire::Record line_of(const MessageRecord& record, wire::RecordKind kind, StoreTime at);

// The message has ended: fills record and, into `line`, the trail's words for it.
void settle(MessageRecord& record, wire::Record& line, End end);

}  // namespace sluice::limiter
