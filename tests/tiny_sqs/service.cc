#include "tests/tiny_sqs/service.h"

#include <algorithm>

#include "lib/aws/json_fields.h"
#include "lib/port/json_text.h"
#include "tests/tiny_sqs/attributes_md5.h"
#include "tests/tiny_sqs/batch.h"
#include "tests/tiny_sqs/fault.h"
#include "tests/tiny_sqs/letter.h"

namespace sluice::tiny_sqs {

namespace {

constexpr const char* kAccount = "123456789012";
constexpr const char* kArn = "arn:aws:sqs:us-east-1:123456789012:";
constexpr std::size_t kNameMax = 80;
constexpr std::size_t kBatchBytesMax = 1024UL * 1024;
constexpr std::int64_t kVisibilityMax = 12 * 3600;
constexpr std::int64_t kWaitMax = 20;
constexpr const char* kFifo = ".fifo";

json presets() {
  return {{"VisibilityTimeout", "30"},
          {"MessageRetentionPeriod", "345600"},
          {"MaximumMessageSize", "1048576"},
          {"DelaySeconds", "0"},
          {"ReceiveMessageWaitTimeSeconds", "0"}};
}

Duration visibility_in(const json& of, std::int64_t preset) {
  const std::int64_t said = of.value("VisibilityTimeout", preset);
  if (said >= 0 && said <= kVisibilityMax) return seconds(said);
  throw Fault{"InvalidParameterValue", "VisibilityTimeout: 0 to 43200"};
}

void check_name(const std::string& name, bool is_fifo) {
  const std::string word = is_fifo ? name.substr(0, name.size() - 5) : name;
  const bool right = !word.empty() && name.size() <= kNameMax &&
                     word.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-") == std::string::npos;
  if (!right) throw Fault{"InvalidParameterValue", "QueueName"};
}

bool is_wanted(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    if (pattern == "All" || pattern == name) return true;
    return pattern.ends_with(".*") && name.starts_with(pattern.substr(0, pattern.size() - 2));
  });
}

std::string milliseconds_of(StoreTime at) { return std::to_string(at.us / 1000); }

}  // namespace

const std::map<std::string, Service::Run>& Service::runs() {
  static const std::map<std::string, Run> kAll = {
      {"CreateQueue", &Service::create_queue},
      {"DeleteQueue", &Service::delete_queue},
      {"GetQueueUrl", &Service::get_queue_url},
      {"GetQueueAttributes", &Service::get_queue_attributes},
      {"SetQueueAttributes", &Service::set_queue_attributes},
      {"SendMessage", &Service::send_message},
      {"SendMessageBatch", &Service::send_message_batch},
      {"DeleteMessage", &Service::delete_message},
      {"DeleteMessageBatch", &Service::delete_message_batch},
      {"ChangeMessageVisibility", &Service::change_message_visibility},
      {"ChangeMessageVisibilityBatch", &Service::change_message_visibility_batch}};
  return kAll;
}

void Service::call(const std::string& operation, const json& request, const Now& now,
                   Respond respond) {
  now_ = now;
  ++calls_[operation];
  if (!request.is_object()) throw Fault{"SerializationException", "no object"};
  try {
    if (operation == "ReceiveMessage") return poll(request, std::move(respond));
    const auto run = runs().find(operation);
    if (run == runs().end()) throw Fault{"UnknownOperationException", operation};
    const json said = (this->*run->second)(request);
    respond(said.empty() ? "{}" : said.dump());
  } catch (const json::exception& wrong) {
    throw Fault{"SerializationException", wrong.what()};
  }
}

json Service::counts() const {
  json times = json::object();
  for (const auto& [often, messages] : times_) {
    if (messages > 0) times[std::to_string(often)] = messages;
  }
  return {{"calls", calls_}, {"times", times}, {"received", received_}};
}

// ---- queues

Service::Place& Service::place_of(const json& request) {
  const auto& url = request.at("QueueUrl").get_ref<const std::string&>();
  const auto found = places_.find(url.substr(url.rfind('/') + 1));
  if (found != places_.end()) return found->second;
  throw Fault{"QueueDoesNotExist", "The specified queue does not exist."};
}

void Service::set(Place& place, const json& attributes) {
  json all = place.attributes;
  all.update(attributes);
  Rules rules;
  rules.is_fifo = place.name.ends_with(kFifo);
  rules.retention = seconds(aws::number_at(all, "MessageRetentionPeriod"));
  const json policy = json::parse(all.value("RedrivePolicy", "{}"), nullptr, false);
  rules.receives_max = static_cast<std::uint32_t>(aws::number_at(policy, "maxReceiveCount"));
  place.attributes = std::move(all);
  place.queue.set(rules);
}

