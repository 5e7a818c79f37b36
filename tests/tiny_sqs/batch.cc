#include "tests/tiny_sqs/batch.h"

#include <set>
#include <string>
#include <string_view>

#include "tests/tiny_sqs/fault.h"

namespace sluice::tiny_sqs {

namespace {

constexpr std::size_t kEntriesMax = 10;

}  // namespace

const json& entries_of(const json& request) {
  static const json kNone = json::array();
  const auto found = request.find("Entries");
  return found == request.end() ? kNone : *found;
}

json each_of(const json& request, const std::function<json(const json& entry)>& run) {
  const json& entries = entries_of(request);
  if (entries.empty()) throw Fault{"EmptyBatchRequest", "no entries"};
  if (entries.size() > kEntriesMax) throw Fault{"TooManyEntriesInBatchRequest", "more than ten"};
  std::set<std::string_view> ids;
  for (const json& entry : entries) {
    if (ids.insert(entry.at("Id").get_ref<const std::string&>()).second) continue;
    throw Fault{"BatchEntryIdsNotDistinct", "two entries have one Id"};
  }
  json said = {{"Successful", json::array()}, {"Failed", json::array()}};
  for (const json& entry : entries) {
    try {
      json done = run(entry);
      done["Id"] = entry["Id"];
      said["Successful"].push_back(std::move(done));
    } catch (const Fault& why) {
      said["Failed"].push_back({{"Id", entry["Id"]},
                                {"SenderFault", true},
                                {"Code", why.code},
                                {"Message", why.message}});
    }
  }
  if (said["Failed"].empty()) said.erase("Failed");
  return said;
}

}  // namespace sluice::tiny_sqs
