// The keys whose rows one parking store is yet to be asked for, in the order in which they came. Of
// a large backlog that is nearly all of them, so a key that is nothing but known takes little.
//
// Two states of a key:
//   known   its name stands here, and all that there is of it besides is in Known
//   here    a Key (shard.h) has it: messages, holds, a Want that was said, quotes, what was told.
//           Its name stands here as well while its next Want waits for its turn
// and the moves between them:
//   nothing -> known  a store announces rows, and no holds, and as many are asked for as may be
//   known -> here     its turn to be asked for has come, or something else is said of it (key_of)
//   here -> known     its next Wants wait for their turn, and there is nothing else of it
//                     (forget_if_empty)
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/instant.h"
#include "limiter/turns.h"

namespace sluice::limiter {

// What is left of a key, so that it goes on as if it had been here all the time.
struct Known {
  std::string name;
  std::uint32_t rows_count = 0;
  StoreTime kept_until;  // something that is not ours kept it until then
  Owed owed;             // from its turns
};

class KnownKeys {
 public:
  // At the end, if it is not there; with its name alone.
  Known& add(std::string_view name);
  void erase(std::string_view name);
  [[nodiscard]] const Known* find(std::string_view name) const;
  // Whose turn it is to be asked for: the newest and the oldest in turns, so that a quiet key does
  // not wait for all of a backlog, and the oldest not for ever. Requires that there is one.
  std::string next();

  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  [[nodiscard]] auto begin() const { return keys_.begin(); }
  [[nodiscard]] auto end() const { return keys_.end(); }

 private:
  std::list<Known> keys_;
  std::unordered_map<std::string_view, std::list<Known>::iterator> by_name_;  // names are in keys_
  bool newest_next_ = true;
};

}  // namespace sluice::limiter