json Service::create_queue(const json& request) {
  const auto name = request.at("QueueName").get<std::string>();
  const json asked = request.value("Attributes", json::object());
  const bool is_fifo = name.ends_with(kFifo);
  check_name(name, is_fifo);
  if (is_fifo != (asked.value("FifoQueue", "false") == "true")) {
    throw Fault{"InvalidParameterValue", "FifoQueue and the name's .fifo belong together"};
  }
  const auto there = places_.find(name);
  if (there != places_.end()) {
    json same = there->second.attributes;
    same.update(asked);
    if (same != there->second.attributes) throw Fault{"QueueNameExists", "with other attributes"};
    return get_queue_url(request);
  }
  Place place{name, presets(), {}, {}};
  set(place, asked);
  places_.emplace(name, std::move(place));
  return get_queue_url(request);
}

json Service::delete_queue(const json& request) {
  Place& place = place_of(request);
  for (const Poll& poll : place.polls) poll.respond("{}");
  places_.erase(places_.find(place.name));
  return json::object();
}

json Service::get_queue_url(const json& request) {
  const auto name = request.at("QueueName").get<std::string>();
  if (places_.count(name) == 0) throw Fault{"QueueDoesNotExist", "There is no queue " + name};
  return {{"QueueUrl", url_ + "/" + kAccount + "/" + name}};
}

json Service::get_queue_attributes(const json& request) {
  Place& place = place_of(request);
  place.queue.release(now_);
  const Depth depth = place.queue.depth();
  json all = place.attributes;
  all["QueueArn"] = kArn + place.name;
  all["ApproximateNumberOfMessages"] = std::to_string(depth.visible);
  all["ApproximateNumberOfMessagesNotVisible"] = std::to_string(depth.in_flight);
  all["ApproximateNumberOfMessagesDelayed"] = std::to_string(depth.delayed);
  json said = json::object();
  for (const json& name : request.value("AttributeNames", json::array())) {
    if (name == "All") return {{"Attributes", all}};
    if (all.contains(name.get<std::string>())) said[name.get<std::string>()] = all[name];
  }
  return {{"Attributes", said}};
}

json Service::set_queue_attributes(const json& request) {
  set(place_of(request), request.at("Attributes"));
  return json::object();
}

// ---- messages

json Service::send(Place& place, const json& entry) {
  const bool is_fifo = place.queue.rules().is_fifo;
  const bool by_content = place.attributes.value("ContentBasedDeduplication", "false") == "true";
  const Message& sent = place.queue.send(++numbers_, read_letter(entry, is_fifo, by_content), now_);
  json said = {{"MessageId", sent.id}, {"MD5OfMessageBody", sent.md5}};
  const std::string md5 = md5_of_attributes(sent.letter.attributes);
  if (!md5.empty()) said["MD5OfMessageAttributes"] = md5;
  if (is_fifo) said["SequenceNumber"] = sequence_of(sent);
  return said;
}

json Service::send_message(const json& request) { return send(place_of(request), request); }

json Service::send_message_batch(const json& request) {
  Place& place = place_of(request);
  std::size_t bytes = 0;
  for (const json& entry : entries_of(request)) {
    if (entry.contains("MessageBody"))
      bytes += entry["MessageBody"].get_ref<const std::string&>().size();
  }
  if (bytes > kBatchBytesMax) throw Fault{"BatchRequestTooLong", "more than 1 MiB"};
  return each_of(request, [&](const json& entry) { return send(place, entry); });
}

json Service::remove(Place& place, const json& entry) {
  place.queue.remove(entry.at("ReceiptHandle").get<std::string>(), now_);
  return json::object();
}

json Service::delete_message(const json& request) { return remove(place_of(request), request); }

json Service::delete_message_batch(const json& request) {
  Place& place = place_of(request);
  return each_of(request, [&](const json& entry) { return remove(place, entry); });
}

json Service::hide(Place& place, const json& entry) {
  place.queue.hide(entry.at("ReceiptHandle").get<std::string>(), visibility_in(entry, -1), now_);
  return json::object();
}

json Service::change_message_visibility(const json& request) {
  return hide(place_of(request), request);
}

json Service::change_message_visibility_batch(const json& request) {
  Place& place = place_of(request);
  return each_of(request, [&](const json& entry) { return hide(place, entry); });
}

// ---- receptions

