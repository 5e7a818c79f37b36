// What a name says, fresh and after settlement: the same in every parking store. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "ingest/parking.h"

namespace sluice::ingest {

Name name_of_row(const wire::Offer& row);
// The name that this Put writes.
Name written_name(const Put& put);
// Neither waits nor is to come.
bool has_ended(NameState state);
// This name was accepted, and that is its row.
bool is_its_row(const Name& accepted, const Put& put);
// The message that is there is put again. What was posted is that message however it is read now:
// the front door has said which bytes count, before it was sent.
bool is_repeat(const Name& there, const Put& put);
// Is this its end, and not that of another message with its identity?
bool is_end_of(const Name& name, const SettleRow& settle);
// It ended because another message has its identity: of that one it says nothing.
bool lost_its_identity(const Name& name);
// Of its dead letter: the other one with its identity may die as well.
std::string letter_identity_of(const Name& name);
void settle_name(Name& name, const wire::Settled& settled);
// Its row says that its key stops behind it: so these are the key's holds. False: somebody has said
// otherwise since it died.
bool hold_behind(const wire::Settled& dead, std::vector<wire::Hold>& holds);
// Holds take the place of others, but for the stop behind a message that died later than what these
// say: who wrote them had not heard of it.
void keep_stop(const std::vector<wire::Hold>& there, std::vector<wire::Hold>& holds);
// "waiting", "delivered", ...
std::string_view word_of(NameState state);

}  // namespace sluice::ingest
