#include "dispatcher/status_table.h"

#include <algorithm>

namespace sluice::dispatcher {

namespace {

wire::Ended meaning(StatusMeans means) {
  switch (means) {
    case StatusMeans::kDelivered:
      return wire::Ended::kDelivered;
    case StatusMeans::kFailed:
      return wire::Ended::kFailed;
    case StatusMeans::kRefused:
      return wire::Ended::kRefused;
    case StatusMeans::kThrottled:
      return wire::Ended::kThrottled;
  }
  return wire::Ended::kRefused;
}

const StatusRule* narrowest(const std::vector<StatusRule>& rules, std::uint32_t status) {
  const StatusRule* best = nullptr;
  const auto width = [](const StatusRule& rule) {
    return rule.statuses.last - rule.statuses.first;
  };
  for (const StatusRule& rule : rules) {
    if (!rule.statuses.has(status)) continue;
    if (best == nullptr || width(rule) < width(*best)) best = &rule;
  }
  return best;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains(std::string_view body, std::string_view text) {
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  return std::search(body.begin(), body.end(), text.begin(), text.end(), same) != body.end();
}

}  // namespace

bool speaks_of_abuse(const Upstream& upstream, std::uint32_t status, std::string_view body) {
  return std::any_of(upstream.abnormal.begin(), upstream.abnormal.end(),
                     [&](const AbnormalRule& rule) {
                       return rule.statuses.has(status) && contains(body, rule.text);
                     });
}

wire::Ended ended_by(const Upstream& upstream, std::uint32_t status, bool has_retry_after) {
  if (const StatusRule* rule = narrowest(upstream.statuses, status)) return meaning(rule->means);
  if (status >= 200 && status <= 299) return wire::Ended::kDelivered;
  switch (status) {
    case 429:
      return wire::Ended::kThrottled;
    case 403:
      return has_retry_after ? wire::Ended::kThrottled : wire::Ended::kRefused;
    case 503:
      return has_retry_after ? wire::Ended::kThrottled : wire::Ended::kFailed;
    case 408:
    case 409:
    case 425:
      return wire::Ended::kFailed;
    default:
      return status >= 500 ? wire::Ended::kFailed : wire::Ended::kRefused;
  }
}

}  // namespace sluice::dispatcher
