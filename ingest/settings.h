// The settings of sluice-ingest: one table of rows, and Config made of it.
#pragma once

#include <span>
#include <string>

#include "ingest/config.h"
#include "ingest/document.h"
#include "lib/base/settings.h"
#include "lib/port/http_server.h"
#include "lib/stage/stage.h"

namespace sluice::ingest {

stage::StageInfo stage_info();

// The table [source]: where in a document things are.
std::span<const SettingRow> source_rows();
Result<Pointers> read_pointers(const Settings& settings);
// Those that a table gives; the others stay.
Status read_pointers_of(const SettingTable& table, Pointers& pointers);

Result<Config> read_config(const Settings& settings);
// parking = "dynamodb"
bool parks_in_table(const Settings& settings);
// Whether the front door listens on a loopback address.
bool is_local(const Settings& settings);
// Whether the front door may do without API keys: it is loopback, or a person has said so.
bool may_be_open(const Settings& settings);
// What to say when it may not, and has none.
Error not_open(const Settings& settings);
port::HttpServerConfig read_door(const Settings& settings);
// What only ingest knows to be wrong, before anything is touched.
Status check_settings(const Settings& settings);

}  // namespace sluice::ingest
