#include "ingest/settings.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ingest/json.h"
#include "ingest/setting_keys.h"
#include "ingest/sqs_settings.h"
#include "lib/aws/settings.h"
#include "lib/port/address.h"
#include "lib/port/listen_socket.h"
#include "lib/port/secrets.h"
#include "lib/port/url.h"
#include "lib/stage/upstreams.h"

namespace sluice::ingest {

namespace {

using Type = SettingType;

constexpr std::array kRows = {
    SettingRow{.name = "listen",
               .preset = "127.0.0.1:8080",
               .help = "Address and port of the front door; one that is not loopback needs an API "
                       "key (sluice-ingest keys add, or [[api_key]]), or listen_anywhere.",
               .min = 1,
               .max = 128},
    SettingRow{.name = "listen_anywhere",
               .type = Type::kFlag,
               .preset = "false",
               .help = "Take a `listen` that is not loopback without any API key: whoever reaches "
                       "it may send."},
    SettingRow{.name = "max_wait",
               .type = Type::kDuration,
               .preset = "0s",
               .help = "A message that would wait longer, after its own not_before, is refused "
                       "with 429 (0: two windows of the upstream's longest limit).",
               .max = us(hours(24 * 14)),
               .scaled = true},
    SettingRow{.name = "quote_wait",
               .type = Type::kDuration,
               .preset = "100ms",
               .help = "How long an answer waits for the limiter's forecast.",
               .min = us(milliseconds(1)),
               .max = us(seconds(10))},
    SettingRow{.name = "parking",
               .type = Type::kOneOf,
               .preset = "sqlite",
               .help = "Where messages wait: a file in the data directory, or a table of DynamoDB.",
               .words = "sqlite|dynamodb"},
    SettingRow{.name = "parking_table",
               .preset = "huntaze-sluice-parking",
               .help = "That table; several ingests may share one.",
               .min = 3,
               .max = 255},
    SettingRow{.name = "parking_wait",
               .type = Type::kDuration,
               .preset = "5s",
               .help = "A parking call without an answer is taken for lost after this.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1))},
    SettingRow{.name = "cost_wait",
               .type = Type::kDuration,
               .preset = "5s",
               .help = "A cost that the auditor has not booked after this is answered 503.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1))},
    SettingRow{.name = "announce_every",
               .type = Type::kDuration,
               .preset = "60s",
               .help = "All keys with rows are announced so often.",
               .min = us(seconds(1)),
               .max = us(minutes(10))},
    SettingRow{.name = "sweep_every",
               .type = Type::kDuration,
               .preset = "10min",
               .help = "Expired and cancelled rows are looked for so often.",
               .min = us(seconds(1)),
               .max = us(hours(24))},
    SettingRow{.name = "remember",
               .type = Type::kDuration,
               .preset = "14d",
               .help = "An id is known so long after its message has ended.",
               .min = us(minutes(1)),
               .max = us(hours(24 * 366))},
    SettingRow{.name = "priority_age",
               .type = Type::kDuration,
               .preset = "10min",
               .help = "One step of priority is worth so much age.",
               .min = us(milliseconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "hold_visibility",
               .type = Type::kDuration,
               .preset = "120s",
               .help = "How long a queue's copy that is here is hidden from others; said again at "
                       "half of it. After a crash it is back so late.",
               .min = us(seconds(1)),
               .max = us(hours(12))},
    SettingRow{.name = "key_max",
               .type = Type::kWhole,
               .preset = "1000",
               .help = "Queue copies of one key that may wait here for parking.",
               .min = 1,
               .max = 1'000'000},
    SettingRow{.name = "open_max",
               .type = Type::kWhole,
               .preset = "10000",
               .help = "Requests and queue copies that are worked on at a time.",
               .min = 1,
               .max = 1'000'000},
    SettingRow{
        .name = "body_max",
        .type = Type::kWhole,
        .preset = "4MiB",
        .help = "The largest HTTP request, NDJSON included; one message has at most 256 KiB.",
        .min = 1024,
        .max = 256 * 1024 * 1024},
    SettingRow{.name = "lines_max",
               .type = Type::kWhole,
               .preset = "20000",
               .help = "Lines of one NDJSON request.",
               .min = 1,
               .max = 1'000'000},
    SettingRow{.name = "door_queue",
               .preset = "",
               .help = "The name of a [[queue]]: what is posted goes into it, and comes from there "
                       "as all of it does; without: straight into parking.",
               .max = 80},
    SettingRow{.name = "door_max",
               .type = Type::kWhole,
               .preset = "1000",
               .help = "Messages that are posted and on their way into door_queue at a time; more "
                       "are answered 503.",
               .min = 1,
               .max = 100'000},
    SettingRow{.name = "connections_max",
               .type = Type::kWhole,
               .preset = "512",
               .help = "HTTP connections at a time.",
               .min = 1,
               .max = 10'000},
    SettingRow{.name = "reply_hosts",
               .type = Type::kList,
               .help = "Where a reply_to may point to: [\"https://hooks.example.com\"], scheme and "
                       "host, and the port where the URLs have one; none: nowhere.",
               .max = 64},
    SettingRow{
        .name = "reply_secrets",
        .type = Type::kList,
        .help =
            "Secrets that replies are signed with (secret://env/, /file/ or /aws/); each signs.",
        .max = 8},
    SettingRow{.name = "reply_timeout",
               .type = Type::kDuration,
               .preset = "10s",
               .help = "Of one try of a reply.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1))},
    SettingRow{.name = "reply_backoff",
               .type = Type::kDuration,
               .preset = "5s",
               .help = "A reply that failed is tried again after this, then after twice as long, "
                       "up to an hour.",
               .min = us(milliseconds(10)),
               .max = us(hours(1))},
    SettingRow{.name = "reply_tries",
               .type = Type::kWhole,
               .preset = "20",
               .help = "A reply is given up after so many tries.",
               .min = 1,
               .max = 1'000},
    SettingRow{.name = "reply_keep",
               .type = Type::kDuration,
               .preset = "3d",
               .help = "A reply is given up so long after its message has ended.",
               .min = us(seconds(1)),
               .max = us(hours(24 * 31))},
    SettingRow{.name = "reply_in_flight",
               .type = Type::kWhole,
               .preset = "8",
               .help = "Replies that are under way to one host at a time.",
               .min = 1,
               .max = 256},
};

constexpr SettingRow pointer(std::string_view name, std::string_view preset,
                             std::string_view help) {
  return {.name = name, .preset = preset, .help = help, .max = 1024};
}

constexpr std::array kSourceRows = {
    pointer("id", "/messageId", "Where a document has its id; without one, one is made."),
    pointer("key", "/userId", "Where it says whose budget it spends."),
    pointer("upstream", "", "Where it names its upstream; without: the first one."),
    pointer("path", "", "Where it has the request's path; without: the upstream's."),
    pointer("method", "", "Where it has the method; without: the upstream's."),
    pointer("headers", "", "Where it has headers, as an object of strings."),
    pointer("body", "", "Where it has the body; without: the whole document as it stands."),
    pointer("not_before", "", "Where it says before when it may not go."),
    pointer("expires_at", "", "Where it says after when it may not go."),
    pointer("priority", "", "Where it has its priority; lower goes earlier, 0 is usual."),
    pointer("weight", "", "Where it has its share in fair turns; 1 is usual."),
    pointer("cost", "", "Where it says how many units of each limit it costs; 1 is usual."),
    pointer("reply_to", "", "Where it has the URL that is told its end; see reply_hosts."),
};

std::uint32_t small(const SettingTable& table, std::string_view name) {
  return static_cast<std::uint32_t>(table.whole(name));
}

Error wrong(const SettingTable& table, std::string_view name, std::string_view why) {
  return {Trouble::kSettings,
          table.place_of(name).text() + ": " + std::string(name) + ": " + std::string(why)};
}

// Whoever reads such a URL, the address that it names is the same.
Status check_reply_host(const SettingTable& table, const std::string& host) {
  const auto url = port::parse_base_url(host);
  if (!url || !url->prefix.empty() || reply_host(host) != host || host.ends_with('/')) {
    return wrong(table, "reply_hosts",
                 "\"" + host +
                     "\" is not scheme and host in lower case: write https://hooks.example.com or "
                     "https://hooks.example.com:8443");
  }
  if (port::is_link_local_host(url->host)) {
    return wrong(table, "reply_hosts",
                 "\"" + host + "\" is link-local, or a cloud's metadata service");
  }
  return Done{};
}

Result<ReplyConfig> read_replies(const SettingTable& table) {
  ReplyConfig replies;
  replies.hosts = table.list("reply_hosts");
  for (const std::string& host : replies.hosts) {
    if (auto right = check_reply_host(table, host); !right) return right.error();
  }
  replies.secrets = table.list("reply_secrets");
  if (!std::all_of(replies.secrets.begin(), replies.secrets.end(), port::is_secret)) {
    return wrong(table, "reply_secrets",
                 "each is secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD");
  }
  replies.timeout = table.duration("reply_timeout");
  replies.backoff = table.duration("reply_backoff");
  replies.keep = table.duration("reply_keep");
  replies.tries_max = small(table, "reply_tries");
  replies.in_flight = small(table, "reply_in_flight");
  return replies;
}

}  // namespace

stage::StageInfo stage_info() {
  stage::StageInfo info;
  info.name = "ingest";
  info.what = "Takes messages, keeps those that wait, forgets them when they are settled.";
  info.verbs = {"import FILE|- [--resume]", "dead list|show|replay|purge [ID...|--all]",
                "keys add|list|revoke [NAME]"};
  info.role = wire::Role::kIngest;
  info.health_listen = "127.0.0.1:8081";
  info.dials = {wire::Role::kLimiter, wire::Role::kAuditor};
  info.rows = kRows;
  info.tables = {{"source", kSourceRows},
                 {"queue", queue_rows()},
                 {"aws", aws::setting_rows()},
                 {"api_key", api_key_rows()}};
  info.upstreams = true;
  return info;
}

std::span<const SettingRow> source_rows() { return kSourceRows; }

Status read_pointers_of(const SettingTable& table, Pointers& pointers) {
  const std::pair<std::string_view, std::string*> all[] = {{"id", &pointers.id},
                                                           {"key", &pointers.key},
                                                           {"upstream", &pointers.upstream},
                                                           {"path", &pointers.path},
                                                           {"method", &pointers.method},
                                                           {"headers", &pointers.headers},
                                                           {"body", &pointers.body},
                                                           {"not_before", &pointers.not_before},
                                                           {"expires_at", &pointers.expires_at},
                                                           {"priority", &pointers.priority},
                                                           {"weight", &pointers.weight},
                                                           {"cost", &pointers.cost},
                                                           {"reply_to", &pointers.reply_to}};
  for (const auto& [name, to] : all) {
    if (!table.given(name)) continue;
    *to = table.text(name);
    if (const auto trouble = pointer_trouble(*to)) {
      return Error{Trouble::kSettings, table.place_of(name).text() + ": " + std::string(name) +
                                           " = \"" + *to + "\": " + *trouble};
    }
  }
  if (pointers.key.empty()) {
    return Error{Trouble::kSettings, table.place_of("key").text() +
                                         ": key must point to a field: it says whose budget a "
                                         "message spends"};
  }
  return Done{};
}

Result<Pointers> read_pointers(const Settings& settings) {
  auto tables = settings.tables("source", kSourceRows);
  if (!tables) return tables.error();
  if (tables->size() > 1) return Error{Trouble::kSettings, "[source] is there twice"};
  Pointers pointers;  // the presets of kSourceRows
  if (tables->empty()) return pointers;
  if (auto read = read_pointers_of(tables->front(), pointers); !read) return read.error();
  return pointers;
}

Result<Config> read_config(const Settings& settings) {
  auto upstreams = stage::read_upstreams(settings);
  if (!upstreams) return upstreams.error();
  const SettingTable& mine = settings.stage;
  Config config;
  config.store = "ingest-" + mine.text("instance");
  config.upstreams = std::move(*upstreams);
  config.max_wait = mine.duration("max_wait");
  config.quote_wait = mine.duration("quote_wait");
  config.parking_wait = mine.duration("parking_wait");
  config.cost_wait = mine.duration("cost_wait");
  config.announce_every = mine.duration("announce_every");
  config.sweep_every = mine.duration("sweep_every");
  config.remember = mine.duration("remember");
  config.priority_age = mine.duration("priority_age");
  config.hold_visibility = mine.duration("hold_visibility");
  config.key_max = small(mine, "key_max");
  config.open_max = small(mine, "open_max");
  auto replies = read_replies(mine);
  if (!replies) return replies.error();
  config.replies = std::move(*replies);
  auto queues = queue_names(settings);
  if (!queues) return queues.error();
  config.queues = std::move(*queues);
  config.door_max = small(mine, "door_max");
  config.door_queue = mine.text("door_queue");
  const auto& names = config.queues;
  const bool there = std::find(names.begin(), names.end(), config.door_queue) != names.end();
  if (!config.door_queue.empty() && !there) {
    return wrong(mine, "door_queue", "no [[queue]] has the name \"" + config.door_queue + "\"");
  }
  return config;
}

port::HttpServerConfig read_door(const Settings& settings) {
  const SettingTable& mine = settings.stage;
  port::HttpServerConfig door;
  door.listen = mine.text("listen");
  door.body_max = static_cast<std::size_t>(mine.whole("body_max"));
  door.connections_max = small(mine, "connections_max");
  door.requests_max = small(mine, "open_max");
  return door;
}

bool parks_in_table(const Settings& settings) {
  return settings.stage.text("parking") == "dynamodb";
}

// What is kept next to rows in SQLite alone.
static Status check_parking(const Settings& settings) {
  const SettingTable& mine = settings.stage;
  if (!parks_in_table(settings) || mine.list("reply_hosts").empty()) return Done{};
  return wrong(mine, "reply_hosts",
               "replies are not kept with parking = \"dynamodb\": leave it out, or take parking = "
               "\"sqlite\"");
}

static Status check_door(const Settings& settings, const std::vector<SqsSettings>& queues) {
  const std::string& door = settings.stage.text("door_queue");
  const bool has_no_key = std::any_of(queues.begin(), queues.end(), [&](const SqsSettings& one) {
    return one.reading.source == door && one.reading.group_is_key;
  });
  if (!has_no_key) return Done{};
  return wrong(settings.stage, "door_queue",
               "\"" + door + "\" has key_from_group, and what is posted has no group");
}

Status check_settings(const Settings& settings) {
  if (auto parking = check_parking(settings); !parking) return parking.error();
  auto pointers = read_pointers(settings);
  if (!pointers) return pointers.error();
  auto config = read_config(settings);
  if (!config) return config.error();
  auto queues = read_queues(settings, *config, *pointers);
  if (!queues) return queues.error();
  if (auto door = check_door(settings, *queues); !door) return door.error();
  if (auto keys = SettingKeys::read(settings); !keys) return keys.error();
  const std::string& listen = settings.stage.text("listen");
  if (auto right = port::check_listen(listen); !right) {
    return Error{right.error().code,
                 settings.stage.place_of("listen").text() + ": listen: " + right.error().what};
  }
  return Done{};
}

bool is_local(const Settings& settings) {
  return stage::is_loopback_url("http://" + settings.stage.text("listen"));
}

bool may_be_open(const Settings& settings) {
  return is_local(settings) || settings.stage.flag("listen_anywhere");
}

Error not_open(const Settings& settings) {
  return {Trouble::kSettings, settings.stage.place_of("listen").text() + ": listen = \"" +
                                  settings.stage.text("listen") +
                                  "\" is not loopback, and there is no API key yet: make one "
                                  "(sluice-ingest keys add, or [[api_key]]), "
                                  "or set listen_anywhere = true if whoever reaches it may send"};
}

}  // namespace sluice::ingest
