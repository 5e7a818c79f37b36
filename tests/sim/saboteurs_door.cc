// Saboteurs: what is posted goes into a queue, and not all that is answered is there.
#include <utility>

#include "ingest/name.h"
#include "tests/sim/saboteurs.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

// Much is posted, and the queue's calls end in every way.
void posted_in_bad_weather(Settings& settings, Faults& faults) {
  settings.ingests = 1;
  settings.queued = settings.otherwise = 0;
  settings.send_into_queue();
  faults.queue_calls.refused = faults.queue_calls.lost_before = 100'000;
  faults.queue_calls.lost_after = faults.queue_calls.late = 100'000;
}

Saboteur answered_too_soon() {
  return {"202 before the queue has the message",
          {},
          [](System& system) {
            for (auto& ingest : system.ingests())
              ingest->sabotage([](auto& node, auto&& effect, auto& instead) {
                const auto* call = std::get_if<ingest::QueueCall>(&effect);
                if (call && std::holds_alternative<ingest::SendPosted>(call->call))
                  node.later(microseconds(1), [&node, id = call->call_id] {
                    node.reply(ingest::QueueReply{id, true});
                  });
                instead.push_back(std::move(effect));
              });
          },
          posted_in_bad_weather};
}

// Parking is believed to have it.
Saboteur deleted_unparked() {
  return {"what was posted is deleted from its queue unparked",
          {},
          [](System& system) {
            for (auto& ingest : system.ingests())
              ingest->sabotage([](auto& node, auto&& effect, auto& instead) {
                const auto* call = std::get_if<ingest::ParkingCall>(&effect);
                const auto* put = call ? std::get_if<ingest::Put>(&call->call) : nullptr;
                if (!put || !put->posted) return instead.push_back(std::move(effect));
                ingest::PutAnswer answer;
                answer.name = ingest::name_of_row(put->row);
                answer.key.key = put->row.key;
                node.later(microseconds(1), [&node, id = call->call_id, answer] {
                  node.reply(ingest::ParkingReply{id, answer});
                });
              });
          },
          posted_in_bad_weather};
}

// A repeat finds the name and asks no further.
Saboteur repeats_not_sent() {
  return {"what was accepted and not sent is answered 202",
          {},
          [](System& system) {
            for (auto& ingest : system.ingests())
              ingest->sabotage([](auto& node, auto&& effect, auto& instead) {
                const auto* call = std::get_if<ingest::QueueCall>(&effect);
                const auto* send = call ? std::get_if<ingest::SendPosted>(&call->call) : nullptr;
                const bool first = !send || send->message.first_seen + seconds(2) > node.wall();
                if (first) return instead.push_back(std::move(effect));
                node.later(microseconds(1), [&node, id = call->call_id] {
                  node.reply(ingest::QueueReply{id, true});
                });
              });
          },
          posted_in_bad_weather};
}

}  // namespace

std::vector<Saboteur> door_saboteurs() {
  return {answered_too_soon(), deleted_unparked(), repeats_not_sent()};
}

}  // namespace sluice::sim
