#include "limiter/config.h"

#include <algorithm>

namespace sluice::limiter {

namespace {

using enum SettingType;

constexpr SettingRow kRows[] = {
    {.name = "store",
     .type = kOneOf,
     .preset = "sqlite",
     .help = "Where grants are decided: sqlite in the data directory, for one limiter; redis for "
             "any number.",
     .words = "sqlite|redis"},
    {.name = "redis",
     .type = kList,
     .help = "The store's server: redis://[user@]host[:port], rediss:// for TLS, or unix:///path; "
             "of a cluster, nodes to ask first.",
     .max = 16},
    {.name = "redis_cluster",
     .type = kFlag,
     .preset = "false",
     .help = "The store is a Redis Cluster; each upstream is on one of its masters."},
    {.name = "redis_password",
     .help = "secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD, read again when it "
             "changes or is refused; none: no login.",
     .max = 4096},
    {.name = "redis_ca_file",
     .help = "Authorities that the server's certificate is checked against; none: the system's.",
     .max = 4096},
    {.name = "redis_cert_file",
     .help = "The limiter's own certificate, where the server asks for one.",
     .max = 4096},
    {.name = "redis_key_file", .help = "Its key.", .max = 4096},
    {.name = "redis_server_name",
     .help = "The name in the server's certificate, if it is not the URL's host.",
     .max = 255},
    {.name = "redis_connect_timeout",
     .type = kDuration,
     .preset = "3s",
     .help = "For a connection to the store, login included.",
     .min = us(milliseconds(50)),
     .max = us(minutes(1))},
    {.name = "redis_timeout",
     .type = kDuration,
     .preset = "2s",
     .help = "A call without an answer for so long breaks off its connection; less than "
             "store_again.",
     .min = us(milliseconds(50)),
     .max = us(seconds(30))},
    {.name = "store_topology",
     .type = kOneOf,
     .preset = "replicated",
     .help = "replicated: the server's settings must prove that an old primary stops within "
             "store_overlap; single: no copy ever takes over; vouched: a person has seen to it, "
             "where those settings cannot be read.",
     .words = "replicated|single|vouched"},
    {.name = "store_max",
     .type = kWhole,
     .preset = "auto",
     .help = "Bytes that a Redis server may use; then nothing is granted. auto: 90 % of its own "
             "maxmemory.",
     .min = 1024L * 1024,
     .max = 1L << 50U,
     .words = "auto"},
    {.name = "fresh",
     .type = kFlag,
     .preset = "false",
     .help = "A Redis that holds nothing of an upstream never did: it opens at once, not after a "
             "closure. Said by a person, as a flag; after a loss it breaks the limits."},
    {.name = "ingest_stores",
     .type = kList,
     .preset = "",
     .help = "After a store may have forgotten, nothing is granted before each of these has "
             "announced its rows and holds: names of ingests' stores; none: whichever comes first.",
     .max = 64},
    {.name = "clock_error_max",
     .type = kDuration,
     .preset = "250ms",
     .help = "How far the store's clock may be from what a caller knows of it; beyond, nothing is "
             "granted.",
     .min = us(milliseconds(1)),
     .max = us(seconds(10)),
     .scaled = true},
    {.name = "store_overlap",
     .type = kDuration,
     .preset = "20s",
     .help = "How long an old copy of the store could go on after a new one took over.",
     .min = 0,
     .max = us(minutes(10)),
     .scaled = true},
    {.name = "record_min",
     .type = kDuration,
     .preset = "24h",
     .help = "How long the store knows a message after it was settled and forgotten.",
     .min = us(minutes(1)),
     .max = us(hours(24 * 30))},
    {.name = "line_min",
     .type = kWhole,
     .preset = "32",
     .help = "Messages of a key that are kept in memory, at least; more when more go in line_span.",
     .min = 1,
     .max = 4096},
    {.name = "line_span",
     .type = kDuration,
     .preset = "5s",
     .help = "A line holds what goes in so long.",
     .min = us(milliseconds(100)),
     .max = us(minutes(1)),
     .scaled = true},
    {.name = "hold_horizon",
     .type = kDuration,
     .preset = "30s",
     .help = "A queue copy that waits longer is put into parking.",
     .min = us(milliseconds(100)),
     .max = us(minutes(10)),
     .scaled = true},
    {.name = "park_after",
     .type = kDuration,
     .preset = "5s",
     .help = "A retry that is due later than this waits as a row, not in memory.",
     .min = us(milliseconds(100)),
     .max = us(minutes(10)),
     .scaled = true},
    {.name = "ask_latest",
     .type = kDuration,
     .preset = "30s",
     .help = "A key that was refused is asked for again at the latest after this.",
     .min = us(milliseconds(100)),
     .max = us(minutes(10)),
     .scaled = true},
    {.name = "record_again",
     .type = kDuration,
     .preset = "5s",
     .help = "A line that the auditor has not acknowledged is sent again after this.",
     .min = us(milliseconds(100)),
     .max = us(minutes(10))},
    {.name = "store_again",
     .type = kDuration,
     .preset = "5s",
     .help = "A call of the store without an answer is made again after this.",
     .min = us(milliseconds(100)),
     .max = us(minutes(1))},
    {.name = "unrecorded_max",
     .type = kWhole,
     .preset = "10000",
     .help = "Lines that may wait for the auditor; then nothing is granted.",
     .min = 1,
     .max = 1'000'000},
    {.name = "messages_max",
     .type = kWhole,
     .preset = "200000",
     .help = "Messages in memory: in lines, under way, being recorded.",
     .min = 64,
     .max = 10'000'000},
    {.name = "bytes_max",
     .type = kWhole,
     .preset = "512MiB",
     .help = "Bytes of these messages.",
     .min = 1024L * 1024,
     .max = 64L * 1024 * 1024 * 1024},
    {.name = "offers_max",
     .type = kWhole,
     .preset = "1000",
     .help = "Queue copies that each ingest may have offered unasked.",
     .min = 1,
     .max = 1'000'000},
};

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }

Config read_config(const SettingTable& table) {
  Config config;
  config.shares_store = table.text("store") == "redis";
  config.ingest_stores = table.list("ingest_stores");
  config.line_min = static_cast<std::uint32_t>(table.whole("line_min"));
  config.line_span = table.duration("line_span");
  config.hold_horizon = table.duration("hold_horizon");
  config.park_after = table.duration("park_after");
  config.ask_latest = table.duration("ask_latest");
  config.record_again = table.duration("record_again");
  config.store_again = table.duration("store_again");
  config.unrecorded_max = static_cast<std::size_t>(table.whole("unrecorded_max"));
  config.messages_max = static_cast<std::size_t>(table.whole("messages_max"));
  config.bytes_max = static_cast<std::size_t>(table.whole("bytes_max"));
  config.offers_max = static_cast<std::uint32_t>(table.whole("offers_max"));
  return config;
}

std::vector<Upstream> edited(const std::vector<Upstream>& before, std::vector<Upstream> after) {
  for (const Upstream& old : before) {
    const auto at = std::find_if(after.begin(), after.end(),
                                 [&](const Upstream& one) { return one.name == old.name; });
    if (at == after.end()) after.push_back(old);
  }
  return after;
}

}  // namespace sluice::limiter
