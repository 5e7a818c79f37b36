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

#include "ingest/api_keys.h"
#include "ingest/core.h"
#include "ingest/document.h"
#include "ingest/http_asks.h"
#include "ingest/routes.h"
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
    std::vector<std::string> reply_hosts = {};  // where a reply_to may point to
    std::function<void()> again = [] {};        // asks for feed() in the next turn
    std::size_t lines_max = 20'000;             // of an NDJSON request
    bool local = false;                         // it listens on a loopback address
    std::int64_t scale_millionths = 1'000'000;  // of limits' spans, as the settings scale them
    // Where messages go into a queue: why it does not take one.
    std::function<std::optional<Refusal>(const wire::Offer&, const std::string& document)>
        queue_trouble = {};
  };

  HttpDoor(Pointers pointers, std::vector<Upstream> upstreams, World world);

  // Who may do what. Without any key everybody who reaches the door may do everything, if `open`.
  void set_keys(std::vector<ApiKey> keys, bool open);
  void set_upstreams(std::vector<Upstream> upstreams) { upstreams_ = std::move(upstreams); }
  void request(port::HttpRequest request);
  void respond(const Respond& answer);
  // Lines of a batch wait while the core has no room, and beyond what a turn takes of them; called
  // once a turn.
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
    Scope scope;
  };
  struct Waiting {
    std::shared_ptr<Batch> batch;
    std::size_t place = 0;
    std::string event_id;  // of a cost
  };

  // A request that was let in: by whom, and to what.
  struct Entry {
    Scope scope;
    std::string by;  // the API key's name
    std::string name;
  };
  // Nothing: it was answered.
  std::optional<Entry> let_in(const port::HttpRequest& request, const Routed& routed);
  void act(Act act, port::HttpRequest request, Entry entry);
  void post(port::HttpRequest request, What what, Entry entry);
  // The number under which the core answers this request.
  std::uint64_t asking(const port::HttpRequest& request, Scope scope = {});
  // Whether a web page of elsewhere may be behind it; then it was answered.
  bool foreign(const port::HttpRequest& request);
  // Nothing: it was answered.
  std::optional<Parameters> query_of(const port::HttpRequest& request, const Scope& scope);
  void list(const port::HttpRequest& request, Entry entry);
  void key_page(const port::HttpRequest& request, Entry entry);
  void look_key(const port::HttpRequest& request, const Entry& entry, bool whole);
  void control(const port::HttpRequest& request, Act act, const Entry& entry);
  void limits(const port::HttpRequest& request, bool edits, Entry entry);
  // The upstream of a key, or of that name; nullptr: it was answered.
  const Upstream* upstream_for(const port::HttpRequest& request, const Entry& entry, bool whole);
  void refuse(std::uint64_t http_id, const Refusal& refusal);
  [[nodiscard]] bool may_take(std::size_t lines) const;
  void take(const std::shared_ptr<Batch>& batch, std::size_t& lines);
  void take_document(const std::shared_ptr<Batch>& batch, std::string_view document);
  void take_message(Waiting waiting, std::string_view document);
  void take_cost(Waiting waiting, std::string_view document);
  void answer(const Waiting& waiting, port::HttpResponse response);
  void finish(Batch& batch);
  void reply(std::uint64_t http_id, port::HttpResponse response);

  Pointers pointers_;
  std::vector<Upstream> upstreams_;
  World world_;
  ApiKeys keys_;
  bool open_ = true;
  bool draining_ = false;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::deque<std::shared_ptr<Batch>> hungry_;  // NDJSON with lines left
  std::unordered_map<int, std::uint64_t> statuses_;
  std::string seal_secret_;  // of this life
};

}  // namespace sluice::ingest
