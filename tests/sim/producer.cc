#include "tests/sim/producer.h"

#include <algorithm>

#include "lib/wire/identity.h"
#include "tests/sim/ingest_node.h"
#include "tests/sim/people.h"

namespace sluice::sim {
namespace {

constexpr Duration kPatience = seconds(8);  // for an answer; then the same is said again
constexpr const char* kOtherwise = "?";     // what other bytes end with

}  // namespace

Producer::Producer(World& world, Witnesses& witnesses, const Settings& settings, QueueFake& queue)
    : world_(world), witnesses_(witnesses), settings_(settings), queue_(queue) {}

void Producer::begin() {
  for (int i = 0; i < settings_.messages; ++i) {
    const Duration when = world_.prng.between(Duration{0}, settings_.sending);
    wire::Offer message = draw_message(i);
    if (world_.prng.chance(settings_.queued)) {
      world_.agenda.after(when, [this, message]() mutable {
        if (goes_in_order(message)) return put_in_order(std::move(message));
        message.first_seen = world_.epoch_now();
        message.expires_at = message.first_seen + hours(96);
        message.priority = 0;
        message.source = "queue";
        message.identity = wire::identity_of("queue", message.key, message.id, 0);
        message.content_hash = wire::content_hash_of(message.request);
        queue_.put(message);
        put_otherwise(std::move(message));
      });
      continue;
    }
    Letter letter;
    letter.message = std::move(message);
    letter.door = world_.prng.below(doors_.size());
    letter.patient = !world_.prng.chance(settings_.impatient);
    letters_.push_back(std::move(letter));
    ++open_;
    post_again(letters_.size() - 1, when);
  }
  // Somebody cancels what nobody has said.
  if (settings_.cancelled > 0) {
    cancelling_.push_back({"", "never-said", 0, 0, false});
    ++open_;
    world_.agenda.after(settings_.sending / 2, [this, at = cancelling_.size() - 1] { cancel(at); });
  }
  for (int i = 0; i < settings_.costs; ++i) {
    bills_.push_back({draw_cost(i), world_.prng.below(doors_.size()), 0, false});
    ++open_;
    const Duration when = world_.prng.between(Duration{0}, settings_.sending);
    world_.agenda.after(when, [this, bill = bills_.size() - 1] { send_bill(bill); });
  }
}

// Whether an id comes a second time with other bytes is in its name: most seeds know none, and draw
// nothing for it.
bool Producer::comes_otherwise(const wire::Offer& message) const {
  const std::string name = wire::identity_of("otherwise", message.key, message.id, 0);
  return wire::short_hash(name) % 1'000'000 < settings_.otherwise;
}

// All that the queue brings of a key does or does not.
bool Producer::goes_in_order(const wire::Offer& message) const {
  return wire::short_hash(wire::identity_of("in order", message.key, "", 0)) % 1'000'000 <
         settings_.in_order;
}

// The clocks of FIFO queues do not agree with the order of what is in them. Whatever is said of a
// message's time and priority, it stays in its place.
void Producer::put_in_order(wire::Offer message) {
  message.first_seen = world_.epoch_now() - world_.prng.between(Duration{0}, seconds(3));
  message.expires_at = message.first_seen + hours(96);
  message.source = "fifo";
  message.identity = wire::identity_of(message.source, message.key, message.id, 0);
  message.content_hash = wire::content_hash_of(message.request);
  message.in_order = true;
  const std::uint64_t key = wire::short_hash(wire::identity_of("group", message.key, "", 0));
  message.stops_dead = key % 1'000'000 < settings_.stops;
  const std::string group = "group-" + std::to_string(key % 3);
  queue_.put(message, group);
  if (!comes_otherwise(message)) return;
  message.request.body += kOtherwise;
  message.content_hash = wire::content_hash_of(message.request);
  queue_.put(std::move(message), group);
}

// At once, or much later.
void Producer::put_otherwise(wire::Offer message) {
  if (!comes_otherwise(message)) return;
  message.request.body += kOtherwise;
  message.content_hash = wire::content_hash_of(message.request);
  const Duration delay = world_.prng.chance(300'000)
                             ? Duration{0}
                             : world_.prng.between(Duration{0}, settings_.sending / 2);
  world_.agenda.after(delay, [this, message = std::move(message)]() mutable {
    message.first_seen = world_.epoch_now();
    message.expires_at = message.first_seen + hours(96);
    queue_.put(std::move(message));
  });
}

wire::Offer Producer::draw_message(int number) {
  Prng& prng = world_.prng;
  wire::Offer message;
  message.upstream = settings_.upstreams[prng.below(settings_.upstreams.size())].name;
  // The first key gets half of all.
  const auto key =
      prng.chance(500'000) ? 0 : prng.below(static_cast<std::uint64_t>(settings_.keys));
  message.key = message.upstream + ":user-" + std::to_string(key);
  message.id = "m" + std::to_string(number);
  message.request.method = "POST";
  message.request.path = "/messages";
  message.request.body = "{\"n\":" + std::to_string(number) + "}";
  if (prng.chance(100'000)) message.request.body += std::string(prng.below(20'000), ' ');
  if (prng.chance(settings_.pressing))
    message.priority = static_cast<std::int32_t>(prng.between(-2, 2));
  if (prng.chance(settings_.scheduled))
    message.not_before = world_.epoch_now() + prng.between(Duration{0}, settings_.sending * 2);
  return message;
}

wire::Cost Producer::draw_cost(int number) {
  Prng& prng = world_.prng;
  wire::Cost cost;
  // Now and then the same event once more, and some of these with other fields.
  const bool again = !bills_.empty() && prng.chance(200'000);
  if (again) {
    cost = bills_[prng.below(bills_.size())].cost;
    if (prng.chance(300'000)) {
      ++cost.amount_nano;
      cost.content_hash = std::string(32, static_cast<char>(128 + number % 128));
    }
    return cost;
  }
  cost.event_id = "event-" + std::to_string(number);
  cost.at = world_.epoch_now();
  cost.provider = prng.chance(500'000) ? "openai" : "anthropic";
  cost.agent = "agent";
  cost.type = "completion";
  cost.units = prng.below(1'000);
  cost.amount_nano = prng.between(std::int64_t{0}, std::int64_t{400'000'000});
  cost.content_hash = std::string(32, static_cast<char>(number % 128));
  return cost;
}

void Producer::post_again(std::size_t letter, Duration delay) {
  world_.agenda.after(delay, [this, letter] { post(letter); });
}

void Producer::post(std::size_t at) {
  Letter& letter = letters_[at];
  if (letter.answered) return;
  const bool first = letter.request_id == 0;
  submit(letter, at, letter.rival);
  if (first && comes_otherwise(letter.message)) {
    letter.has_rival = true;
    submit(letter, at, true);
  }
  post_again(at, kPatience);
}

void Producer::submit(Letter& letter, std::size_t at, bool rival) {
  letter.request_id = ++requests_;
  letter_of_[letter.request_id] = {at, rival};
  IngestNode& door = *doors_[letter.door];
  using Kind = ingest::Preference::Kind;
  const ingest::Preference preference{letter.patient ? Kind::kAsync : Kind::kDefault, {}};
  wire::Offer message = letter.message;
  if (rival) message.request.body += kOtherwise;
  if (door.up())
    door.work(ingest::Submit{letter.request_id, std::move(message), preference, door.wall()});
}

void Producer::send_bill(std::size_t at) {
  Bill& bill = bills_[at];
  if (bill.answered) return;
  bill.request_id = ++requests_;
  bill_of_[bill.request_id] = at;
  witnesses_.tell(&Witness::cost_sent, bill.cost);
  IngestNode& door = *doors_[bill.door];
  if (door.up()) door.work(ingest::SubmitCost{bill.request_id, bill.cost});
  world_.agenda.after(kPatience, [this, at] { send_bill(at); });
}

void Producer::hears(const ingest::Respond& answer) {
  if (const auto asked = asked_about_.find(answer.request_id); asked != asked_about_.end()) {
    if (const auto* found = std::get_if<ingest::Found>(&answer.answer))
      witnesses_.tell(&Witness::explained, asked->second, *found);
    asked_about_.erase(asked);
    return;
  }
  if (answer.request_id > People::kRequests) return others_(answer);
  if (const auto at = cancelling_of_.find(answer.request_id); at != cancelling_of_.end()) {
    Cancelling& one = cancelling_[at->second];
    if (one.answered || std::holds_alternative<ingest::Unavailable>(answer.answer)) return;
    if (one.identity.empty() && !std::holds_alternative<ingest::NotFound>(answer.answer))
      world_.breaks("P4", "what nobody has said can be cancelled");
    one.answered = true;
    --open_;
    return;
  }
  if (otherwise_.erase(answer.request_id) > 0) {
    if (std::holds_alternative<ingest::Accepted>(answer.answer))
      world_.breaks("P2", "a known id was taken with other bytes");
    return;
  }
  if (const auto letter = letter_of_.find(answer.request_id); letter != letter_of_.end())
    return answered(letter->second, answer.answer);
  const auto bill = bill_of_.find(answer.request_id);
  if (bill == bill_of_.end() || bills_[bill->second].answered) return;
  Bill& known = bills_[bill->second];
  const bool booked = std::holds_alternative<ingest::CostBooked>(answer.answer);
  if (!booked && !std::holds_alternative<ingest::CostRefused>(answer.answer)) return;
  known.answered = true;
  --open_;
  witnesses_.tell(booked ? &Witness::cost_answered : &Witness::cost_refused, known.cost);
}

void Producer::answered(const Said& said, const ingest::FrontAnswer& answer) {
  const std::size_t at = said.letter;
  Letter& letter = letters_[at];
  const auto* accepted = std::get_if<ingest::Accepted>(&answer);
  if (accepted && letter.answered && letter.rival != said.rival)
    world_.breaks("P2", "an id was taken with two contents");
  if (letter.answered) return;
  if (accepted != nullptr) {
    letter.answered = true;
    letter.rival = said.rival;
    if (said.rival) letter.message.request.body += kOtherwise;
    --open_;
    const ingest::Name& name = accepted->name;
    world_.note("producer", "202", name.key, name.identity);
    witnesses_.tell(&Witness::accepted, AcceptedMessage{name.identity, name.key, name.id,
                                                        letter.message.request, name.expires_at});
    if (accepted->forecast && !accepted->repeat)
      witnesses_.tell(&Witness::stated, name, *accepted->forecast);
    cancel_some(letter, name.identity);
    ask_about(letter, name.identity);
    // (Who asks at that very moment is told that it is ahead, and it never is.)
    if (!settings_.stated_day && world_.prng.chance(30'000)) say_otherwise(letter);
  } else if (const auto* later = std::get_if<ingest::TooMany>(&answer); later && !said.rival) {
    if (later->retry_after <= Duration{0}) world_.breaks("P9", "429 without a time");
    witnesses_.tell(&Witness::refused, letter.message.key, letter.message.id, later->retry_after);
    letter.patient = world_.prng.chance(500'000);
    const Duration patience = world_.prng.between(Duration{0}, seconds(3));
    post_again(at, std::clamp(later->retry_after, milliseconds(10), seconds(40)) + patience);
  } else if (std::holds_alternative<ingest::Conflict>(answer) && !said.rival) {
    if (!letter.has_rival) world_.breaks("P2", "422 for a message that nobody changed");
    letter.rival = true;  // its rival was put, and its 202 was lost
  }
}

// Now and then somebody wants to know why it waits.
void Producer::ask_about(const Letter& letter, const std::string& identity) {
  for (int i = 0; i < 2; ++i) {
    const Duration delay = world_.prng.between(milliseconds(1), seconds(20));
    world_.agenda.after(delay, [this, door = letter.door, id = letter.message.id, identity] {
      if (!doors_[door]->up()) return;
      asked_about_[++requests_] = identity;
      doors_[door]->work(ingest::Lookup{requests_, id});
    });
  }
}

// The id of another message, once more: it must not be taken.
void Producer::say_otherwise(const Letter& letter) {
  const Duration delay = world_.prng.between(milliseconds(1), seconds(20));
  world_.agenda.after(delay, [this, door = letter.door, message = letter.message]() mutable {
    if (!doors_[door]->up()) return;
    message.request.body += kOtherwise + std::to_string(requests_);
    otherwise_.insert(++requests_);
    doors_[door]->work(ingest::Submit{requests_, std::move(message), {}, doors_[door]->wall()});
  });
}

void Producer::cancel_some(const Letter& letter, const std::string& identity) {
  if (!world_.prng.chance(settings_.cancelled)) return;
  const Duration delay = world_.prng.between(Duration{0}, seconds(20));
  cancelling_.push_back({identity, letter.message.id, letter.door, 0, false});
  ++open_;
  world_.agenda.after(delay, [this, at = cancelling_.size() - 1] { cancel(at); });
}

void Producer::cancel(std::size_t at) {
  Cancelling& one = cancelling_[at];
  if (one.answered) return;
  one.request_id = ++requests_;
  cancelling_of_[one.request_id] = at;
  if (doors_[one.door]->up()) {
    if (!one.identity.empty()) witnesses_.tell(&Witness::cancel_asked, one.identity);
    doors_[one.door]->work(ingest::Cancel{one.request_id, one.id});
  }
  world_.agenda.after(kPatience, [this, at] { cancel(at); });
}

}  // namespace sluice::sim
