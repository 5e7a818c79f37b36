// What the query and the small bodies of the front door's requests say: lists, pause, resume,
// consume. Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "ingest/document.h"
#include "ingest/front_door.h"

namespace sluice::ingest {

inline constexpr std::uint32_t kListMax = 500;
inline constexpr std::uint32_t kListUsual = 50;

// The decoded value of a query parameter, if it is there.
using Parameters = std::function<std::optional<std::string>(std::string_view name)>;

std::variant<ListAsk, Refusal> read_list(const Parameters& query);
// request_id and scope are the caller's to fill in.
std::variant<ListKeyPage, Refusal> read_key_page(const Parameters& query);
// `body` may be empty, but for kConsume. request_id, upstream and key are the caller's.
std::variant<ControlKey, Refusal> read_control(wire::Verb verb, std::string_view body,
                                               StoreTime now);

// Whose key it is: the upstream with the longest name of which the key is "<name>:..."; nullptr:
// nobody's.
const Upstream* upstream_of_key(std::string_view key, std::span<const Upstream> upstreams);

}  // namespace sluice::ingest
