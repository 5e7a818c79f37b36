// Who uses Sluice: posts messages and costs at the front doors, puts others into the queue, says
// the same again until it is answered, cancels some. Tells the checkers what was promised to it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ingest/front_door.h"
#include "tests/sim/queue.h"
#include "tests/sim/settings.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class IngestNode;

class Producer {
 public:
  Producer(World& world, Witnesses& witnesses, const Settings& settings, QueueFake& queue);
  void knows(IngestNode& ingest) { doors_.push_back(&ingest); }
  // From now on, until everything that settings name was sent.
  void begin();
  void hears(const ingest::Respond& answer);
  // Who hears what is answered to others' requests.
  void others_hear(std::function<void(const ingest::Respond&)> hear) { others_ = std::move(hear); }
  // Nothing is open: all messages and costs were answered.
  [[nodiscard]] bool done() const { return open_ == 0; }

 private:
  struct Letter {
    wire::Offer message;
    std::size_t door = 0;
    std::uint64_t request_id = 0;  // of the last try
    bool patient = true;           // it may wait however long
    bool answered = false;
    bool has_rival = false;  // its id was said with other bytes at the same moment
    bool rival = false;      // and these were taken
  };
  struct Said {
    std::size_t letter = 0;
    bool rival = false;
  };
  struct Bill {
    wire::Cost cost;
    std::size_t door = 0;
    std::uint64_t request_id = 0;
    bool answered = false;
  };

  wire::Offer draw_message(int number);
  void put_otherwise(wire::Offer message);
  [[nodiscard]] bool goes_in_order(const wire::Offer& message) const;
  void put_in_order(wire::Offer message);
  wire::Cost draw_cost(int number);
  void post(std::size_t letter);
  void post_again(std::size_t letter, Duration delay);
  void send_bill(std::size_t bill);
  void cancel_some(const Letter& letter, const std::string& identity);
  void submit(Letter& letter, std::size_t at, bool rival);
  void answered(const Said& said, const ingest::FrontAnswer& answer);
  [[nodiscard]] bool comes_otherwise(const wire::Offer& message) const;
  void ask_about(const Letter& letter, const std::string& identity);
  void say_otherwise(const Letter& letter);

  World& world_;
  Witnesses& witnesses_;
  const Settings& settings_;
  QueueFake& queue_;
  std::vector<IngestNode*> doors_;
  std::vector<Letter> letters_;
  std::vector<Bill> bills_;
  std::map<std::uint64_t, Said> letter_of_;           // by request id
  std::map<std::uint64_t, std::size_t> bill_of_;      // likewise
  std::map<std::uint64_t, std::string> asked_about_;  // identity, by request id
  std::set<std::uint64_t> otherwise_;                 // request ids
  struct Cancelling {
    std::string identity, id;
    std::size_t door = 0;
    std::uint64_t request_id = 0;  // of the last try
    bool answered = false;
  };
  void cancel(std::size_t cancelling);
  std::vector<Cancelling> cancelling_;
  std::map<std::uint64_t, std::size_t> cancelling_of_;  // by request id
  std::function<void(const ingest::Respond&)> others_;
  std::uint64_t requests_ = 0;
  std::size_t open_ = 0;
};

}  // namespace sluice::sim
