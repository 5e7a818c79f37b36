#include "tests/sim/kinds_harmless.h"

#include <algorithm>
#include <iterator>

namespace sluice::sim {
namespace {

struct Harmless {
  const char* saboteur;
  const char* why;
};

constexpr const char* kAgain = "said again it has the same effect";
constexpr const char* kAsks = "it asks and changes nothing";
constexpr const char* kOnce = "at least once is what is promised";
constexpr const char* kTime = "what is not forgotten at once goes when its time is over";
constexpr const char* kNumbers = "numbers for people";
constexpr const char* kPlace = "the row keeps its former place, and the store knows when it is due";
constexpr const char* kTurn = "what has ended is settled when its turn comes, too";
constexpr const char* kVisible = "the queue hands the copy out again in its own time";
constexpr const char* kLease = "the end of its lease settles the attempt as well";
constexpr const char* kBeat = "the next heartbeat says it within a second";
constexpr const char* kDries = "whose key moved asks for its rows, and hears that there are none";
constexpr const char* kGone = "its keys move when it is gone";
constexpr const char* kKnown = "the auditor drops a line that it has";
constexpr const char* kStops = "the HTTP library ends each attempt at its own timeout";

constexpr Harmless kTable[] = {
    {"ingest drops Backlog", kNumbers},       {"ingest drops Moved", kDries},
    {"limiter drops Moved", kGone},           {"ingest doubles Moved", kAgain},
    {"limiter doubles Moved", kAgain},        {"ingest drops Reorder", kPlace},
    {"limiter doubles Word", kAgain},         {"ingest drops ListEnding", kTurn},
    {"ingest drops SetVisibility", kVisible}, {"limiter doubles Consume", kAgain},
    {"ingest drops ForgetNames", kTime},      {"limiter drops Asked", kLease},
    {"limiter drops Backlog", kNumbers},      {"limiter drops Emptied", kKnown},
    {"limiter doubles AskLimits", kAsks},     {"limiter drops Announce", kBeat},
    {"limiter drops Forget", kTime},          {"dispatcher drops Announce", kBeat},
    {"dispatcher drops StopHttp", kStops},    {"ingest doubles Offer", kAgain},
    {"ingest doubles Parked", kAgain},        {"ingest doubles Announced", kAgain},
    {"ingest doubles Rows", kAgain},          {"ingest doubles Forgotten", kAgain},
    {"ingest doubles Quote", kAsks},          {"ingest doubles Cost", kAgain},
    {"ingest doubles Backlog", kAgain},       {"ingest doubles Put", kAgain},
    {"ingest doubles ReadHead", kAsks},       {"ingest doubles SettleRow", kAgain},
    {"ingest doubles ReadRow", kAsks},        {"ingest doubles BuryRow", kOnce},
    {"ingest doubles Reorder", kAgain},       {"ingest doubles LookupId", kAsks},
    {"ingest doubles MarkCancelled", kAgain}, {"ingest doubles ListKeys", kAsks},
    {"ingest doubles ListEnding", kAsks},     {"ingest doubles SetHolds", kAgain},
    {"ingest doubles ForgetNames", kAgain},   {"ingest doubles DeleteCopy", kAgain},
    {"ingest doubles SetVisibility", kAgain}, {"ingest doubles DeadLetter", kOnce},
    {"ingest doubles Respond", kAgain},       {"limiter doubles Settled", kAgain},
    {"limiter doubles Park", kAgain},         {"limiter doubles Want", kAsks},
    {"limiter doubles Quoted", kAgain},       {"limiter doubles Controlled", kAgain},
    {"limiter doubles Recall", kAgain},       {"limiter doubles Asked", kAsks},
    {"limiter doubles Completed", kAgain},    {"limiter doubles Record", kAgain},
    {"limiter doubles Backlog", kAgain},      {"limiter doubles Announce", kAgain},
    {"limiter doubles Grant", kAgain},        {"limiter doubles Complete", kAgain},
    {"limiter doubles Emptied", kAgain},      {"limiter doubles Forget", kAgain},
    {"limiter doubles SetHold", kAgain},      {"limiter doubles Peek", kAsks},
    {"dispatcher doubles Penalty", kAgain},   {"dispatcher doubles Outcome", kAgain},
    {"dispatcher doubles Announce", kAgain},  {"dispatcher doubles StopHttp", kAgain},
    {"auditor doubles Recorded", kAgain},     {"auditor doubles Alert", kAgain},
    {"auditor doubles Followed", kAgain},     {"auditor doubles TrailOpen", kAgain},
    {"auditor doubles TrailRead", kAsks},     {"auditor doubles TrailAppend", kAgain},
    {"auditor doubles LedgerOpen", kAgain},   {"auditor doubles LedgerLook", kAsks},
    {"auditor doubles LedgerFollow", kAsks},  {"alerter doubles Follow", kAsks},
    {"alerter doubles StateOpen", kAgain},    {"alerter doubles StatePut", kAgain},
    {"alerter doubles StateDue", kAsks},      {"alerter doubles StateMark", kAgain},
    {"alerter doubles Deliver", kOnce},       {"limiter doubles AskClock", kAsks},
    {"ingest doubles SendPosted", kOnce},
};

}  // namespace

std::string why_harmless(const std::string& saboteur) {
  const auto at = std::find_if(std::begin(kTable), std::end(kTable),
                               [&](const Harmless& one) { return one.saboteur == saboteur; });
  return at == std::end(kTable) ? std::string() : at->why;
}

std::size_t harmless_count() { return std::size(kTable); }

}  // namespace sluice::sim
