#include "lib/aws/sqs_batches.h"

#include "lib/aws/sqs_md5.h"

namespace sluice::aws::sqs {

namespace {

BatchCall plain(Request request, std::size_t asked) {
  return {std::move(request),
          [asked](const Outcome& outcome) { return read_batch(outcome, asked); }};
}

EntryFate damaged(const char* what) {
  EntryFate fate{EntryFate::How::kFailed};
  fate.code = what;
  fate.message = "SQS has other bytes than those that were sent";
  return fate;
}

}  // namespace

std::size_t bytes_of(const Entry& entry) {
  std::size_t bytes = entry.body.size();
  for (const auto& [name, attribute] : entry.attributes) {
    bytes += name.size() + attribute.type.size() + attribute.value.size();
  }
  return bytes;
}

// What was sent is what SQS says that it has, or has not been sent: it is said again.
BatchCall sending(const std::string& queue_url, const std::vector<Entry>& entries) {
  struct Md5s {
    std::string body;
    std::string attributes;
  };
  std::vector<Md5s> own;
  own.reserve(entries.size());
  for (const Entry& one : entries) own.push_back({md5_of(one.body), md5_of(one.attributes)});
  return {send_message_batch(queue_url, entries),
          [own](const Outcome& outcome) -> Reply<std::vector<EntryFate>> {
            auto fates = read_batch(outcome, own.size());
            if (!fates.ok()) return fates;
            for (std::size_t i = 0; i < own.size(); ++i) {
              EntryFate& fate = (*fates)[i];
              if (differ(fate.md5_body, own[i].body)) {
                fate = damaged("MD5OfMessageBody");
              } else if (differ(fate.md5_attributes, own[i].attributes)) {
                fate = damaged("MD5OfMessageAttributes");
              }
            }
            return fates;
          }};
}

BatchKind<Entry> sends(const std::string& queue_url) {
  return {[queue_url](const std::vector<Entry>& entries) { return sending(queue_url, entries); },
          &bytes_of};
}

BatchKind<std::string> deletes(const std::string& queue_url) {
  return {[queue_url](const std::vector<std::string>& receipts) {
            return plain(delete_message_batch(queue_url, receipts), receipts.size());
          },
          [](const std::string& receipt) { return receipt.size(); }};
}

BatchKind<Visibility> visibilities(const std::string& queue_url) {
  return {[queue_url](const std::vector<Visibility>& entries) {
            return plain(change_message_visibility_batch(queue_url, entries), entries.size());
          },
          [](const Visibility& entry) { return entry.receipt.size(); }};
}

}  // namespace sluice::aws::sqs
