#include "lib/stage/process.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "lib/base/check.h"
#include "lib/port/clock.h"
#include "lib/port/lockfile.h"
#include "lib/port/random.h"
#include "lib/stage/reload.h"
#include "lib/wire/links.h"

namespace sluice::stage {

namespace {

constexpr Duration kReadyAgain = milliseconds(50);
constexpr Duration kLastFrames = milliseconds(500);

port::Level level_of(const Settings& settings) {
  const std::string& level = settings.shared.text("log_level");
  if (level == "debug") return port::Level::kDebug;
  if (level == "warning") return port::Level::kWarning;
  return level == "error" ? port::Level::kError : port::Level::kInfo;
}

port::Log::Config log_config(const StageInfo& info, const Settings& settings) {
  return {std::string(info.name), level_of(settings), settings.shared.text("log_format") == "json"};
}

// As many as may be: what is used is bounded by settings (connections_max and the like).
void raise_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Process::Process(const StageInfo& info, Settings settings)
    : info_(info),
      settings_(std::move(settings)),
      latest_(settings_),
      log_(log_config(info_, settings_)),
      life_(port::random_id()),
      started_(poller_.now()),
      awake_(started_) {
  turns_ = &metrics_.histogram("sluice_turn_seconds", "How long turns of the loop took.");
  metrics_.on_scrape([this] { count_links(); });
}

Process::~Process() {
  if (signals_.open()) poller_.unwatch_fd(signals_.get());
}

Result<std::unique_ptr<Process>> Process::open(const StageInfo& info, Settings settings) {
  std::unique_ptr<Process> process(new Process(info, std::move(settings)));
  raise_descriptors();
  if (auto opened = process->open_directory(); !opened) return opened.error();
  if (auto opened = process->open_signals(); !opened) return opened.error();
  return process;
}

Status Process::open_directory() {
  const std::string directory = stage_directory(info_, settings_);
  auto lock = port::lock_file(directory + "/lock");
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  return port::make_directory(settings_.shared.text("data_dir") + "/run");
}

Room Process::room() {
  return {settings_,
          poller_,
          log_,
          metrics_,
          life_,
          settings_.stage.text("instance"),
          stage_directory(info_, settings_)};
}

Status Process::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  return open_health();
}

// ---- links -----------------------------------------------------------------------------------

Status Process::connect(wire::Links::Facts facts, port::ZmqLinks::Events events) {
  port::ZmqLinks::Config config;
  config.links.role = info_.role;
  config.links.instance = settings_.stage.text("instance");
  config.links.life = life_;
  config.links.takes = info_.takes;
  config.listen = listen_addresses(info_, settings_);
  for (const wire::Role role : info_.dials) {
    for (const std::string& address : dial_addresses(role, settings_)) {
      config.dials.push_back({role, address});
    }
  }
  auto links =
      port::ZmqLinks::open(poller_, log_, std::move(config), {std::move(facts), std::move(events)});
  if (!links) return links.error();
  links_ = std::move(*links);
  return Done{};
}

void Process::count_links() {
  metrics_.gauge("sluice_uptime_seconds", "Since the process started.")
      .set(static_cast<double>((poller_.now() - started_).us) / 1e6);
  if (!links_) return;
  const wire::LinkCounts& counts = links_->links().counts();
  const auto counter = [&](std::string_view name, std::string_view help, Labels labels) {
    return &metrics_.counter(name, help, std::move(labels));
  };
  counter("sluice_link_frames_total", "Frames.", {{"way", "in"}})->set(counts.frames_in);
  counter("sluice_link_frames_total", "Frames.", {{"way", "out"}})->set(counts.frames_out);
  counter("sluice_link_items_total", "Items in frames.", {{"way", "in"}})->set(counts.items_in);
  counter("sluice_link_items_total", "Items in frames.", {{"way", "out"}})->set(counts.items_out);
  for (std::size_t i = 0; i < wire::kDroppedKinds; ++i) {
    const std::string why(wire::name_of(static_cast<wire::Dropped>(i)));
    counter("sluice_link_dropped_total", "Frames and items that were not taken.", {{"why", why}})
        ->set(counts.dropped.at(i));
  }
  std::vector<wire::Role> roles = info_.takes;
  roles.insert(roles.end(), info_.dials.begin(), info_.dials.end());
  for (const wire::Role role : roles) {
    metrics_
        .gauge("sluice_link_peers", "Peers that are up.", {{"role", std::string(name_of(role))}})
        .set(static_cast<double>(links_->links().peers_up(role)));
  }
}

// ---- signals ---------------------------------------------------------------------------------

Status Process::open_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, one);
  (void)std::signal(SIGPIPE, SIG_IGN);
  // Blocked before any library starts a thread of its own, so that none of them takes a signal.
  CHECK(sigprocmask(SIG_BLOCK, &wanted, nullptr) == 0);
  signals_ = port::UniqueFd(signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_.open()) {
    return Error{Trouble::kUnavailable, std::string("signalfd: ") + std::strerror(errno)};
  }
  poller_.watch_fd(signals_.get(), EPOLLIN, [this](std::uint32_t) { read_signals(); });
  return Done{};
}

