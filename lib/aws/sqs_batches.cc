#include "lib/aws/sqs_batches.h"

namespace sluice::aws::sqs {

std::size_t bytes_of(const Entry& entry) {
  std::size_t bytes = entry.body.size();
  for (const auto& [name, attribute] : entry.attributes) {
    bytes += name.size() + attribute.type.size() + attribute.value.size();
  }
  return bytes;
}

BatchKind<Entry> sends(const std::string& queue_url) {
  return {[queue_url](const std::vector<Entry>& entries) {
            return send_message_batch(queue_url, entries);
          },
          &read_batch, &bytes_of};
}

BatchKind<std::string> deletes(const std::string& queue_url) {
  return {[queue_url](const std::vector<std::string>& receipts) {
            return delete_message_batch(queue_url, receipts);
          },
          &read_batch, [](const std::string& receipt) { return receipt.size(); }};
}

BatchKind<Visibility> visibilities(const std::string& queue_url) {
  return {[queue_url](const std::vector<Visibility>& entries) {
            return change_message_visibility_batch(queue_url, entries);
          },
          &read_batch, [](const Visibility& entry) { return entry.receipt.size(); }};
}

}  // namespace sluice::aws::sqs
