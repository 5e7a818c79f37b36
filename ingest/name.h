// What a name says, fresh and after settlement: the same in every parking store. Pure.
#pragma once

#include "ingest/parking.h"

namespace sluice::ingest {

Name name_of_row(const wire::Offer& row);
void settle_name(Name& name, const wire::Settled& settled);
// "waiting", "delivered", ...
std::string_view word_of(NameState state);

}  // namespace sluice::ingest
