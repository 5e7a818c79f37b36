// Ingest's core: messages of FIFO queues (rule 4). Each is put before it is offered, those of a
// group one after the other as the queue gave them, so that the parking store can give them orders
// that grow. What goes back to the queue takes with it what is behind it here: the queue gives them
// again in their order. So what comes again out of its turn is a row, or was one.
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

void IngestCore::join_group(Copy& copy, const std::string& group, const Turn& turn) {
  copy.at = At::kBehind;
  copy.group = copy.message.source + "\n" + group;
  groups_[copy.group].behind.push_back(copy.message.identity);
  put_next(copy.group, turn);
}

void IngestCore::put_next(const std::string& name, const Turn& turn) {
  const auto at = groups_.find(name);
  if (at == groups_.end() || !at->second.putting.empty()) return;
  Group& group = at->second;
  while (!group.behind.empty()) {
    const std::string identity = group.behind.front();
    group.behind.pop_front();
    Copy& copy = copies_.at(identity);
    if (copy.at != At::kBehind) continue;  // it is being settled: it is a row, or was one
    group.putting = identity;
    copy.at = At::kHere;
    if (copy.dies != nullptr) return die(copy, copy.dies, turn);
    return put_copy(copy, StoreTime{}, turn);
  }
  groups_.erase(at);
}

// It is a row, or has ended.
void IngestCore::left_group(const Copy& copy, const Turn& turn) {
  const auto at = groups_.find(copy.group);
  if (at == groups_.end()) return;
  Group& group = at->second;
  if (group.putting == copy.message.identity) group.putting.clear();
  std::erase(group.behind, copy.message.identity);
  put_next(copy.group, turn);
}

// Who was not being put goes back because its message has ended, or with all others.
void IngestCore::given_back(const Copy& copy, Duration visibility, const Turn& turn) {
  const auto at = groups_.find(copy.group);
  if (at == groups_.end()) return;
  if (at->second.putting != copy.message.identity) return left_group(copy, turn);
  const std::deque<std::string> behind = std::move(groups_.extract(at).mapped().behind);
  for (const std::string& identity : behind) {
    if (copies_.at(identity).at != At::kBehind) continue;
    MARK("ingest: what is behind a message that goes back goes back with it");
    let_go(identity, visibility, turn);
  }
}

}  // namespace sluice::ingest
