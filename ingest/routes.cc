#include "ingest/routes.h"

#include <vector>

#include "lib/base/ascii.h"

namespace sluice::ingest {

namespace {

#define REFUSED \
  {400}, {401}, { 403 }

constexpr std::array<Route, 16> kRoutes = {{
    {Act::kSubmit,
     "POST",
     "/v1/messages",
     Right::kControl,
     "Send a message; 202 when it is durable.",
     "Document",
     true,
     "Prefer traceparent",
     {{{202, "Message"}, {200, "", "MessageLine"}, REFUSED, {413}, {415}, {422}, {429}, {503}}}},
    {Act::kList,
     "GET",
     "/v1/messages",
     Right::kRead,
     "List messages.",
     "",
     false,
     "key state after limit",
     {{{200, "MessageList"}, REFUSED, {501}, {503}}}},
    {Act::kLookup,
     "GET",
     "/v1/messages/{id}",
     Right::kRead,
     "Where a message is, why, when it goes, how it ended.",
     "",
     false,
     "",
     {{{200, "Message"}, REFUSED, {404}, {503}}}},
    {Act::kCancel,
     "DELETE",
     "/v1/messages/{id}",
     Right::kControl,
     "Cancel a message.",
     "",
     false,
     "",
     {{{200, "Message"}, {202, "Message"}, REFUSED, {404}, {409}, {503}}}},
    {Act::kCost,
     "POST",
     "/v1/costs",
     Right::kControl,
     "Book a cost, exactly once by its event_id.",
     "Cost",
     true,
     "",
     {{{201, "CostBooked"}, {200, "CostBooked", "CostLine"}, REFUSED, {413}, {415}, {422}, {503}}}},
    {Act::kKeys,
     "GET",
     "/v1/keys",
     Right::kRead,
     "List keys that have messages or holds.",
     "",
     false,
     "after limit",
     {{{200, "KeyList"}, REFUSED, {503}}}},
    {Act::kKey,
     "GET",
     "/v1/keys/{key}",
     Right::kRead,
     "What waits of a key, what holds it, its limits.",
     "",
     false,
     "",
     {{{200, "Key"}, REFUSED, {404}, {503}}}},
    {Act::kPauseKey,
     "POST",
     "/v1/keys/{key}/pause",
     Right::kControl,
     "Send nothing of a key until it is resumed, or until a time.",
     "Pause",
     false,
     "",
     {{{200, "Key"}, {202, "Key"}, REFUSED, {404}, {503}}}},
    {Act::kResumeKey,
     "POST",
     "/v1/keys/{key}/resume",
     Right::kControl,
     "End a key's pause.",
     "Resume",
     false,
     "",
     {{{200, "Key"}, REFUSED, {404}, {503}}}},
    {Act::kConsumeKey,
     "POST",
     "/v1/keys/{key}/consume",
     Right::kControl,
     "Charge a key's limits for sends that were made elsewhere.",
     "Consume",
     false,
     "",
     {{{200, "Consumed"}, REFUSED, {404}, {503}}}},
    {Act::kUpstream,
     "GET",
     "/v1/upstreams/{name}",
     Right::kRead,
     "What holds a whole upstream.",
     "",
     false,
     "",
     {{{200, "Upstream"}, REFUSED, {404}, {503}}}},
    {Act::kPauseUpstream,
     "POST",
     "/v1/upstreams/{name}/pause",
     Right::kControl,
     "Send nothing to an upstream until it is resumed, or until a time.",
     "Pause",
     false,
     "",
     {{{200, "Upstream"}, {202, "Upstream"}, REFUSED, {404}, {503}}}},
    {Act::kResumeUpstream,
     "POST",
     "/v1/upstreams/{name}/resume",
     Right::kControl,
     "End an upstream's pause.",
     "Resume",
     false,
     "",
     {{{200, "Upstream"}, REFUSED, {404}, {503}}}},
    {Act::kLimits,
     "GET",
     "/v1/limits",
     Right::kRead,
     "An upstream's limits, their version, and who edited them last.",
     "",
     false,
     "upstream",
     {{{200, "Limits"}, REFUSED, {404}, {503}}}},
    {Act::kEditLimits,
     "PUT",
     "/v1/limits",
     Right::kLimits,
     "Edit an upstream's limits: all of them, in the place of the version that If-Match names.",
     "LimitsEdit",
     false,
     "upstream If-Match",
     {{{200, "Limits"}, REFUSED, {404}, {412}, {428}, {503}}}},
    {Act::kOpenApi,
     "GET",
     "/openapi.json",
     Right::kNone,
     "This document.",
     "",
     false,
     "",
     {{{200, "OpenApi"}}}},
}};

#undef REFUSED

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> found;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    found.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return found;
}

// What stands for `{...}`; nothing when the path is another.
std::optional<std::string_view> matches(std::string_view pattern, std::string_view path) {
  const auto wanted = segments(pattern);
  const auto given = segments(path);
  if (wanted.size() != given.size() || !path.starts_with('/')) return {};
  std::string_view name;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (wanted[at].starts_with('{') && !given[at].empty()) {
      name = given[at];
    } else if (wanted[at] != given[at]) {
      return {};
    }
  }
  return name;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

std::optional<Routed> route_of(std::string_view method, std::string_view path) {
  Routed routed;
  bool known = false;
  for (const Route& route : kRoutes) {
    const auto name = matches(route.path, path);
    if (!name) continue;
    known = true;
    const bool reads = route.method == "GET";
    routed.allow += (routed.allow.empty() ? "" : ", ") + std::string(route.method);
    if (reads) routed.allow += ", HEAD";
    if (route.method != method && !(reads && method == "HEAD")) continue;
    routed.route = &route;
    auto plain = percent_decoded(*name);
    routed.broken = !plain;
    if (plain) routed.name = std::move(*plain);
  }
  if (!known) return {};
  return routed;
}

}  // namespace sluice::ingest
