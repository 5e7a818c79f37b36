#include "lib/digest/uuid.h"

#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice {
namespace {

// 9e1c4f6a-52b3-4d0e-8c7a-3f5b6d2e1a90.
constexpr std::string_view kAlerts =
    "\x9e\x1c\x4f\x6a\x52\xb3\x4d\x0e\x8c\x7a\x3f\x5b\x6d\x2e\x1a\x90";

}  // namespace

std::string uuid_v5(std::string_view name_space, std::string_view name) {
  CHECK(name_space.size() == 16);
  auto digest = sha1(std::string(name_space) + std::string(name));
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0fU) | 0x50U);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3fU) | 0x80U);
  std::string text = to_hex(std::string(digest.begin(), digest.begin() + 16));
  for (const std::size_t at : {20UL, 16UL, 12UL, 8UL}) text.insert(at, 1, '-');
  return text;
}

std::string alert_id_of(std::string_view dedup_key, std::string_view period) {
  std::string name(dedup_key);
  name.push_back('\n');
  name.append(period);
  return uuid_v5(kAlerts, name);
}

}  // namespace sluice
