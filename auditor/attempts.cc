// attempts: what has arrived at an upstream, as the trail proves it, for `sluice-limiter restore`.
#include <algorithm>
#include <limits>
#include <map>
#include <ostream>
#include <tuple>
#include <utility>

#include "auditor/disk_trail.h"
#include "auditor/shell.h"
#include "auditor/trail_facts.h"
#include "auditor/verbs.h"
#include "lib/port/json_text.h"

namespace sluice::auditor {
namespace {

constexpr std::size_t kAttemptsMax = 20'000'000;  // in one listing

struct Proven {
  std::string key;  // its name; empty: sent for no key of its own
  StoreTime granted;
  StoreTime completed;
  std::uint32_t units = 1;
  bool unknown = false;  // nobody answered: it may still have been on its way
};

// What of the upstream has arrived, each attempt once: a late answer takes the place of "unknown".
class Arrivals {
 public:
  Arrivals(const std::string& upstream, StoreTime since) : upstream_(upstream), since_(since) {}

  void see(const Line& line) {
    // Lines about limits are of the time since when those hold.
    if (begins_.us == 0 && line.type != "segment" && line.type != "limits") begins_ = line.at;
    if (line.text("upstream") != upstream_) return;
    if (line.type == "consume") {
      const auto units = std::clamp<std::int64_t>(line.number("units"), 1, kMost);
      const StoreTime at{line.number("completed_at")};
      add({std::string(line.text("key")), std::string(line.text("record")), 0},
          {std::string(line.text("key")), at, at, static_cast<std::uint32_t>(units), false});
    } else if (const auto seen = attempt_of(line)) {
      add({seen->key, seen->message, seen->serial}, {seen->key, seen->granted, seen->completed,
                                                     seen->units, line.text("ended") == "unknown"});
    }
  }

  [[nodiscard]] StoreTime begins() const { return begins_; }
  [[nodiscard]] bool too_many() const { return proven_.size() > kAttemptsMax; }
  [[nodiscard]] std::vector<Proven> all() const {
    std::vector<Proven> found;
    for (const auto& [name, one] : proven_) {
      if (one.completed >= since_) found.push_back(one);
    }
    std::sort(found.begin(), found.end(), [](const Proven& a, const Proven& b) {
      return std::tie(a.completed, a.key) < std::tie(b.completed, b.key);
    });
    return found;
  }

 private:
  static constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  using Name = std::tuple<std::string, std::string, std::uint32_t>;  // key, message, serial
  void add(Name name, Proven proven) {
    if (proven.completed < since_ && !proven_.contains(name)) return;
    if (too_many()) return;
    const auto [at, is_new] = proven_.try_emplace(std::move(name), proven);
    if (is_new) return;
    Proven& known = at->second;
    const bool later = proven.completed > known.completed;
    if (known.unknown && !proven.unknown) {
      known.completed = proven.completed;
      known.unknown = false;
    } else if (known.unknown == proven.unknown && later) {
      known.completed = proven.completed;
    }
  }

  const std::string& upstream_;
  StoreTime since_;
  StoreTime begins_;
  std::map<Name, Proven> proven_;
};

// In clear, of those names that the ledger still knows.
Result<std::map<std::string, std::string, std::less<>>> keys_of(LedgerReader& ledger,
                                                                const std::vector<Proven>& all) {
  std::map<std::string, std::string, std::less<>> keys;
  for (const Proven& one : all) {
    if (!one.key.empty()) keys[one.key] = {};
  }
  auto done = ledger.secrets([&](std::string_view key, std::string_view secret) {
    const auto at = keys.find(key_name(secret, key));
    if (at != keys.end()) at->second = key;
    return true;
  });
  if (!done) return done.error();
  return keys;
}

void write(std::ostream& out, const Proven& one, std::string_view key) {
  out << R"({"t":"attempt","name":")" << one.key << '"';
  if (!key.empty()) out << ",\"key\":" << port::json_quoted(key);
  out << ",\"granted_at\":" << one.granted.us << ",\"completed_at\":" << one.completed.us;
  out << ",\"units\":" << one.units << ",\"unknown\":" << (one.unknown ? 1 : 0) << "}\n";
}

}  // namespace

Result<Verified> list_attempts(const std::string& data_dir, const AttemptsAsked& asked,
                               std::ostream& out) {
  auto ledger = LedgerReader::open(ledger_path(data_dir));
  if (!ledger) return ledger.error();
  const auto known = ledger->indexed();
  if (!known) return known.error();
  Arrivals arrivals(asked.upstream, asked.since);
  auto verified = verify_trail(trail_directory(data_dir), known->line,
                               [&](const Line& line) { arrivals.see(line); });
  if (!verified || verified->bad) return verified;
  if (arrivals.too_many()) return Error{Trouble::kUsage, "more attempts than can be listed"};
  const std::vector<Proven> found = arrivals.all();
  std::map<std::string, std::string, std::less<>> keys;
  if (asked.with_keys) {
    auto named = keys_of(*ledger, found);
    if (!named) return named.error();
    keys = std::move(*named);
  }
  const StoreTime begins = arrivals.begins().us == 0 ? asked.now : arrivals.begins();
  out << R"({"t":"attempts","version":1,"upstream":)" << port::json_quoted(asked.upstream)
      << ",\"since\":" << asked.since.us << ",\"begins\":" << begins.us
      << ",\"until\":" << asked.now.us << ",\"lines\":" << verified->lines << ",\"hash\":\""
      << verified->hash << "\"}\n";
  for (const Proven& one : found) {
    const auto key = keys.find(one.key);
    write(out, one, key == keys.end() ? std::string_view() : key->second);
  }
  out << R"({"t":"end","attempts":)" << found.size() << "}\n";
  out.flush();
  return verified;
}

}  // namespace sluice::auditor
