// UUIDs of names: the same name gives the same id, whoever makes it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// UUID version 5 (RFC 9562) of a name in a namespace of 16 bytes.
std::string uuid_v5(std::string_view name_space, std::string_view name);

// The id of an alert, in the namespace of Sluice's alerts.
std::string alert_id_of(std::string_view dedup_key, std::string_view period);

}  // namespace sluice
