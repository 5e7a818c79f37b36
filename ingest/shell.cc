#include "ingest/shell.h"

#include <utility>

#include "ingest/http_answers.h"
#include "ingest/sqs_posted.h"
#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"

namespace sluice::ingest {

namespace {

constexpr Duration kIdleAfter = milliseconds(200);  // without a commit
constexpr Duration kMeetMax = seconds(2);
constexpr Duration kLookAgain = milliseconds(10);
constexpr Duration kWellAfter = seconds(5);  // without a call of the table that failed
constexpr Duration kSumsEvery = seconds(1);  // they are counted, key by key

}  // namespace

std::string parking_file(const std::string& directory) { return directory + "/parking.db"; }

Shell::Shell(Config config, Pointers pointers)
    : config_(config), pointers_(std::move(pointers)), core_(std::move(config)) {}

Status Shell::open_file(const stage::Room& room) {
  auto parking = SqliteParking::open(parking_file(room.data_dir));
  if (!parking) return parking.error();
  if (auto whole = (*parking)->check_whole(); !whole) return whole.error();
  parking_ = std::move(*parking);
  auto lists = SqliteLists::open(parking_file(room.data_dir));
  if (!lists) return lists.error();
  lists_ = std::move(*lists);
  return Done{};
}

Result<std::unique_ptr<Shell>> Shell::open(const stage::Room& room) {
  auto config = read_config(room.settings);
  if (!config) return config.error();
  auto pointers = read_pointers(room.settings);
  if (!pointers) return pointers.error();
  std::unique_ptr<Shell> shell(new Shell(std::move(*config), std::move(*pointers)));
  const bool table = parks_in_table(room.settings);
  if (auto store = table ? shell->open_table(room) : shell->open_file(room); !store) {
    return store.error();
  }
  auto keys = SqliteApiKeys::open(api_keys_file(room.data_dir));
  if (!keys) return keys.error();
  auto known = (*keys)->all();
  if (!known) return known.error();
  shell->keys_ = std::move(*keys);
  auto told = SettingKeys::read(room.settings);
  if (!told) return told.error();
  shell->setting_keys_ = std::move(*told);
  shell->open_ = may_be_open(room.settings);
  shell->local_ = is_local(room.settings);
  shell->lines_max_ = static_cast<std::size_t>(room.settings.stage.whole("lines_max"));
  const bool has_keys = !known->empty() || !shell->setting_keys_.empty();
  if (!has_keys && !shell->open_) return not_open(room.settings);
  shell->door_config_ = read_door(room.settings);
  if (auto queues = shell->open_queues(room); !queues) return queues.error();
  shell->open_door();
  return shell;
}

HttpDoor::World Shell::world() {
  HttpDoor::World world{[this](const IngestCore::Work& work) { stage_->accept(work); },
                        [this] { return core_.door_room(); },
                        [this](std::uint64_t id, port::HttpResponse response) {
                          server_->respond(id, std::move(response));
                        },
                        port::wall_now,
                        port::random_bytes,
                        config_.replies.hosts};
  world.again = [this] { stage_->poller().after(Duration{0}, [this] { door_->feed(); }); };
  world.lines_max = lines_max_;
  world.local = local_;
  world.scale_millionths = stage_->room().settings.time_scale_millionths;
  if (!config_.door_queue.empty()) {
    world.queue_trouble = [this](const wire::Offer& message, const std::string& document) {
      return sqs_posted_trouble(message, document, queue_named(config_.door_queue).bytes_max());
    };
  }
  return world;
}

Status Shell::start(stage::Stage<IngestCore>& stage) {
  stage_ = &stage;
  began_ = stage.now();
  door_ = std::make_unique<HttpDoor>(door_pointers_, door_upstreams_, world());
  if (auto opened = open_secrets(); !opened) return opened;
  start_replies();
  start_keys();
  auto server = port::HttpServer::open(
      stage.poller(), door_config_,
      [this](port::HttpRequest request) { door_->request(std::move(request)); });
  if (!server) {
    return Error{server.error().code, "listen: " + server.error().what};
  }
  server_ = std::move(*server);
  stage.metrics().on_scrape([this] { count(); });
  stage.log().info("front door", {{"listen", door_config_.listen}, {"port", server_->port()}});
  if (!config_.door_queue.empty()) {
    stage.log().info("what is posted goes into a queue", {{"queue", config_.door_queue}});
  }
  start_queues();
  if (table_) start_table();
  stage.poller().after(seconds(1), [this] { each_second(); });
  stage.poller().after(seconds(10), [this] { each_ten_seconds(); });
  return Done{};
}

Status Shell::open_secrets() {
  std::vector<aws::NamedSecret> named = setting_keys_.tokens();
  aws::name_secrets(stage_->settings().stage, {}, {"reply_secrets"}, named);
  auto secrets = aws::Secrets::open(stage_->poller(), stage_->log(), stage_->settings(), named);
  if (!secrets) return secrets.error();
  secrets_ = std::move(*secrets);
  return Done{};
}

void Shell::start_replies() {
  ReplySender::World world{stage_->poller(), stage_->log(), port::wall_now, stage_->room().life};
  world.read_secret = [this](const std::string& one) { return secrets_->read(one); };
  world.secret_refused = [this](const std::string& one) { secrets_->refused(one); };
  replies_ = std::make_unique<ReplySender>(config_.replies, reply_store(), std::move(world));
}

Result<std::vector<std::string>> Shell::reload(const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return config.error();
  if (auto queues = reload_queues(settings, *config); !queues) return queues.error();
  core_.edit(std::move(config->upstreams));
  door_->set_upstreams(door_upstreams_);
  return std::vector<std::string>{"[[upstream]]", "[[limit]]"};
}

void Shell::perform(IngestCore::Effect effect) {
  if (auto* call = std::get_if<ParkingCall>(&effect)) {
    calls_.push_back(std::move(*call));
  } else if (const auto* answer = std::get_if<Respond>(&effect)) {
    door_->respond(*answer);
  } else if (const auto* queue = std::get_if<QueueCall>(&effect)) {
    ask_queue(*queue);
  } else if (const auto* list = std::get_if<ListCall>(&effect)) {
    if (!lists_) {
      const char* why = "no messages are listed with parking = \"dynamodb\"";
      return stage_->complete(ListReply{list->call_id, ListFailed{why, true}});
    }
    auto page = lists_->list(list->ask);
    if (page) {
      stage_->complete(ListReply{list->call_id, std::move(*page)});
    } else {
      stage_->complete(ListReply{list->call_id, ListFailed{page.error().what}});
    }
  }
}

// Each trouble once, until there is another one or none.
void Shell::say(const std::string& trouble, std::string& said) {
  if (trouble == said) return;
  said = trouble;
  if (!said.empty()) stage_->log().error("parking failed", {{"what", said}});
}

// The calls of a round share one commit; their answers come after it.
void Shell::end_turn() {
  if (table_) {
    table_->apply(std::exchange(calls_, {}));
  } else if (!calls_.empty()) {
    wrote_at_ = stage_->now();
    const std::vector<ParkingReply> replies = parking_->apply(calls_);
    calls_.clear();
    std::string trouble;
    std::string damage;
    for (const ParkingReply& reply : replies) {
      const auto* failed = std::get_if<ParkingFailed>(&reply.answer);
      if (failed != nullptr) (failed->alone ? damage : trouble) = failed->what;
    }
    say(trouble, trouble_);
    if (!damage.empty()) say(damage, damage_);
    for (const ParkingReply& reply : replies) {
      if (const auto* settled = std::get_if<SettleAnswer>(&reply.answer)) ended(*settled);
      stage_->complete(reply);
    }
  }
  replies_->end_turn();
  for (const auto& queue : queues_) queue->end_turn();
  door_->feed();
}

void Shell::ended(const SettleAnswer& message) {
  replies_->want();
  if (message.stopped) say_stopped(message.key.key, message.identity);
}

void Shell::say_stopped(const std::string& key, const std::string& identity) {
  stage_->log().error("a message is dead: its key is stopped until somebody resumes it",
                      {{"key", key}, {"identity", to_hex(identity)}});
}

std::string Shell::not_ready() {
  met_ =
      met_ || (core_.limiters() > 0 && core_.auditors() > 0) || stage_->now() - began_ >= kMeetMax;
  if (met_) return trouble_;
  return core_.limiters() == 0 ? "no limiter is connected yet" : "no auditor is connected yet";
}

void Shell::each_second() {
  stage_->poller().after(seconds(1), [this] { each_second(); });
  if (parking_) look_for_rows();
  if (table_ && stage_->now() - table_failed_at_ >= kWellAfter) say({}, trouble_);
  if (look_at_keys() || keys_->changed()) read_keys();
  replies_->look();
  if (parking_) parking_->checkpoint_if_due(stage_->now() - wrote_at_ >= kIdleAfter);
  door_->feed();
}

// Rows that an import or a replay has added, a few at a time.
void Shell::look_for_rows() {
  auto added = parking_->added_by_others();
  if (!added) return stage_->log().error("parking cannot be read", {{"what", added.error().what}});
  if (!added->keys.empty()) stage_->complete(ParkingChanged{std::move(added->keys)});
  if (added->more) stage_->poller().after(kLookAgain, [this] { look_for_rows(); });
}

void Shell::start_keys() {
  read_keys();
  for (const aws::NamedSecret& token : setting_keys_.tokens()) {
    secrets_->when_read(token.reference, [this] {
      if (look_at_keys()) read_keys();
    });
  }
}

// Those of the settings: true when one has another token than before.
bool Shell::look_at_keys() {
  const bool changed =
      setting_keys_.look([this](const std::string& one) { return secrets_->read(one); });
  for (const std::string& name : changed ? setting_keys_.guessable() : std::vector<std::string>{}) {
    stage_->log().error("an API key's token is shorter than 32 characters: it opens nothing",
                        {{"name", name}});
  }
  return changed;
}

// When they cannot be read, those that were known hold: the next second tries again.
void Shell::read_keys() {
  auto keys = keys_->all();
  if (!keys) {
    return stage_->log().error("API keys cannot be read", {{"what", keys.error().what}});
  }
  keys->insert(keys->end(), setting_keys_.keys().begin(), setting_keys_.keys().end());
  door_->set_keys(std::move(*keys), open_);
}

void Shell::each_ten_seconds() {
  stage_->poller().after(seconds(10), [this] { each_ten_seconds(); });
  for (const std::string& name : namesakes_.look(core_.connected())) {
    stage_->log().error("two processes that live have the same instance: give each its own",
                        {{"who", name}});
  }
  const bool known = add_up() || (table_ && sums_at_ != Instant{});
  if (known) stage_->complete(ParkingSize{sums_.rows, sums_.dead, port::wall_now()});
}

// The table adds itself up (shell_table.cc).
bool Shell::add_up() {
  if (!parking_) return false;
  const auto sums = parking_->sums();
  if (!sums) return false;
  sums_ = *sums;
  sums_at_ = stage_->now();
  return true;
}

void Shell::drain() {
  draining_ = true;
  server_->stop_listening();
  stage_->accept(Drain{});
  for (const auto& queue : queues_) queue->drain();
  replies_->drain();
  door_->drain();
}

void Shell::count() {
  stage::Metrics& metrics = stage_->metrics();
  const Counts& counts = core_.counts();
  const auto total = [&](const char* name, const char* help, std::uint64_t value) {
    metrics.counter(name, help).set(value);
  };
  total("sluice_messages_accepted_total", "Messages taken and made durable.", counts.accepted);
  total("sluice_messages_repeated_total", "Repeats of accepted messages.", counts.repeated);
  total("sluice_messages_offered_total", "Offers to limiters.", counts.offered);
  total("sluice_messages_settled_total", "Messages that have ended.", counts.settled);
  total("sluice_messages_dead_total", "Of them dead.", counts.dead);
  total("sluice_costs_booked_total", "Costs booked.", counts.costs_booked);
  total("sluice_costs_refused_total", "Costs that the auditor refused.", counts.costs_refused);
  total("sluice_reannouncements_total", "Announcements because a heartbeat differed.",
        counts.reannounced);
  for (const auto& [status, number] : door_->statuses()) {
    metrics
        .counter("sluice_http_responses_total", "Answers of the front door.",
                 {{"status", std::to_string(status)}})
        .set(number);
  }
  count_replies(metrics);
  count_queues(metrics);
  metrics.gauge("sluice_limiters_count", "Limiters connected.")
      .set(static_cast<double>(core_.limiters()));
  metrics.gauge("sluice_auditors_count", "Auditors connected.")
      .set(static_cast<double>(core_.auditors()));
  if (stage_->now() >= sums_at_ + kSumsEvery) add_up();
  metrics.gauge("sluice_rows_count", "Messages that wait.").set(static_cast<double>(sums_.rows));
  metrics.gauge("sluice_keys_count", "Keys with rows.").set(static_cast<double>(sums_.keys));
  metrics.gauge("sluice_dead_letters_count", "Dead letters kept.")
      .set(static_cast<double>(sums_.dead));
}

void Shell::count_replies(stage::Metrics& metrics) {
  constexpr const char* kName = "sluice_replies_total";
  constexpr const char* kHelp = "Tries of replies, and replies that were given up.";
  const Replies::Counts& counts = replies_->counts();
  metrics.counter(kName, kHelp, {{"result", "delivered"}}).set(counts.delivered);
  metrics.counter(kName, kHelp, {{"result", "failed"}}).set(counts.failed);
  metrics.counter(kName, kHelp, {{"result", "given_up"}}).set(counts.given_up);
  if (const auto waiting = reply_store().waiting()) {
    metrics.gauge("sluice_replies_count", "Replies that wait to be delivered.")
        .set(static_cast<double>(*waiting));
  }
}

}  // namespace sluice::ingest
