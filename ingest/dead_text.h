// Dead letters as people read them: a table's lines, and one as JSON.
#pragma once

#include <string>

#include "ingest/dead_letters.h"

namespace sluice::ingest {

std::string dead_heading();
std::string dead_line(const DeadRow& dead);
// One object, in a line; a body or raw bytes that are not UTF-8 have U+FFFD in them.
std::string dead_json(const DeadRow& dead);

}  // namespace sluice::ingest
