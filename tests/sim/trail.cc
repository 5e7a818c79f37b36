#include "tests/sim/trail.h"

#include "auditor/trail_facts.h"
#include "auditor/trail_line.h"

namespace sluice::sim {

TrailFake::TrailFake(World& world, Witnesses& witnesses) : world_(world), witnesses_(witnesses) {
  tail_.hash = auditor::no_hash();
}

auditor::TrailAnswer TrailFake::apply(const auditor::TrailCall& call) {
  return std::visit([this](const auto& one) { return act(one); }, call);
}

void TrailFake::owner_died() {
  if (!world_.healed && world_.prng.chance(300'000))
    torn_bytes_ = static_cast<std::uint64_t>(world_.prng.between(1, 200));
}

auditor::TrailAnswer TrailFake::act(const auditor::TrailOpen&) {
  const std::uint64_t cut = torn_bytes_;
  torn_bytes_ = 0;
  return auditor::TrailOpened{tail_, cut};
}

auditor::TrailAnswer TrailFake::act(const auditor::TrailRead& read) {
  auditor::TrailLines found;
  std::size_t at = read.from_line == 0 ? 0 : read.from_line - 1;
  for (; at < lines_.size() && found.lines.size() < read.lines_max; ++at)
    found.lines.push_back(lines_[at]);
  found.more = at < lines_.size();
  return found;
}

auditor::TrailAnswer TrailFake::act(const auditor::TrailAppend& append) {
  if (append.after != tail_.line || append.after_hash != tail_.hash || torn_bytes_ > 0)
    return auditor::TrailFailed{"the trail ends elsewhere"};
  for (const auditor::TrailLine& line : append.lines) {
    const auto read = auditor::read_line(line.text);
    if (!read.ok() || read->n != tail_.line + 1 || !auditor::is_chained(line.text, tail_.hash)) {
      world_.breaks("P5", "the auditor wrote a line that does not follow");
      return auditor::TrailFailed{"damaged"};
    }
    if (line.starts_segment) tail_.segment_bytes = 0;
    tail_.segment += line.starts_segment ? 1 : 0;
    tail_.segment_bytes += line.text.size() + 1;
    tail_.line = read->n;
    tail_.hash = read->hash;
    lines_.push_back(line.text);
    world_.note("trail", read->type, tail_.line);
    if (const auto name = auditor::record_name_of(*read)) witnesses_.tell(&Witness::written, *name);
    if (const auto alert = auditor::alert_of(*read))
      witnesses_.tell(&Witness::alert_raised, alert->alert_id);
  }
  return auditor::TrailAppended{};
}

}  // namespace sluice::sim
