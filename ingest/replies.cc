#include "ingest/replies.h"

#include <algorithm>
#include <utility>

#include "ingest/document.h"
#include "lib/base/ascii.h"
#include "lib/digest/digest.h"

namespace sluice::ingest {

namespace {

constexpr Duration kWaitMax = hours(1);
constexpr std::uint32_t kGone = 410;  // it is never to be sent there again (RFC 9110 15.5.11)

}  // namespace

// ---- which URLs

std::string reply_host(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  return lower_case(url.substr(0, std::min(url.find('/', scheme + 3), url.size())));
}

// What stands before the path must be an entry of the list, byte for byte: there is no second
// reading of it, whoever parses the URL later.
std::optional<std::string> reply_trouble(std::string_view url, std::span<const std::string> hosts) {
  const std::string host = reply_host(url);
  if (!host.starts_with("https://") && !host.starts_with("http://")) {
    return "must be an http or https URL: queues cannot be replied to yet";
  }
  if (hosts.empty()) {
    return "no reply may be sent anywhere: reply_hosts in [ingest] names no host";
  }
  if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) {
    return "no reply may be sent to this host: it is not in reply_hosts of [ingest]";
  }
  if (url.size() > 2048) return "is longer than 2048 bytes";
  if (auto trouble = path_trouble(url.substr(host.size()))) return "the path " + *trouble;
  return {};
}

std::string webhook_id_of(const Reply& reply) {
  return "reply_" + to_hex(reply.settled.identity) + "_" + std::to_string(reply.settled.at.us);
}

// ---- when

std::uint32_t Replies::room(const std::string& host) const {
  const auto found = under_way_.find(host);
  const std::size_t running = found == under_way_.end() ? 0 : found->second.size();
  return running >= config_.in_flight ? 0 : config_.in_flight - static_cast<std::uint32_t>(running);
}

std::uint32_t Replies::to_ask(const std::string& host) const {
  return room(host) == 0 ? 0 : config_.in_flight;
}

bool Replies::start(const Reply& reply) {
  return room(reply.host) > 0 && under_way_[reply.host].insert(reply.number).second;
}

// Half of it by chance, so that what failed together does not come together.
Duration Replies::wait_after(std::uint32_t tries) {
  Duration wait = config_.backoff;
  for (std::uint32_t n = 1; n < tries && wait < kWaitMax; ++n) wait = wait * 2;
  wait = std::min(wait, kWaitMax);
  return chance_.between(wait / 2, wait);
}

ReplyEnd Replies::ended(const Reply& reply, const ReplyTried& tried, StoreTime now) {
  const std::uint32_t tries = reply.tries + 1;
  if (tried.status >= 200 && tried.status < 300) {
    ++counts_.delivered;
    note(reply, {reply.number, true, tries, now});
    return ReplyEnd::kDelivered;
  }
  ++counts_.failed;
  const Duration asked = std::min(tried.retry_after, kWaitMax);
  const StoreTime due = now + std::max(wait_after(tries), asked);
  const bool late = due > reply.settled.at + config_.keep;
  if (tried.status == kGone || tries >= config_.tries_max || late) {
    ++counts_.given_up;
    note(reply, {reply.number, true, tries, now});
    return ReplyEnd::kGivenUp;
  }
  note(reply, {reply.number, false, tries, due});
  return ReplyEnd::kAgain;
}

void Replies::stopped(const Reply& reply) {
  const auto found = under_way_.find(reply.host);
  if (found != under_way_.end()) found->second.erase(reply.number);
}

bool Replies::give_up(const Reply& reply) {
  if (!under_way_[reply.host].insert(reply.number).second) return false;
  ++counts_.given_up;
  note(reply, {reply.number, true, reply.tries, {}});
  return true;
}

void Replies::note(const Reply& reply, const ReplyNote& note) {
  notes_.push_back(note);
  noted_hosts_.push_back(reply.host);
}

void Replies::notes_written() {
  for (std::size_t n = 0; n < notes_.size(); ++n) {
    const auto found = under_way_.find(noted_hosts_[n]);
    if (found == under_way_.end()) continue;
    found->second.erase(notes_[n].number);
    if (found->second.empty()) under_way_.erase(found);
  }
  notes_.clear();
  noted_hosts_.clear();
}

}  // namespace sluice::ingest