void Process::read_signals() {
  signalfd_siginfo got{};
  while (read(signals_.get(), &got, sizeof got) == static_cast<ssize_t>(sizeof got)) {
    if (got.ssi_signo != SIGHUP) {
      stop(static_cast<int>(got.ssi_signo));
    } else {
      reload();
    }
  }
}

void Process::reload() {
  Reload again{info_, latest_, log_};
  if (auto fresh = again.perform(hooks_.read_again, hooks_.reload)) latest_ = std::move(*fresh);
  log_.set_level(level_of(latest_));
}

// Said twice: now.
void Process::stop(int signal) {
  if (draining()) {
    stop_at_ = poller_.now();
    return;
  }
  const Duration at_most = latest_.stage.duration("stop_timeout");
  stop_at_ = poller_.now() + at_most;
  log_.info("stopping", {{"signal", signal == SIGINT ? "INT" : "TERM"}, {"at_most", at_most}});
  if (hooks_.drain) hooks_.drain();
}

bool Process::may_leave(bool idle) {
  if (!draining()) return false;
  if (idle) {
    log_.info("stopped");
    return true;
  }
  if (poller_.now() < stop_at_) return false;
  log_.warning("stopped with work left", {{"why", "stop_timeout"}});
  return true;
}

void Process::finish() {
  links_->linger(kLastFrames);
  links_.reset();
  health_.reset();
}

// ---- turns -----------------------------------------------------------------------------------

void Process::poll(Instant until) {
  until = std::min(until, stop_at_);
  if (!was_ready_) until = std::min(until, poller_.now() + kReadyAgain);
  poller_.poll(until);
  awake_ = poller_.now();
}

void Process::turn_done() {
  turns_->observe(port::steady_now() - awake_);
  if (!was_ready_) say_ready();
}

std::string Process::why_not_ready() {
  if (draining()) return "stopping";
  return hooks_.not_ready ? hooks_.not_ready() : "";
}

void Process::say_ready() {
  if (!why_not_ready().empty()) return;
  was_ready_ = true;
  log_.info("ready", {{"instance", settings_.stage.text("instance")},
                      {"health", settings_.stage.text("health_listen")},
                      {"after", poller_.now() - started_}});
}

// ---- health ----------------------------------------------------------------------------------

Status Process::open_health() {
  port::HttpServerConfig config;
  config.listen = settings_.stage.text("health_listen");
  config.body_max = 64 * 1024;
  config.connections_max = 64;
  config.requests_max = 64;
  auto opened = port::HttpServer::open(
      poller_, config, [this](const port::HttpRequest& request) { answer(request); });
  if (!opened) return Error{opened.error().code, "health_listen: " + opened.error().what};
  health_ = std::move(*opened);
  return Done{};
}

void Process::answer(const port::HttpRequest& request) {
  port::HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  const auto respond = [this, id = request.id](port::HttpResponse own) {
    if (health_ != nullptr) health_->respond(id, std::move(own));
  };
  if (hooks_.health && hooks_.health(request, respond)) return;
  if (request.method != "GET" && request.method != "HEAD") {
    response = port::problem(405, "Method Not Allowed", "only GET here");
  } else if (request.path == "/healthz") {
    response.body = "ok\n";
  } else if (request.path == "/readyz") {
    const std::string why = why_not_ready();
    response.status = why.empty() ? 200 : 503;
    response.body = (why.empty() ? "ready" : why) + "\n";
  } else if (request.path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.text();
  } else {
    response = port::problem(404, "Not Found", "there are /healthz, /readyz and /metrics");
  }
  health_->respond(request.id, std::move(response));
}

}  // namespace sluice::stage
