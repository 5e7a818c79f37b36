// The five stages, everything that they touch, and whoever watches them: one run's whole world.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/alert_state.h"
#include "tests/sim/auditor_node.h"
#include "tests/sim/dispatcher_node.h"
#include "tests/sim/editors.h"
#include "tests/sim/ingest_node.h"
#include "tests/sim/ledger.h"
#include "tests/sim/limiter_node.h"
#include "tests/sim/network.h"
#include "tests/sim/parking.h"
#include "tests/sim/people.h"
#include "tests/sim/producer.h"
#include "tests/sim/queue.h"
#include "tests/sim/settings.h"
#include "tests/sim/store_fake.h"
#include "tests/sim/trail.h"
#include "tests/sim/upstream.h"

namespace sluice::sim {

class System {
 public:
  System(World& world, Settings settings);

  void begin();  // everybody boots, producers send, faults strike
  void heal();
  // Nothing is open anywhere: what was accepted is settled and forgotten.
  [[nodiscard]] bool quiet() const;
  // For a person: what is still open, and where.
  [[nodiscard]] std::string what_is_open() const;

  // For saboteurs.
  [[nodiscard]] std::vector<std::unique_ptr<IngestNode>>& ingests() { return ingests_; }
  [[nodiscard]] std::vector<std::unique_ptr<DispatcherNode>>& dispatchers() { return dispatchers_; }
  [[nodiscard]] std::vector<std::unique_ptr<LimiterNode>>& limiters() { return limiters_; }
  [[nodiscard]] AuditorNode& auditor() { return *auditor_; }
  [[nodiscard]] AlerterNode& alerter() { return *alerter_; }
  [[nodiscard]] QueueFake& queue() { return queue_; }

  [[nodiscard]] Witnesses& witnesses() { return witnesses_; }
  [[nodiscard]] std::uint64_t arrivals() const;
  [[nodiscard]] std::uint64_t crashes() const;

 private:
  void add_witnesses();
  void add_limiters();
  void add_ingests();
  void add_dispatchers();
  void say(const ingest::ControlKey& control);
  void ask(const ingest::AskLimits& limits);
  void edit(const std::vector<Upstream>& upstreams);
  void store_forgot();
  [[nodiscard]] std::vector<Process*> processes() const;
  [[nodiscard]] std::size_t rows() const;
  [[nodiscard]] bool agreed() const;
  [[nodiscard]] std::string why_they_wait() const;

  World& world_;
  Settings settings_;
  Witnesses witnesses_;
  Network network_;
  QueueFake queue_;
  TrailFake trail_;
  LedgerFake ledger_;
  AlertStateFake alert_state_;
  StoreFake store_;
  Producer producer_;
  People people_;
  Editors editors_;
  std::uint64_t edits_ = 0;  // of the settings
  std::map<std::string, std::unique_ptr<UpstreamFake>> upstreams_;
  std::vector<std::unique_ptr<ParkingFake>> parkings_;
  std::vector<std::unique_ptr<IngestNode>> ingests_;
  std::vector<std::unique_ptr<DispatcherNode>> dispatchers_;
  std::vector<std::unique_ptr<LimiterNode>> limiters_;
  std::unique_ptr<AuditorNode> auditor_;
  std::unique_ptr<AlerterNode> alerter_;
};

}  // namespace sluice::sim