void Service::poll(const json& request, Respond respond) {
  Place& place = place_of(request);
  if (place.queue.is_full()) throw Fault{"OverLimit", "in flight: 120,000"};
  const auto most = request.value("MaxNumberOfMessages", std::int64_t{1});
  const auto wait = request.value(
      "WaitTimeSeconds", aws::number_at(place.attributes, "ReceiveMessageWaitTimeSeconds"));
  if (most < 1 || most > 10 || wait < 0 || wait > kWaitMax) {
    throw Fault{"InvalidParameterValue", "MaxNumberOfMessages: 1 to 10; WaitTimeSeconds: 0 to 20"};
  }
  Poll poll;
  poll.take = {static_cast<std::size_t>(most),
               visibility_in(request, aws::number_at(place.attributes, "VisibilityTimeout"))};
  for (const char* names : {"AttributeNames", "MessageSystemAttributeNames"}) {
    for (const json& name : request.value(names, json::array())) poll.wanted.system.insert(name);
  }
  poll.wanted.attributes = request.value("MessageAttributeNames", std::vector<std::string>{});
  poll.until = now_.steady + seconds(wait);
  poll.respond = std::move(respond);
  if (!serve(place, poll)) place.polls.push_back(std::move(poll));
}

bool Service::serve(Place& place, Poll& poll) {
  const auto bury = [&](Message message) {
    const json policy = json::parse(place.attributes.value("RedrivePolicy", "{}"));
    const auto arn = policy.value("deadLetterTargetArn", "");
    const auto dead = places_.find(arn.substr(arn.rfind(':') + 1));
    if (dead != places_.end()) dead->second.queue.add(std::move(message));
  };
  const auto got = place.queue.receive(poll.take, now_, bury);
  if (got.empty() && poll.until > now_.steady) return false;
  std::string answer = "{";
  for (const Message* message : got) {
    answer += answer.size() == 1 ? "\"Messages\":[" : ",";
    answer += told(*message, poll.wanted, place);
    count(*message);
  }
  poll.respond(answer + (got.empty() ? "}" : "]}"));
  return true;
}

void Service::turn(const Now& now) {
  now_ = now;
  for (auto& named : places_) {
    Place& place = named.second;
    while (!place.polls.empty() && serve(place, place.polls.front())) place.polls.pop_front();
    // Those behind the first have the same to receive: nothing. But their time may be over.
    const auto over = [&](Poll& poll) { return poll.until <= now.steady && serve(place, poll); };
    const auto left = std::remove_if(place.polls.begin(), place.polls.end(), over);
    place.polls.erase(left, place.polls.end());
  }
}

Instant Service::due() const {
  Instant first = Instant::never();
  for (const auto& [name, place] : places_) {
    if (place.polls.empty()) continue;
    first = std::min(first, place.queue.due());
    for (const Poll& poll : place.polls) first = std::min(first, poll.until);
  }
  return first;
}

// Written by hand, as bodies are most of it.
std::string Service::told(const Message& message, const Wanted& wanted, const Place& place) {
  std::string system;
  const bool all = wanted.system.count("All") > 0;
  const auto say = [&](const char* name, const std::string& value) {
    if (value.empty() || (!all && wanted.system.count(name) == 0)) return;
    system +=
        (system.empty() ? "\"" : ",\"") + std::string(name) + "\":" + port::json_quoted(value);
  };
  say("ApproximateReceiveCount", std::to_string(message.receives));
  say("SentTimestamp", milliseconds_of(message.sent));
  say("ApproximateFirstReceiveTimestamp", milliseconds_of(message.first_received));
  say("SenderId", kAccount);
  say("MessageGroupId", message.letter.group);
  say("MessageDeduplicationId", message.letter.deduplication_id);
  say("SequenceNumber", place.queue.rules().is_fifo ? sequence_of(message) : "");
  json attributes = json::object();
  for (const auto& [name, value] : message.letter.attributes.items()) {
    if (is_wanted(wanted.attributes, name)) attributes[name] = value;
  }
  std::string text = R"({"MessageId":")" + message.id + R"(","ReceiptHandle":")" +
                     receipt_of(message) + R"(","MD5OfBody":")" + message.md5 + R"(","Body":)" +
                     port::json_quoted(message.letter.body);
  if (!system.empty()) text += ",\"Attributes\":{" + system + "}";
  if (!attributes.empty()) {
    text += R"(,"MD5OfMessageAttributes":")" + md5_of_attributes(attributes) +
            R"(","MessageAttributes":)" + attributes.dump();
  }
  return text + "}";
}

void Service::count(const Message& message) {
  if (message.receives > 1) --times_[message.receives - 1];
  ++times_[message.receives];
  if (message.receives > 1 || message.letter.body.find("\"probe-") == std::string::npos) return;
  const json document = json::parse(message.letter.body, nullptr, false);
  if (!document.is_object()) return;
  received_[document.value("messageId", "")] = now_.wall.us / 1000;
}

}  // namespace sluice::tiny_sqs
