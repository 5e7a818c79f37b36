#include "ingest/dead_pass.h"

#include <algorithm>
#include <utility>

#include "ingest/dead_text.h"
#include "lib/digest/digest.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

namespace sqs = aws::sqs;
using How = aws::EntryFate::How;

constexpr int kEmptyPolls = 2;            // in a row: that was all
constexpr Duration kHidden = minutes(2);  // beside what ten take at the rate
constexpr Duration kMargin = minutes(1);  // so long before it ends it is said again

std::string why(const aws::EntryFate& fate) {
  if (fate.code.empty()) return "no word of it";
  return fate.code + (fate.message.empty() ? "" : ": " + fate.message);
}

// Of the same message so many generations on; without a message, of its bytes.
std::string name_of(const SqsDeadLetter& letter, std::uint32_t later) {
  const auto& message = letter.dead.message;
  if (!message) return to_bytes(sha256(letter.dead.raw));
  return wire::identity_of(message->source, message->key, message->id, message->generation + later);
}

}  // namespace

DeadPass::DeadPass(DeadQueue& queue, DeadAsked asked, std::ostream& out, std::ostream& err)
    : queue_(queue),
      asked_(std::move(asked)),
      out_(out),
      err_(err),
      hidden_for_(kHidden + seconds(static_cast<std::int64_t>(sqs::kBatchMax)) / asked_.rate),
      began_(queue.now()),
      sends_at_(began_),
      missing_(asked_.choice.ids.begin(), asked_.choice.ids.end()) {}

Status DeadPass::run() {
  if (asked_.verb == "list") out_ << dead_heading();
  Status done = look();
  Status back = give_back();
  if (looked_ == asked_.most) {
    say("only " + std::to_string(looked_) + " letters were looked at (--max): there may be more");
  }
  if (dead_again_ > 0) {
    say(std::to_string(dead_again_) + " letters are of what was replayed just now: they stay");
  }
  if (damaged_ > 0) {
    say(std::to_string(damaged_) +
        " letters came with other bytes than SQS has (MD5), and are left where they are");
  }
  if (!done) return done;
  if (queue_.stopped()) {
    return Error{Trouble::kUnavailable, "stopped by a signal: what is not done was given back"};
  }
  if (!back) return back;
  if (refused_ > 0) {
    return Error{Trouble::kUnavailable, std::to_string(refused_) + " of " +
                                            std::to_string(chosen_) + " could not be replayed"};
  }
  return all_found();
}

Status DeadPass::all_found() const {
  if (asked_.verb == "list" || asked_.choice.ids.empty()) return Done{};
  if (chosen_ == 0 && missing_.empty()) {
    return Error{Trouble::kUsage, "no dead letter of " + queue_.url() + " is meant by that"};
  }
  std::string ids;
  for (const std::string& id : missing_) ids += (ids.empty() ? "\"" : ", \"") + id + "\"";
  if (ids.empty()) return Done{};
  return Error{Trouble::kUsage, "no dead letter of " + queue_.url() + " has the id " + ids};
}

Status DeadPass::look() {
  for (int empty = 0; empty < kEmptyPolls && looked_ < asked_.most && !queue_.stopped();) {
    const auto letters = queue_.receive(asked_.most - looked_, hidden_for_);
    if (!letters) return letters.error();
    const std::size_t before = looked_;
    const Letters chosen = choose(take(*letters));
    empty = looked_ == before ? empty + 1 : 0;
    if (Status done = act(chosen); !done) return done;
    if (!out_.flush()) {
      return Error{Trouble::kUnavailable, "standard output cannot be written"};
    }
    keep_hidden();
  }
  return Done{};
}

// Those that were not seen before, and are whole.
DeadPass::Letters DeadPass::take(const std::vector<SqsDeadLetter>& letters) {
  Letters fresh;
  Letters again;
  const Instant until = queue_.now() + hidden_for_;
  for (const SqsDeadLetter& letter : letters) {
    const sqs::Message& message = letter.message;
    const bool is_new = seen_.insert(message.id).second;
    if (!is_new && !kept_.contains(message.id)) {
      again.push_back(&letter);
      continue;
    }
    visible_at_ = kept_.empty() ? until : std::min(visible_at_, until);
    kept_[message.id] = {message.receipt, until};
    if (!is_new) continue;
    ++looked_;
    if (message.damage.empty()) {
      fresh.push_back(&letter);
    } else {
      ++damaged_;
    }
  }
  // SQS may bring once more what it has deleted.
  (void)queue_.remove(again);
  return fresh;
}

