// sluice-ingest in the simulated world: its parking on a fake disk, its queue, its front door.
#pragma once

#include <algorithm>
#include <memory>

#include "ingest/core.h"
#include "tests/sim/call.h"
#include "tests/sim/node.h"
#include "tests/sim/parking.h"
#include "tests/sim/producer.h"
#include "tests/sim/queue.h"

namespace sluice::sim {

class IngestNode : public Node<ingest::IngestCore> {
 public:
  IngestNode(World& world, Network& network, ingest::Config config, ParkingFake& parking,
             QueueFake& queue, Producer& producer)
      : Node(world, network, config.store, &Faults::ingest),
        config_(std::move(config)),
        parking_(parking),
        queue_(queue),
        producer_(producer) {}

  // What goes in order is read by one ingest: another one would have rows of its own.
  void read_in_order() { reads_in_order_ = true; }

 private:
  std::unique_ptr<ingest::IngestCore> make_core() override {
    return std::make_unique<ingest::IngestCore>(config_);
  }
  wire::LinksConfig make_links() override {
    wire::LinksConfig links;
    links.role = wire::Role::kIngest;
    return links;
  }
  void on_boot() override {
    Node::on_boot();
    poll();
  }
  void on_stop() override {
    work(ingest::Drain{});
    Node::on_stop();
  }
  // As many as one reception brings, asked for while there was room for one; in order, for all.
  void poll() {
    if (const std::size_t room = std::min(kBatch, core()->room()); reads_in_order_ && room > 0)
      for (ingest::QueueCopy& copy : queue_.receive_in_order(room)) work(std::move(copy));
    if (core()->queue_room() > 0)
      for (ingest::QueueCopy& copy : queue_.receive(kBatch, config_.store)) work(std::move(copy));
    later(world().prng.between(milliseconds(50), world().faults.queue.delay_max),
          [this] { poll(); });
  }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(ingest::ParkingCall& call) {
    using ingest::ParkingAnswer;
    outside_call(
        *this, world().faults.parking, Reach::kInside,
        [this, ask = std::move(call.call)] { return parking_.apply(ask); },
        [] {
          return ParkingAnswer(ingest::ParkingFailed{"the disk said no", false});
        },
        [this, id = call.call_id](const ParkingAnswer& answer) {
          reply(ingest::ParkingReply{id, answer});
        });
  }
  void act(ingest::QueueCall& call) {
    outside_call(
        *this, world().faults.queue_calls, Reach::kNetwork,
        [this, call] { return queue_.apply(call); },
        [id = call.call_id] { return ingest::QueueReply{id}; },
        [this](const ingest::QueueReply& answer) { reply(answer); });
  }
  void act(ingest::Respond& answer) { producer_.hears(answer); }
  template <class Other>
  void act(Other&) {}

  static constexpr std::size_t kBatch = 10;

  ingest::Config config_;
  bool reads_in_order_ = false;
  ParkingFake& parking_;
  QueueFake& queue_;
  Producer& producer_;
};

}  // namespace sluice::sim
