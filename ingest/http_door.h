// The front door: HTTP requests -> work of the core, its answers -> HTTP responses. One document,
// or NDJSON of which each line has its own fate and the answer keeps the order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ingest/core.h"
#include "ingest/document.h"
#include "lib/port/http_server.h"

namespace sluice::ingest {

class HttpDoor {
 public:
  struct World {
    std::function<void(const IngestCore::Work&)> accept;  // into the core
    std::function<std::size_t()> room;                    // of the core
    std::function<void(std::uint64_t id, port::HttpResponse)> respond;
    std::function<StoreTime()> wall;
    std::function<std::string(std::size_t)> random;
  };

  HttpDoor(Pointers pointers, std::vector<Upstream> upstreams, World world);

  void request(port::HttpRequest request);
  void respond(const Respond& answer);
  // Lines of a batch wait while the core has no room; called once a turn.
  void feed();
  // The core takes nothing new from now on: lines that wait are refused, one by one.
  void drain();

  [[nodiscard]] const std::unordered_map<int, std::uint64_t>& statuses() const { return statuses_; }

 private:
  enum class What : std::uint8_t { kMessage, kCost };
  struct Batch {
    std::uint64_t http_id = 0;
    bool lines = false;  // NDJSON
    What what = What::kMessage;
    std::string body;
    std::size_t next = 0;  // where in the body the next line begins
    std::size_t line = 0;  // how many lines were taken
    std::size_t open = 0;  // of them not answered
    std::vector<std::string> answers;
    Preference preference;
    std::string traceparent;
  };
  struct Waiting {
    std::shared_ptr<Batch> batch;
    std::size_t place = 0;
    std::string event_id;  // of a cost
  };

  void post(port::HttpRequest request, What what);
  void one_message(const port::HttpRequest& request, std::string id);
  [[nodiscard]] bool may_take() const;
  void take(const std::shared_ptr<Batch>& batch);
  void take_document(const std::shared_ptr<Batch>& batch, std::string_view document);
  void take_message(Waiting waiting, std::string_view document);
  void take_cost(Waiting waiting, std::string_view document);
  void answer(const Waiting& waiting, port::HttpResponse response);
  void finish(Batch& batch);
  void reply(std::uint64_t http_id, port::HttpResponse response);
  void not_allowed(std::uint64_t http_id, std::string_view allowed);

  Pointers pointers_;
  std::vector<Upstream> upstreams_;
  World world_;
  bool draining_ = false;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::deque<std::shared_ptr<Batch>> hungry_;  // NDJSON with lines left
  std::unordered_map<int, std::uint64_t> statuses_;
};

}  // namespace sluice::ingest
