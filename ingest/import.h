// `sluice-ingest import FILE|-`: NDJSON into the embedded queue. Straight into the parking store,
// whether an ingest runs on it or not: that one sees the change within a second. What is no message
// is reported by line and becomes a dead letter, "malformed"; importing a file again changes
// nothing where lines have ids.
//
// How far a file has come is committed together with its lines, so that an import that was killed
// can go on: with `resume`, after the last line that is in parking, be there ids or not. The bytes
// before it must be those that were read then; a file that has grown since is no other one.
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
  std::uint64_t lines = 0;   // of the file
  std::uint64_t before = 0;  // of them imported before
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
  std::string file = {};  // the name under which its position is kept; none: it is not
  bool resume = false;
};

Result<ImportCounts> import_lines(const ImportFrom& from, SqliteParking& parking);

}  // namespace sluice::ingest
