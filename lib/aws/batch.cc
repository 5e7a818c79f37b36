#include "lib/aws/batch.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "lib/aws/json_fields.h"

namespace sluice::aws {

namespace {

using nlohmann::json;

std::optional<std::size_t> index_of(const json& entry, std::size_t asked) {
  const std::string id = text_at(entry, "Id");
  std::size_t index = 0;
  const auto read = std::from_chars(id.data(), id.data() + id.size(), index);
  if (read.ec != std::errc{} || id != entry_id(index) || index >= asked) return std::nullopt;
  return index;
}

EntryFate done(const json& entry) {
  EntryFate fate{EntryFate::How::kDone, text_at(entry, "MessageId"),
                 text_at(entry, "SequenceNumber")};
  fate.md5_body = text_at(entry, "MD5OfMessageBody");
  fate.md5_attributes = text_at(entry, "MD5OfMessageAttributes");
  return fate;
}

EntryFate failed(const json& entry) {
  EntryFate fate{EntryFate::How::kFailed};
  fate.code = text_at(entry, "Code");
  fate.message = text_at(entry, "Message");
  fate.is_senders = is_true_at(entry, "SenderFault");
  return fate;
}

}  // namespace

std::vector<EntryFate> fates_of(const std::string& json_object, std::size_t asked) {
  std::vector<EntryFate> fates(asked);
  std::vector<bool> failed_too(asked);
  const json answer = json::parse(json_object, nullptr, false);
  for_each_at(answer, "Successful", [&](const json& entry) {
    const auto index = index_of(entry, asked);
    if (index && fates[*index].how == EntryFate::How::kUnsaid) fates[*index] = done(entry);
  });
  for_each_at(answer, "Failed", [&](const json& entry) {
    const auto index = index_of(entry, asked);
    if (!index || failed_too[*index]) return;
    failed_too[*index] = true;
    const bool both = fates[*index].how == EntryFate::How::kDone;
    fates[*index] = both ? EntryFate{} : failed(entry);
  });
  return fates;
}

}  // namespace sluice::aws
