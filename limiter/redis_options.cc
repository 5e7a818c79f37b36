#include "limiter/redis_options.h"

#include <string>
#include <string_view>
#include <utility>

#include "lib/port/redis_url.h"
#include "lib/port/secrets.h"

namespace sluice::limiter {

namespace {

Error wrong(const SettingTable& table, std::string_view name, const std::string& why) {
  return {Trouble::kSettings, table.place_of(name).text() + ": " + std::string(name) + ": " + why};
}

Status check_urls(const SettingTable& table) {
  const auto& urls = table.list("redis");
  if (urls.empty()) {
    return wrong(table, "store", "redis needs the server's URL: redis = [\"redis://host:6379\"]");
  }
  if (urls.size() > 1 && !table.flag("redis_cluster")) {
    return wrong(table, "redis", "several are nodes of a cluster: redis_cluster = true");
  }
  for (const std::string& text : urls) {
    const auto url = port::parse_redis_url(text);
    if (!url) return wrong(table, "redis", url.error().what);
    if (!table.flag("redis_cluster")) continue;
    if (!url->socket.empty() || url->database != 0) {
      return wrong(table, "redis", "a node of a cluster has a host, and no other database than 0");
    }
  }
  return Done{};
}

Status check_rest(const SettingTable& table) {
  const std::string& password = table.text("redis_password");
  if (!password.empty() && !port::is_secret(password)) {
    return wrong(table, "redis_password",
                 "is secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD");
  }
  if (table.text("redis_cert_file").empty() != table.text("redis_key_file").empty()) {
    return wrong(table, "redis_key_file", "redis_cert_file and redis_key_file go together");
  }
  if (table.duration("redis_timeout") >= table.duration("store_again")) {
    return wrong(table, "redis_timeout",
                 "must be less than store_again, after which a call is made again");
  }
  if (table.flag("fresh") && table.place_of("fresh").line != 0) {
    return wrong(table, "fresh",
                 "is a flag, said once: in a file it would be said again after the store forgot");
  }
  return Done{};
}

RedisRules::Topology topology_of(const std::string& word) {
  if (word == "single") return RedisRules::Topology::kSingle;
  return word == "vouched" ? RedisRules::Topology::kVouched : RedisRules::Topology::kReplicated;
}

}  // namespace

Result<RedisOptions> read_redis_options(const Settings& settings) {
  const SettingTable& table = settings.stage;
  if (auto checked = check_urls(table); !checked) return checked.error();
  if (auto checked = check_rest(table); !checked) return checked.error();
  RedisOptions options;
  options.client.urls = table.list("redis");
  options.client.cluster = table.flag("redis_cluster");
  options.client.password = table.text("redis_password");
  options.client.tls.ca_file = table.text("redis_ca_file");
  options.client.tls.certificate_file = table.text("redis_cert_file");
  options.client.tls.key_file = table.text("redis_key_file");
  options.client.tls.server_name = table.text("redis_server_name");
  options.client.connect_timeout = table.duration("redis_connect_timeout");
  options.client.call_timeout = table.duration("redis_timeout");
  options.rules.topology = topology_of(table.text("store_topology"));
  options.rules.overlap = table.duration("store_overlap");
  options.rules.bytes_max = static_cast<std::uint64_t>(table.whole("store_max"));
  options.fresh = table.flag("fresh");
  return options;
}

}  // namespace sluice::limiter
