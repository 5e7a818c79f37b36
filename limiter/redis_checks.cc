#include "limiter/redis_checks.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "lib/base/settings.h"

namespace sluice::limiter {

namespace {

constexpr std::array<std::string_view, 4> kWords = {"", "evicts", "overlap", "full"};
// A replica says each second what it has, and its primary counts the good ones each second.
constexpr Duration kNoticed = seconds(2);

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t n = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return n;
}

// A line of INFO, "name:value".
void read_line(std::string_view name, std::string_view value, RedisFacts& facts) {
  if (name == "master_replid") facts.life = value;
  if (name == "maxmemory_policy") facts.eviction = value;
  if (name == "cluster_enabled") facts.clustered = value == "1";
  if (name == "connected_slaves") facts.replicas = whole(value).value_or(0);
  if (name == "used_memory") facts.bytes = whole(value).value_or(0);
}

Verdict judge_overlap(const RedisRules& rules, const RedisFacts& facts,
                      std::uint64_t replicas_most) {
  const std::string within = " within store_overlap (" + print_duration(rules.overlap) + ")";
  const std::string or_say =
      ", or say store_topology = \"single\" (no copy ever takes over) or \"vouched\" (a person has "
      "seen to it)";
  const bool stops_alone = facts.node_timeout && *facts.node_timeout < rules.overlap;
  if (facts.clustered && stops_alone) return {};
  const std::uint64_t needed = std::max<std::uint64_t>(1, replicas_most);
  if (facts.replicas_to_write && facts.replicas_lag && *facts.replicas_to_write >= needed &&
      facts.replicas_lag->us > 0 && *facts.replicas_lag + kNoticed <= rules.overlap) {
    return {};
  }
  if (facts.clustered) {
    return {Unfit::kOverlap,
            (facts.node_timeout ? "an old primary may go on too long: cluster-node-timeout is " +
                                      print_duration(*facts.node_timeout)
                                : std::string("cluster-node-timeout cannot be read")) +
                ": it must be" + within + or_say};
  }
  if (!facts.replicas_to_write || !facts.replicas_lag) {
    return {Unfit::kOverlap,
            "min-replicas-to-write cannot be read, so nobody knows whether an old primary stops" +
                within + ": allow +config|get" + or_say};
  }
  return {Unfit::kOverlap, "an old primary may go on beside a new one: min-replicas-to-write is " +
                               std::to_string(*facts.replicas_to_write) + " and must be at least " +
                               std::to_string(needed) + ", min-replicas-max-lag is " +
                               print_duration(*facts.replicas_lag) + " and must be 2s or more" +
                               within + or_say};
}

}  // namespace

std::string_view word_of(Unfit unfit) { return kWords[static_cast<std::size_t>(unfit)]; }

std::optional<RedisFacts> read_info(std::string_view info) {
  RedisFacts facts;
  while (!info.empty()) {
    const std::size_t end = std::min(info.find_first_of("\r\n"), info.size());
    const std::string_view line = info.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      read_line(line.substr(0, colon), line.substr(colon + 1), facts);
    }
    info.remove_prefix(std::min(end + 1, info.size()));
  }
  if (facts.life.empty()) return std::nullopt;
  return facts;
}

void read_config_get(const port::RedisValue& answer, RedisFacts& facts) {
  for (std::size_t i = 0; i + 1 < answer.items.size(); i += 2) {
    const std::string& name = answer.items[i].text;
    const std::string& value = answer.items[i + 1].text;
    if (name == "maxmemory-policy") facts.eviction = value;
    const auto n = whole(value);
    if (!n) continue;
    const auto many = static_cast<std::int64_t>(std::min<std::uint64_t>(*n, 1'000'000'000));
    if (name == "min-replicas-to-write") facts.replicas_to_write = *n;
    if (name == "min-replicas-max-lag") facts.replicas_lag = seconds(many);
    if (name == "cluster-node-timeout") facts.node_timeout = milliseconds(many);
  }
}

Verdict judge(const RedisRules& rules, const RedisFacts& facts, std::uint64_t replicas_most) {
  if (facts.eviction != "noeviction") {
    return {Unfit::kEvicts, "maxmemory-policy is " +
                                (facts.eviction.empty() ? "not said" : facts.eviction) +
                                " and must be noeviction: what is evicted would be sent again"};
  }
  if (rules.topology == RedisRules::Topology::kReplicated) {
    if (auto verdict = judge_overlap(rules, facts, replicas_most); !verdict.why.empty()) {
      return verdict;
    }
  }
  if (rules.bytes_max != 0 && facts.bytes >= rules.bytes_max) {
    return {Unfit::kFull, "it uses " + std::to_string(facts.bytes) +
                              " bytes of memory, and store_max is " +
                              std::to_string(rules.bytes_max)};
  }
  return {};
}

}  // namespace sluice::limiter
