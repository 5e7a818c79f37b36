// Ingest's core: an upstream's limits, asked for and edited. The store has them; one limiter, of
// whichever keys, is asked, and nothing is kept here.
#include <utility>

#include "ingest/core.h"

namespace sluice::ingest {

namespace {

constexpr Duration kRetry = seconds(1);
constexpr Duration kHearWait = seconds(5);
constexpr const char* kUnsure = ": it is not known whether this holds; say it again";

}  // namespace

void IngestCore::ask_limits(const AskLimits& ask, const Turn& turn) {
  if (room() == 0) {
    const char* why = draining_ ? "stopping" : "too many requests at once";
    return respond(ask.request_id, Unavailable{why, kRetry}, turn);
  }
  const Limiter* to = owner(ask.upstream);
  if (to == nullptr) {
    return respond(ask.request_id, Unavailable{"no limiter is connected", kRetry}, turn);
  }
  wire::Control word;
  word.control_id = ++last_id_;
  word.verb = ask.rows.empty() ? wire::Verb::kLookLimits : wire::Verb::kEditLimits;
  word.upstream = ask.upstream;
  word.by = ask.by;
  word.limits_version = ask.version;
  word.limit_rows = ask.rows;
  limits_asked_[word.control_id] = {{ask.request_id, to->up.peer}, ask.upstream, !ask.rows.empty()};
  at(turn.now + kHearWait, Due::kControl, word.control_id);
  turn.out.push(wire::Send{to->up.peer, std::move(word)});
}

void IngestCore::limits_answered(const wire::Controlled& answer, const Turn& turn) {
  if (!answer.done && !answer.stale && answer.field.empty()) {
    return limits_unheard(answer.control_id, answer.error, turn);
  }
  const auto asked = limits_asked_.extract(answer.control_id);
  const std::uint64_t request_id = asked.mapped().told.request_id;
  if (answer.done) {
    return respond(request_id,
                   LimitsFound{asked.mapped().upstream, answer.limits_version, answer.limit_rows,
                               answer.by, answer.at},
                   turn);
  }
  if (answer.stale) return respond(request_id, LimitsStale{answer.limits_version}, turn);
  respond(request_id, LimitsWrong{answer.field, answer.error}, turn);
}

void IngestCore::limits_unheard(std::uint64_t control_id, std::string why, const Turn& turn) {
  const auto asked = limits_asked_.extract(control_id);
  if (asked.mapped().edits) why += kUnsure;
  respond(asked.mapped().told.request_id, Unavailable{std::move(why), kRetry}, turn);
}

}  // namespace sluice::ingest
