// What `sluice-auditor attempts` lists (docs/trail.md): the arrivals at one upstream that a trail
// proves; of several auditors one listing after the other. Pure; nothing is believed before the
// last line was read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice::limiter {

struct Listing {
  StoreTime since;   // it has all that ended then or later ...
  StoreTime begins;  // ... but nothing from before this: the trail's first line
  StoreTime until;   // when it was listed
};

// Whose arrivals they are.
struct Whose {
  std::string name;  // in the trail
  std::string key;   // in clear; empty: nobody knows (erased), or it was not said
};

struct Sent {
  std::size_t whose = 0;  // place in Listed::whose
  StoreTime at;           // when its end was known
  std::uint32_t units = 1;
  bool unknown = false;  // nobody answered for it
};

struct Listed {
  std::string upstream;
  std::vector<Listing> listings;
  std::vector<Whose> whose;
  std::vector<Sent> sent;
};

class ListingReader {
 public:
  // `file`: what an error calls it. Errors are kSettings, with line and field.
  explicit ListingReader(std::string file) : file_(std::move(file)) {}
  Status line(std::string_view text);
  Result<Listed> end();

 private:
  Status begin(std::string_view text);
  Status add(std::string_view text);
  Status finish(std::string_view text);
  [[nodiscard]] Error wrong(const std::string& what) const;

  std::string file_;
  std::uint64_t number_ = 0;
  bool open_ = false;         // a listing has begun and not ended
  std::uint64_t listed_ = 0;  // of the one that is open
  Listed found_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

}  // namespace sluice::limiter
