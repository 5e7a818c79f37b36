// SQS's operations, as JSON 1.0 has them ("Amazon SQS API Reference"). Pure: time is an argument,
// and who polls is answered when there is something. Fields that it does not know it does not see.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "tests/tiny_sqs/queue.h"

namespace sluice::tiny_sqs {

class Service {
 public:
  using Respond = std::function<void(std::string answer)>;

  // `url`: where it is, without a slash behind.
  explicit Service(std::string url = "http://localhost") : url_(std::move(url)) {}
  // Responds once, now or in a turn; or throws Fault.
  void call(const std::string& operation, const json& request, const Now& now, Respond respond);
  // Answers polls that something came for, or whose time is over.
  void turn(const Now& now);
  // When the next turn is needed.
  [[nodiscard]] Instant due() const;
  // {"calls": {OPERATION: n}, "times": {received so often: messages}, "received": {ID of a document
  // that is a probe: the first time, in milliseconds since 1970}}
  [[nodiscard]] json counts() const;

 private:
  struct Wanted {  // of each message
    std::set<std::string> system;
    std::vector<std::string> attributes;
  };
  struct Poll {
    Queue::Take take;
    Wanted wanted;
    Instant until;
    Respond respond;
  };
  struct Place {
    std::string name;
    json attributes;  // as they were set
    Queue queue;
    std::deque<Poll> polls;
  };
  using Run = json (Service::*)(const json&);
  static const std::map<std::string, Run>& runs();

  json create_queue(const json& request);
  json delete_queue(const json& request);
  json get_queue_url(const json& request);
  json get_queue_attributes(const json& request);
  json set_queue_attributes(const json& request);
  json send_message(const json& request);
  json send_message_batch(const json& request);
  json delete_message(const json& request);
  json delete_message_batch(const json& request);
  json change_message_visibility(const json& request);
  json change_message_visibility_batch(const json& request);

  Place& place_of(const json& request);
  void set(Place& place, const json& attributes);
  json send(Place& place, const json& entry);
  json remove(Place& place, const json& entry);
  json hide(Place& place, const json& entry);
  void poll(const json& request, Respond respond);
  // Whether it could be answered.
  bool serve(Place& place, Poll& poll);
  std::string told(const Message& message, const Wanted& wanted, const Place& place);
  void count(const Message& message);

  std::string url_;
  Now now_;
  std::uint64_t numbers_ = 0;
  std::map<std::string, Place> places_;
  std::map<std::string, std::uint64_t> calls_;
  std::map<std::uint32_t, std::uint64_t> times_;
  json received_ = json::object();
};

}  // namespace sluice::tiny_sqs
