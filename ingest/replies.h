// Replies: a message with a reply_to has its end told by a POST to that URL (webhook). What is to
// be told is written in the transaction that settles the message, and goes only when the other side
// took it or it is given up: at least once, each time under the same webhook-id.
//
// Here is what is decided: which URLs may be named, how many replies are under way to a host, when
// one is tried again, when it is given up. Pure: reply_sender.h makes the requests,
// sqlite_replies.h keeps them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/prng.h"
#include "lib/base/result.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

struct ReplyConfig {
  // Where replies may go, as "https://host" or "https://host:port", in lower case.
  std::vector<std::string> hosts;
  std::vector<std::string> secrets;  // references; each makes a signature
  Duration backoff = seconds(5);     // after the first failure; then twice as long, to an hour
  Duration timeout = seconds(10);
  Duration keep = hours(3 * 24);  // given up so long after the settlement ...
  std::uint32_t tries_max = 20;   // ... or after so many tries
  std::uint32_t in_flight = 8;    // to one host
};

// "https://hooks.example.com:8443" of a URL, in lower case.
std::string reply_host(std::string_view url);
// Why a reply may not go to this URL; nothing when it may.
std::optional<std::string> reply_trouble(std::string_view url, std::span<const std::string> hosts);

// A settlement to be told.
struct Reply {
  std::int64_t number = 0;  // the store's
  std::string host;
  std::string url;
  std::string source;
  std::string id;
  std::uint32_t generation = 0;
  StoreTime first_seen;
  wire::Settled settled;
  std::uint32_t tries = 0;
};

// The same for each try, and another one when an id is used again after it was forgotten.
std::string webhook_id_of(const Reply& reply);

// What became of a try, for the store: the reply goes, or waits until it is due.
struct ReplyNote {
  std::int64_t number = 0;
  bool over = false;
  std::uint32_t tries = 0;
  StoreTime due;
};

// Where replies are kept. The memory of tests and SQLite answer alike
// (tests/ingest/replies_suite.h).
class ReplyStore {
 public:
  virtual ~ReplyStore() = default;
  // Of a host, those whose time has come, the longest due first.
  virtual Result<std::vector<Reply>> due(const std::string& host, StoreTime now,
                                         std::uint32_t count) = 0;
  // Those of messages that were settled before `time`, whatever their host, the oldest first.
  virtual Result<std::vector<Reply>> settled_before(StoreTime time, std::uint32_t count) = 0;
  // One transaction.
  virtual Status note(std::span<const ReplyNote> notes) = 0;
  virtual Result<std::uint64_t> waiting() = 0;
};

// How a try ended.
struct ReplyTried {
  std::uint32_t status = 0;  // 0: no answer
  Duration retry_after;      // what the answer asked for
};

enum class ReplyEnd : std::uint8_t { kDelivered, kAgain, kGivenUp };

class Replies {
 public:
  struct Counts {
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;  // tries
    std::uint64_t given_up = 0;
  };

  Replies(ReplyConfig config, std::uint64_t seed) : config_(std::move(config)), chance_(seed) {}

  // How many may start now, and how many to ask the store for, those under way among them.
  [[nodiscard]] std::uint32_t room(const std::string& host) const;
  [[nodiscard]] std::uint32_t to_ask(const std::string& host) const;
  // False when it is under way already.
  bool start(const Reply& reply);
  // It stays under way, so that nobody starts it again, until its note is written.
  ReplyEnd ended(const Reply& reply, const ReplyTried& tried, StoreTime now);
  // It was not sent: not now, and it counts as no try.
  void stopped(const Reply& reply);
  // Its time is over; false when it is under way.
  bool give_up(const Reply& reply);
  [[nodiscard]] std::span<const ReplyNote> notes() const { return notes_; }
  void notes_written();

  [[nodiscard]] StoreTime oldest(StoreTime now) const { return now - config_.keep; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  Duration wait_after(std::uint32_t tries);
  void note(const Reply& reply, const ReplyNote& note);

  ReplyConfig config_;
  Prng chance_;
  std::map<std::string, std::set<std::int64_t>> under_way_;  // by host
  std::vector<ReplyNote> notes_;
  std::vector<std::string> noted_hosts_;  // of each note
  Counts counts_;
};

}  // namespace sluice::ingest
