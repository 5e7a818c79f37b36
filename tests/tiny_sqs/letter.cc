#include "tests/tiny_sqs/letter.h"

#include <algorithm>

#include "lib/digest/digest.h"
#include "tests/tiny_sqs/fault.h"

namespace sluice::tiny_sqs {

namespace {

constexpr std::size_t kBytesMax = 1024UL * 1024;
constexpr std::size_t kAttributesMax = 10;
constexpr std::int64_t kDelayMax = 900;

// XML 1.0 has no other control characters.
bool is_forbidden(char c) {
  return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

}  // namespace

std::size_t size_of(const Letter& letter) {
  std::size_t size = letter.body.size();
  for (const auto& [name, value] : letter.attributes.items()) {
    size += name.size() + value.at("DataType").get_ref<const std::string&>().size();
    size += value.value("StringValue", "").size() + value.value("BinaryValue", "").size();
  }
  return size;
}

Letter read_letter(const json& entry, bool is_fifo, bool names_by_content) {
  Letter letter{entry.value("MessageBody", ""), entry.value("MessageAttributes", json::object()),
                entry.value("MessageGroupId", ""), entry.value("MessageDeduplicationId", ""),
                seconds(entry.value("DelaySeconds", std::int64_t{0}))};
  if (letter.body.empty()) throw Fault{"MissingParameter", "MessageBody is empty"};
  if (std::any_of(letter.body.begin(), letter.body.end(), is_forbidden)) {
    throw Fault{"InvalidMessageContents", "a character that XML does not have"};
  }
  if (letter.attributes.size() > kAttributesMax) {
    throw Fault{"InvalidParameterValue", "more than ten attributes"};
  }
  if (size_of(letter) > kBytesMax) throw Fault{"InvalidParameterValue", "more than 1 MiB"};
  if (letter.delay < Duration{} || letter.delay > seconds(kDelayMax)) {
    throw Fault{"InvalidParameterValue", "DelaySeconds: 0 to 900"};
  }
  if (!is_fifo) return letter;
  if (letter.group.empty()) throw Fault{"MissingParameter", "MessageGroupId"};
  if (letter.delay > Duration{})
    throw Fault{"InvalidParameterValue", "DelaySeconds of a FIFO queue"};
  if (!letter.deduplication_id.empty()) return letter;
  if (!names_by_content) throw Fault{"InvalidParameterValue", "no MessageDeduplicationId"};
  letter.deduplication_id = to_hex(to_bytes(sha256(letter.body)));
  return letter;
}

}  // namespace sluice::tiny_sqs
