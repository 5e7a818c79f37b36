// What persons said last of keys, and of the upstream as a whole (an empty key), as far as this
// limiter has heard, and which stores of ingests have it too: what one of them has not announced is
// told to it, so that every parking has the same last words. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/wire/words.h"

namespace sluice::limiter {

class Words {
 public:
  using Said = std::pair<std::string, wire::Hold>;  // of which key, what

  // True: it is later than what was known.
  bool hear(const std::string& key, const wire::Hold& word) {
    const auto [at, first] = words_.try_emplace(key);
    if (!first && !wire::is_later(word, at->second.hold)) return false;
    at->second = {word, {}, false};
    return true;
  }
  [[nodiscard]] const wire::Hold* of(const std::string& key) const {
    const auto at = words_.find(key);
    return at == words_.end() ? nullptr : &at->second.hold;
  }
  // That store has announced the word that is known here.
  void named(const std::string& key, const std::string& store) {
    if (const auto at = words_.find(key); at != words_.end()) at->second.by.insert(store);
  }
  // That store has announced everything: what it has not named since the last time.
  std::vector<Said> unnamed(const std::string& store) {
    std::vector<Said> unnamed;
    for (auto& [key, word] : words_) {
      if (word.by.erase(store) == 0) unnamed.emplace_back(key, word.hold);
    }
    return unnamed;
  }
  // Where grants are decided a later one is known than the one that was said then.
  void overtaken(const std::string& key, StoreTime said_at) {
    const auto at = words_.find(key);
    if (at != words_.end() && at->second.hold.said_at == said_at) at->second.overtaken = true;
  }
  // By what is known here it is open, and nothing is known that contradicts.
  [[nodiscard]] const wire::Hold* opening(const std::string& key, StoreTime now) const {
    const auto at = words_.find(key);
    if (at == words_.end() || at->second.overtaken) return nullptr;
    return wire::closes(at->second.hold, now) ? nullptr : &at->second.hold;
  }
  // Those that close at `now`.
  [[nodiscard]] std::vector<Said> closing(StoreTime now) const {
    std::vector<Said> closing;
    for (const auto& [key, word] : words_) {
      if (wire::closes(word.hold, now)) closing.emplace_back(key, word.hold);
    }
    return closing;
  }
  void forget(StoreTime now) {
    std::erase_if(words_,
                  [&](const auto& entry) { return wire::is_forgotten(entry.second.hold, now); });
  }
  [[nodiscard]] std::size_t size() const { return words_.size(); }

 private:
  struct Word {
    wire::Hold hold;
    std::set<std::string> by;  // stores that have named it since they last said Announced
    bool overtaken = false;    // where grants are decided a later one is known
  };
  std::map<std::string, Word> words_;
};

}  // namespace sluice::limiter
