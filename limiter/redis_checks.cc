#include "limiter/redis_checks.h"

#include <algorithm>
#include <charconv>

#include "lib/base/settings.h"

namespace sluice::limiter {

namespace {

constexpr std::uint64_t kVersionMin = 7;
// A replica says each second what it has, and its primary counts the good ones each second. A
// cluster's nodes look at each other ten times a second.
constexpr Duration kNoticed = seconds(2);
// As many masters must agree that one has failed: fewer than three cannot tell which of them has.
constexpr std::uint64_t kMastersMin = 3;
constexpr std::uint64_t kOutcomesPart = 10;  // of maxmemory grants leave a tenth for outcomes

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t n = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return n;
}

// Lines "name:value", as INFO and CLUSTER INFO have them.
template <class Take>
void read_lines(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) take(line.substr(0, colon), line.substr(colon + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void read_line(std::string_view name, std::string_view value, RedisFacts& facts) {
  if (name == "master_replid") facts.life = value;
  if (name == "redis_version") facts.version = value;
  if (name == "role") facts.replica = value != "master";
  if (name == "maxmemory_policy") facts.eviction = value;
  if (name == "cluster_enabled") facts.clustered = value == "1";
  if (name == "connected_slaves") facts.replicas = whole(value).value_or(0);
  if (name == "used_memory") facts.bytes = whole(value).value_or(0);
  if (name == "maxmemory") facts.bytes_max = whole(value).value_or(0);
  if (name == "evicted_keys") facts.evicted = whole(value).value_or(0);
  if (name == "rdb_last_bgsave_status") facts.snapshot_failed = value != "ok";
  if (name == "aof_last_write_status") facts.log_failed = value != "ok";
}

// A master stops when it has missed the others for a node timeout, and it may take half of one more
// until it asks for their word.
Duration stops_within(Duration node_timeout) {
  return node_timeout + Duration{node_timeout.us / 2} + kNoticed;
}

std::string about_cluster(const RedisFacts& facts) {
  if (!facts.masters || !facts.node_timeout) {
    return "cluster-node-timeout and the number of masters cannot be read (allow +config|get and "
           "+cluster|info)";
  }
  return "the cluster has " + std::to_string(*facts.masters) +
         " masters with slots, and cluster-node-timeout is " + print_duration(*facts.node_timeout) +
         ": with 3 or more masters one that is cut off stops after one and a half of it and 2s, "
         "which must be";
}

std::string about_replicas(const RedisFacts& facts, std::uint64_t needed) {
  if (!facts.replicas_to_write || !facts.replicas_lag) {
    return "min-replicas-to-write cannot be read, so nobody knows whether an old primary stops "
           "(allow +config|get)";
  }
  return "min-replicas-to-write is " + std::to_string(*facts.replicas_to_write) +
         " and must be at least " + std::to_string(needed) + ", min-replicas-max-lag is " +
         print_duration(*facts.replicas_lag) + " and must be 2s or more";
}

Verdict judge_overlap(const RedisRules& rules, const RedisFacts& facts) {
  if (facts.clustered && facts.masters.value_or(0) >= kMastersMin && facts.node_timeout &&
      stops_within(*facts.node_timeout) <= rules.overlap) {
    return {};
  }
  const std::uint64_t needed = std::max({std::uint64_t{1}, facts.replicas, facts.replicas_most});
  if (facts.replicas_to_write && facts.replicas_lag && *facts.replicas_to_write >= needed &&
      facts.replicas_lag->us > 0 && *facts.replicas_lag + kNoticed <= rules.overlap) {
    return {};
  }
  const std::string within = " within store_overlap (" + print_duration(rules.overlap) + ")";
  std::string why = "an old primary may go on beside a new one: ";
  if (facts.clustered) why += about_cluster(facts) + within + "; or ";
  why += about_replicas(facts, needed) + within;
  return {Unfit::kOverlap, why +
                               "; or say store_topology = \"single\" (no copy ever takes over) or "
                               "\"vouched\" (a person has seen to it)"};
}

// What cannot be read is not assumed: a server that refuses writes says so itself (MISCONF).
Verdict judge_disk(const RedisFacts& facts) {
  if (facts.log_failed) {
    return {Unfit::kDisk,
            "aof_last_write_status is err: its append-only file cannot be written, so it refuses "
            "all writes"};
  }
  if (facts.snapshot_failed && facts.stops_without_snapshot.value_or(false)) {
    return {Unfit::kDisk,
            "rdb_last_bgsave_status is err: its snapshot cannot be written, so it refuses all "
            "writes (stop-writes-on-bgsave-error)"};
  }
  return {};
}

Verdict judge_room(const RedisRules& rules, const RedisFacts& facts) {
  const std::uint64_t most =
      rules.bytes_max != 0 ? rules.bytes_max : facts.bytes_max - facts.bytes_max / kOutcomesPart;
  if (most == 0 || facts.bytes < most) return {};
  std::string why = "it uses " + std::to_string(facts.bytes) + " bytes of memory, and ";
  why += rules.bytes_max != 0 ? "store_max is " : "grants may use 90 % of its maxmemory, ";
  return {Unfit::kFull, why + std::to_string(most)};
}

}  // namespace

std::optional<RedisFacts> read_info(std::string_view info) {
  RedisFacts facts;
  read_lines(info, [&](auto name, auto value) { read_line(name, value, facts); });
  if (facts.life.empty()) return std::nullopt;
  return facts;
}

void read_config_get(const port::RedisValue& answer, RedisFacts& facts) {
  bool stops = false, saves = false;
  for (std::size_t i = 0; i + 1 < answer.items.size(); i += 2) {
    const std::string& name = answer.items[i].text;
    const std::string& value = answer.items[i + 1].text;
    if (name == "maxmemory-policy") facts.eviction = value;
    if (name == "stop-writes-on-bgsave-error") stops = value == "yes";
    if (name == "save") saves = !value.empty();
    const auto n = whole(value);
    if (!n) continue;
    const auto many = static_cast<std::int64_t>(std::min<std::uint64_t>(*n, 1'000'000'000));
    if (name == "min-replicas-to-write") facts.replicas_to_write = *n;
    if (name == "min-replicas-max-lag") facts.replicas_lag = seconds(many);
    if (name == "cluster-node-timeout") facts.node_timeout = milliseconds(many);
  }
  if (!answer.items.empty()) facts.stops_without_snapshot = stops && saves;
}

void read_cluster_info(const port::RedisValue& answer, RedisFacts& facts) {
  if (answer.kind != port::RedisValue::Kind::kString) return;
  read_lines(answer.text, [&](auto name, auto value) {
    if (name == "cluster_size") facts.masters = whole(value);
  });
}

std::string too_old(const RedisFacts& facts) {
  const auto major = whole(std::string_view(facts.version).substr(0, facts.version.find('.')));
  if (!major || *major >= kVersionMin) return {};
  return "the store's server is Redis " + facts.version +
         ", and its scripts need Redis 7.0 or Valkey 7.2 at least";
}

Verdict judge(const RedisRules& rules, const RedisFacts& facts) {
  if (facts.replica) {
    return {Unfit::kReplica,
            "it is a replica: [limiter] redis must lead to the primary, and nowhere else"};
  }
  if (facts.eviction != "noeviction") {
    return {Unfit::kEvicts, "maxmemory-policy is " +
                                (facts.eviction.empty() ? "not said" : facts.eviction) +
                                " and must be noeviction: what is evicted would be sent again"};
  }
  if (auto verdict = judge_disk(facts); !verdict.why.empty()) return verdict;
  if (rules.topology == RedisRules::Topology::kReplicated) {
    if (auto verdict = judge_overlap(rules, facts); !verdict.why.empty()) return verdict;
  }
  return judge_room(rules, facts);
}

std::vector<std::string> warnings(const RedisRules& rules, const RedisFacts& facts) {
  std::vector<std::string> said;
  if (rules.bytes_max == 0 && facts.bytes_max == 0) {
    said.emplace_back(
        "nothing bounds the store's memory: maxmemory of its server is 0, and store_max is auto");
  }
  if (rules.topology == RedisRules::Topology::kSingle && facts.replicas > 0) {
    said.emplace_back(
        "store_topology is single, and the store's server has replicas: if one is ever promoted, "
        "the old primary may go on beside it");
  }
  return said;
}

}  // namespace sluice::limiter
