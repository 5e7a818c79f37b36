#include "limiter/trail_out.h"

namespace sluice::limiter {

void TrailOut::add(const wire::Record& line, bool from_store, const std::string& message) {
  const auto [at, fresh] = lines_.try_emplace(line.record_id);
  if (!fresh) return;
  at->second = Line{line, message, from_store, Instant{}, ++last_number_};
  by_said_.emplace(std::pair(Instant{}, at->second.number), &at->second);
  if (!message.empty()) ++by_message_[message];
}

std::vector<wire::Record> TrailOut::take_due(Instant now, Duration patience, std::size_t max) {
  std::vector<wire::Record> due;
  while (!by_said_.empty() && due.size() < max) {
    const auto [said_at, number] = by_said_.begin()->first;
    if (said_at.us != 0 && said_at + patience > now) break;
    auto place = by_said_.extract(by_said_.begin());
    Line& line = *place.mapped();
    line.said_at = Instant{now.us == 0 ? 1 : now.us};
    place.key() = {line.said_at, number};
    by_said_.insert(std::move(place));
    due.push_back(line.record);
  }
  return due;
}

void TrailOut::unsay() {
  by_said_.clear();
  for (auto& [id, line] : lines_) {
    line.said_at = Instant{};
    by_said_.emplace(std::pair(Instant{}, line.number), &line);
  }
}

std::optional<TrailOut::Gone> TrailOut::recorded(const std::string& record_id) {
  const auto at = lines_.find(record_id);
  if (at == lines_.end()) return std::nullopt;
  by_said_.erase({at->second.said_at, at->second.number});
  Gone gone{std::move(at->second.record), std::move(at->second.message), at->second.from_store,
            false};
  lines_.erase(at);
  if (const auto count = by_message_.find(gone.message); count != by_message_.end()) {
    if (--count->second == 0) {
      by_message_.erase(count);
      gone.last_of_message = true;
    }
  }
  return gone;
}

Instant TrailOut::next(Duration patience) const {
  if (by_said_.empty()) return Instant::never();
  const Instant said_at = by_said_.begin()->first.first;
  return said_at.us == 0 ? Instant{} : said_at + patience;
}

}  // namespace sluice::limiter
