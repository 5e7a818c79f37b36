// `sluice-ingest import FILE|-`: NDJSON into the embedded queue. Straight into the parking store,
// whether an ingest runs on it or not: that one sees the change within a second. What is no message
// is reported by line and becomes a dead letter, "malformed"; importing a file again changes
// nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "ingest/config.h"
#include "ingest/document.h"
#include "ingest/sqlite_parking.h"

namespace sluice::ingest {

struct ImportCounts {
  std::uint64_t lines = 0;
  std::uint64_t accepted = 0;
  std::uint64_t repeated = 0;
  std::uint64_t malformed = 0;
  std::uint64_t conflicts = 0;
};

struct ImportFrom {
  std::istream& input;
  std::string name;  // of the file, for reports and the ids of malformed lines
  const Config& config;
  const Pointers& pointers;
  std::function<StoreTime()> wall;
  std::function<std::string(std::size_t)> random;
  std::function<void(const std::string&)> say;  // what a person must know, a line each
  std::function<void(const ImportCounts&)> progress = [](const ImportCounts&) {};  // each commit
};

Result<ImportCounts> import_lines(const ImportFrom& from, SqliteParking& parking);

}  // namespace sluice::ingest
