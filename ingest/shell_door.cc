// The shell of ingest: the front door of a queue reads what is posted as the queue's own messages
// are read, so that it is the same message when it comes from there.
#include <algorithm>
#include <utility>

#include "ingest/shell.h"
#include "ingest/sqs_settings.h"

namespace sluice::ingest {

void Shell::open_door() {
  door_pointers_ = pointers_;
  door_upstreams_ = config_.upstreams;
  for (const SqsSettings& queue : queue_settings_) {
    if (queue.reading.source != config_.door_queue) continue;
    door_pointers_ = queue.reading.pointers;
    door_upstreams_ = queue.reading.upstreams;
  }
}

Status Shell::reload_queues(const Settings& settings, const Config& config) {
  auto all = read_queues(settings, config, pointers_);
  if (!all) return all.error();
  door_upstreams_ = config.upstreams;
  for (SqsSettings& edited : *all) {
    std::vector<Upstream>& upstreams = edited.reading.upstreams;
    const std::string& name = edited.reading.source;
    if (name == config_.door_queue) door_upstreams_ = upstreams;
    const auto to = std::find_if(queues_.begin(), queues_.end(),
                                 [&](const auto& queue) { return queue->name() == name; });
    if (to != queues_.end()) (*to)->read_for(std::move(upstreams));
  }
  return Done{};
}

}  // namespace sluice::ingest