DeadPass::Letters DeadPass::choose(const Letters& fresh) {
  Letters chosen;
  const StoreTime now = queue_.wall();
  for (const SqsDeadLetter* letter : fresh) {
    find_ids(letter->dead);
    if (!asked_.choice.takes(letter->dead, now)) continue;
    if (replayed_.contains(name_of(*letter, 0))) {
      ++dead_again_;
    } else {
      chosen.push_back(letter);
    }
  }
  chosen_ += chosen.size();
  return chosen;
}

void DeadPass::find_ids(const DeadRow& dead) {
  std::erase_if(missing_, [&dead](const std::string& id) { return is_named(dead, id); });
}

Status DeadPass::act(const Letters& chosen) {
  for (const SqsDeadLetter* letter : chosen) {
    if (asked_.verb == "list") out_ << dead_line(letter->dead);
    if (asked_.verb == "show") out_ << dead_json(letter->dead);
  }
  if (asked_.verb == "replay") return replay(chosen);
  if (asked_.verb == "purge") return remove(chosen, false);
  return Done{};
}

Status DeadPass::replay(const Letters& chosen) {
  if (chosen.empty()) return Done{};
  queue_.sleep(sends_at_);
  if (queue_.stopped()) return Done{};
  sends_at_ = queue_.now() + seconds(1) * static_cast<std::int64_t>(chosen.size()) / asked_.rate;
  const DeadQueue::Fates fates = queue_.send(chosen, asked_.priority);
  Letters sent;
  Letters unsent;
  DeadQueue::Fates whys;
  for (std::size_t at = 0; at < chosen.size(); ++at) {
    if (fates[at].how == How::kDone) {
      replayed_.insert(name_of(*chosen[at], 1));
      sent.push_back(chosen[at]);
    } else if (fates[at].is_refused()) {
      ++refused_;
      say(chosen[at]->dead.id + " cannot be replayed, and stays: " + why(fates[at]));
    } else {
      unsent.push_back(chosen[at]);
      whys.push_back(fates[at]);
    }
  }
  const Status removed = remove(sent, true);
  return removed ? undone(unsent, whys) : removed;
}

// From the dead-letter queue. What was sent and stays is sent again by a repeat, as the same
// message: it goes once.
Status DeadPass::remove(const Letters& letters, bool were_sent) {
  const DeadQueue::Fates fates = queue_.remove(letters);
  Letters left;
  DeadQueue::Fates whys;
  for (std::size_t at = 0; at < letters.size(); ++at) {
    const std::string& id = letters[at]->dead.id;
    if (fates[at].how == How::kDone) {
      kept_.erase(letters[at]->message.id);
      out_ << (were_sent ? "replayed " : "purged ") << id << "\n";
      continue;
    }
    left.push_back(letters[at]);
    whys.push_back(fates[at]);
    if (were_sent) {
      say(id + " was sent, and is still in the dead-letter queue: replayed again it goes once");
    }
  }
  return undone(left, whys);
}

Status DeadPass::undone(const Letters& letters, const DeadQueue::Fates& fates) const {
  if (letters.empty()) return Done{};
  return Error{Trouble::kUnavailable, "SQS did not do it for " + std::to_string(letters.size()) +
                                          " letters, " + letters.front()->dead.id +
                                          " the first of them: " + why(fates.front()) +
                                          ": say it again"};
}

// As long again as the pass has lasted: so it is said seldom, and who is killed hides nothing for
// much longer than it ran.
void DeadPass::keep_hidden() {
  const Instant now = queue_.now();
  if (kept_.empty() || now + kMargin < visible_at_) return;
  const Duration longer = std::clamp(now - began_, kHidden, sqs::kVisibilityMax);
  std::vector<std::string> receipts;
  visible_at_ = now + longer;
  for (auto& [id, kept] : kept_) {
    if (kept.until <= now + hidden_for_) {
      kept.until = now + longer;
      receipts.push_back(kept.receipt);
    }
    visible_at_ = std::min(visible_at_, kept.until);
  }
  (void)queue_.hide(receipts, longer);  // one that comes back was seen
}

Status DeadPass::give_back() {
  std::vector<std::string> receipts;
  for (const auto& [id, kept] : kept_) receipts.push_back(kept.receipt);
  const DeadQueue::Fates fates = queue_.hide(receipts, Duration{});
  const auto is_undone = [](const aws::EntryFate& fate) { return fate.how != How::kDone; };
  const auto first = std::find_if(fates.begin(), fates.end(), is_undone);
  if (first == fates.end()) return Done{};
  say(std::to_string(std::count_if(first, fates.end(), is_undone)) +
      " letters that were looked at stay hidden for some minutes: " + why(*first));
  return Error{Trouble::kUnavailable, "not all letters were given back"};
}

void DeadPass::say(const std::string& text) { err_ << "sluice-ingest: " << text << "\n"; }

}  // namespace sluice::ingest
