#include "ingest/sqs_settings.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

namespace sluice::ingest {

namespace {

using Type = SettingType;

constexpr std::array kOwnRows = {
    SettingRow{.name = "name",
               .help = "The queue's name or URL; a name is asked for in the account of the "
                       "credentials.",
               .min = 1,
               .max = 2048,
               .required = true},
    SettingRow{.name = "default_upstream",
               .preset = "",
               .help = "Of documents that name none; without: the first [[upstream]].",
               .max = 64},
    SettingRow{.name = "dead_letter_queue",
               .preset = "",
               .help = "The name or URL of the queue that dead messages go to; without: what the "
                       "queue's RedrivePolicy names.",
               .max = 2048},
    SettingRow{.name = "receives",
               .type = Type::kWhole,
               .preset = "2",
               .help = "Long polls at a time, of ten messages each.",
               .min = 1,
               .max = 32},
    SettingRow{.name = "poll_wait",
               .type = Type::kDuration,
               .preset = "20s",
               .help = "How long a poll of an empty queue lasts; a stop waits for it.",
               .max = us(seconds(20))},
    SettingRow{.name = "on_dead",
               .type = Type::kOneOf,
               .preset = "continue",
               .help = "Of a FIFO queue: what becomes of a key when a message of it is dead. With "
                       "`stop` nothing behind it goes until a person resumes the key.",
               .words = "continue|stop"},
    SettingRow{.name = "key_from_group",
               .type = Type::kFlag,
               .preset = "false",
               .help = "Of a FIFO queue: a message's key is its MessageGroupId, and not in its "
                       "document."},
};

Error wrong(const SettingTable& table, const char* name, const std::string& why) {
  return {Trouble::kSettings,
          table.place_of(name).text() + ": " + name + " = \"" + table.text(name) + "\": " + why};
}

Error not_fifo(const SettingTable& table, const char* name) {
  return {Trouble::kSettings, table.place_of(name).text() + ": " + name +
                                  " is for FIFO queues, and \"" + table.text("name") +
                                  "\" does not end with .fifo"};
}

// The named one first.
Result<std::vector<Upstream>> upstreams_of(const SettingTable& table,
                                           std::vector<Upstream> upstreams) {
  const std::string& name = table.text("default_upstream");
  if (name.empty()) return upstreams;
  const auto found = std::find_if(upstreams.begin(), upstreams.end(),
                                  [&](const Upstream& one) { return one.name == name; });
  if (found == upstreams.end()) return wrong(table, "default_upstream", "no [[upstream]] has it");
  std::rotate(upstreams.begin(), found, found + 1);
  return upstreams;
}

Result<SqsSettings> read_queue(const SettingTable& table, const Config& config,
                               const Pointers& source) {
  SqsSettings queue;
  queue.names = {table.text("name"), table.text("dead_letter_queue")};
  queue.reading.source = sqs_queue_name(queue.names.queue);
  if (const auto& name = queue.reading.source; name.empty() || name.size() > wire::kSourceMax) {
    return wrong(table, "name", "a queue's name has 1 to 80 characters");
  }
  queue.reading.pointers = source;
  if (auto read = read_pointers_of(table, queue.reading.pointers); !read) return read.error();
  auto upstreams = upstreams_of(table, config.upstreams);
  if (!upstreams) return upstreams.error();
  queue.reading.upstreams = std::move(*upstreams);
  queue.reading.reply_hosts = config.replies.hosts;
  queue.receives = static_cast<std::uint32_t>(table.whole("receives"));
  queue.wait = table.duration("poll_wait");
  queue.visibility = config.hold_visibility;
  queue.reading.in_order = queue.reading.source.ends_with(".fifo");
  queue.reading.stops_dead = table.text("on_dead") == "stop";
  queue.reading.group_is_key = table.flag("key_from_group");
  for (const char* name : {"on_dead", "key_from_group"}) {
    if (table.given(name) && !queue.reading.in_order) return not_fifo(table, name);
  }
  return queue;
}

}  // namespace

// Its own, and those of [source].
std::span<const SettingRow> queue_rows() {
  static const std::vector<SettingRow> rows = [] {
    std::vector<SettingRow> all(kOwnRows.begin(), kOwnRows.end());
    for (SettingRow pointer : source_rows()) {
      pointer.preset = "";
      pointer.help = "As in [source], for this queue.";
      all.push_back(pointer);
    }
    return all;
  }();
  return rows;
}

Result<std::vector<std::string>> queue_names(const Settings& settings) {
  auto tables = settings.tables("queue", queue_rows());
  if (!tables) return tables.error();
  std::vector<std::string> names;
  for (const SettingTable& table : *tables) names.push_back(sqs_queue_name(table.text("name")));
  return names;
}

Result<std::vector<SqsSettings>> read_queues(const Settings& settings, const Config& config,
                                             const Pointers& source) {
  auto tables = settings.tables("queue", queue_rows());
  if (!tables) return tables.error();
  std::vector<SqsSettings> queues;
  std::set<std::string> names{config.source};
  for (const SettingTable& table : *tables) {
    auto queue = read_queue(table, config, source);
    if (!queue) return queue.error();
    // A message's identity has its source's name in it.
    if (!names.insert(queue->reading.source).second) {
      return wrong(table, "name", "another source has this name");
    }
    queues.push_back(std::move(*queue));
  }
  return queues;
}

}  // namespace sluice::ingest
