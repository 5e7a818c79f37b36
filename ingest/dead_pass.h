// One pass over the dead letters of a queue: list, show, replay or purge. They come ten at a time,
// and what is to be done with these is done before the next are asked for. What is only looked at
// stays hidden until the pass ends, so that it comes once; then all that is left is visible to
// others at once, however the pass has ended.
#pragma once

#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "ingest/dead_choice.h"
#include "ingest/dead_queue.h"

namespace sluice::ingest {

struct DeadAsked {
  std::string verb;
  DeadChoice choice = {};
  std::size_t most = 1000;  // letters that are looked at
  std::int64_t rate = 10;   // of a replay, a second
  std::int32_t priority = 1;
};

class DeadPass {
 public:
  // `out`: the answer; `err`: what of it is not as it should be.
  DeadPass(DeadQueue& queue, DeadAsked asked, std::ostream& out, std::ostream& err);

  // kUsage: nothing is meant by what was asked; kUnavailable: not all of it was done.
  Status run();

 private:
  using Letters = DeadQueue::Letters;
  struct Kept {
    std::string receipt;
    Instant until;  // hidden
  };
  Status look();
  Letters take(const std::vector<SqsDeadLetter>& letters);
  Letters choose(const Letters& fresh);
  void find_ids(const DeadRow& dead);
  [[nodiscard]] Status all_found() const;
  Status act(const Letters& chosen);
  Status replay(const Letters& chosen);
  Status remove(const Letters& letters, bool were_sent);
  [[nodiscard]] Status undone(const Letters& letters, const DeadQueue::Fates& fates) const;
  void keep_hidden();
  Status give_back();
  void say(const std::string& text);

  DeadQueue& queue_;
  DeadAsked asked_;
  std::ostream& out_;
  std::ostream& err_;
  Duration hidden_for_;
  Instant began_;
  Instant sends_at_;               // the next ones
  std::set<std::string> missing_;  // ids that were asked for
  std::set<std::string> seen_;
  std::map<std::string, Kept> kept_;  // of what was seen and is not done
  Instant visible_at_;                // no earlier one of them is
  std::set<std::string> replayed_;    // names of what dies of a replay of this pass
  std::size_t dead_again_ = 0;
  std::size_t looked_ = 0;
  std::size_t chosen_ = 0;
  std::size_t damaged_ = 0;
  std::size_t refused_ = 0;  // by the queue, for what they are
};

}  // namespace sluice::ingest
