#include "lib/aws/sqs_md5.h"

#include "lib/digest/base64.h"
#include "lib/digest/md5.h"
#include "lib/port/json_text.h"

namespace sluice::aws::sqs {

namespace {

constexpr char kText = 1;
constexpr char kBinary = 2;

// Behind its length, in four bytes.
void add(std::string& to, const std::string& text) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    to.push_back(static_cast<char>(static_cast<unsigned char>(text.size() >> shift)));
  }
  to += text;
}

}  // namespace

std::string md5_of(const std::string& body) { return port::is_utf8(body) ? md5().hex(body) : ""; }

std::string md5_of(const Attributes& attributes) {
  if (attributes.empty()) return {};
  std::string all;
  for (const auto& [name, attribute] : attributes) {
    add(all, name);
    add(all, attribute.type);
    if (!port::is_utf8(attribute.value)) return {};
    if (!attribute.type.starts_with("Binary")) {
      all.push_back(kText);
      add(all, attribute.value);
      continue;
    }
    const auto bytes = from_base64(attribute.value);
    if (!bytes) return {};
    all.push_back(kBinary);
    add(all, *bytes);
  }
  return md5().hex(all);
}

}  // namespace sluice::aws::sqs
