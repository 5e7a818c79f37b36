#include "lib/port/http_server.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/check.h"
#include "lib/port/address.h"
#include "lib/port/clock.h"
#include "lib/port/listen_socket.h"

namespace sluice::port {

namespace {

constexpr Duration kSweep = seconds(1);
constexpr Duration kLastAnswers = seconds(2);
constexpr rlim_t kDescriptorsKept = 128;
// Not MHD_OPTION_STRICT_FOR_CLIENT: of what it refuses, 0.9.75 sends the header of its answer twice
// (no Host) or closes without one (a space in the target); our own checks refuse
// the same in words. A Content-Length that is no number still gets libmicrohttpd's own 400.

// A body of unknown length that is too large is read away this much further, so that the client
// hears 413; then the connection is cut.
constexpr std::size_t kReadAwayFactor = 8;

// Links, files and the other server need descriptors too: connections must leave them some.
Status check_descriptors(const HttpServerConfig& config) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return Done{};
  const rlim_t needed = config.connections_max + kDescriptorsKept;
  if (limit.rlim_cur >= needed) return Done{};
  return Error{Trouble::kUnavailable,
               std::to_string(config.connections_max) + " connections need " +
                   std::to_string(needed) + " file descriptors, and only " +
                   std::to_string(limit.rlim_cur) + " are allowed (ulimit -n)"};
}

}  // namespace

// Owns the daemon. A Call is one request, from its first line until libmicrohttpd says that it is
// completed; libmicrohttpd keeps the pointer.
struct HttpServer::Daemon {
  enum class State : std::uint8_t { kReading, kTooLarge, kHanded, kAnswered };
  struct Call {
    HttpRequest request;
    State state = State::kReading;
    bool begun = false;
    bool suspended = false;
    bool close = false;
    bool leaving = false;  // its answer is on its way
    std::size_t read_away = 0;
    MHD_Connection* connection = nullptr;
    HttpResponse response;
  };
  struct Client {
    int fd = -1;
    Instant since;              // the connection's start, or the end of its last request
    bool from_here = false;     // over loopback
    bool waits_for_us = false;  // its request is handed over
  };

  Daemon(Poller& loop, HttpServerConfig settings, Handler handle)
      : poller(loop), config(std::move(settings)), handler(std::move(handle)) {}
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  Status start();
  MHD_Result called(Call& call, const char* data, std::size_t* size);
  MHD_Result begin(Call& call);
  MHD_Result take_body(Call& call, const char* data, std::size_t* size);
  MHD_Result hand_over(Call& call);
  MHD_Result queue(Call& call, const HttpResponse& response);
  MHD_Result refuse(Call& call, const HttpResponse& response);
  void respond(std::uint64_t id, HttpResponse response);
  void sweep();
  void run() { MHD_run(daemon); }
  Instant wake_by(Instant now);

  Poller& poller;
  HttpServerConfig config;
  Handler handler;
  MHD_Daemon* daemon = nullptr;
  int epoll = -1;
  std::uint16_t port = 0;
  std::uint64_t pulse = 0;
  std::uint64_t named = 0;
  TimerId sweeper;
  bool resumed = false;
  std::size_t leaving = 0;                          // answers on their way
  std::unordered_map<std::uint64_t, Call*> handed;  // by id, until answered or gone
  std::unordered_set<Client*> clients;
};

// ---- what libmicrohttpd calls ----------------------------------------------------------------

namespace callbacks {

// The raw target: libmicrohttpd's own has lost its escapes.
void* request_line(void* cls, const char* target, MHD_Connection* connection) {
  auto* call = new HttpServer::Daemon::Call;
  static_cast<void>(cls);
  const std::string_view text(target);
  const std::size_t question = text.find('?');
  call->request.path = text.substr(0, question);
  if (question != std::string_view::npos) call->request.query = text.substr(question + 1);
  call->connection = connection;
  return call;
}

MHD_Result access(void* cls, MHD_Connection*, const char*, const char* method, const char*,
                  const char* data, std::size_t* size, void** context) {
  auto& call = *static_cast<HttpServer::Daemon::Call*>(*context);
  if (call.request.method.empty()) call.request.method = method;
  return static_cast<HttpServer::Daemon*>(cls)->called(call, data, size);
}

void completed(void* cls, MHD_Connection* connection, void** context, MHD_RequestTerminationCode) {
  auto& server = *static_cast<HttpServer::Daemon*>(cls);
  auto* call = static_cast<HttpServer::Daemon::Call*>(*context);
  if (call == nullptr) return;
  server.handed.erase(call->request.id);
  if (call->leaving) --server.leaving;
  delete call;
  *context = nullptr;
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  if (info == nullptr || info->socket_context == nullptr) return;
  auto* client = static_cast<HttpServer::Daemon::Client*>(info->socket_context);
  client->since = server.poller.now();
  client->waits_for_us = false;
}

void connected(void* cls, MHD_Connection* connection, void** context,
               MHD_ConnectionNotificationCode code) {
  auto& server = *static_cast<HttpServer::Daemon*>(cls);
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    auto* client = static_cast<HttpServer::Daemon::Client*>(*context);
    server.clients.erase(client);
    delete client;
    *context = nullptr;
    return;
  }
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  auto* client = new HttpServer::Daemon::Client{info->connect_fd, server.poller.now()};
  const auto* peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  client->from_here = peer != nullptr && is_loopback(address_bytes(peer->client_addr));
  server.clients.insert(client);
  *context = client;
}

MHD_Result collect_header(void* cls, MHD_ValueKind, const char* name, const char* value) {
  auto& headers = *static_cast<HttpHeaders*>(cls);
  headers.emplace_back(name, value == nullptr ? "" : value);
  return MHD_YES;
}

}  // namespace callbacks

// ---- the life of a server --------------------------------------------------------------------

Status HttpServer::Daemon::start() {
  if (auto enough = check_descriptors(config); !enough) return enough;
  auto listening = listen_on(config.listen);
  if (!listening) return listening.error();
  port = port_of(listening->get());
  const auto idle =
      static_cast<unsigned>(std::max<std::int64_t>(1, config.idle_timeout.us / 1'000'000));
  daemon = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_SUSPEND_RESUME, 0, nullptr, nullptr, &callbacks::access, this,
      MHD_OPTION_LISTEN_SOCKET, listening->get(),                                  //
      MHD_OPTION_URI_LOG_CALLBACK, &callbacks::request_line, this,                 //
      MHD_OPTION_NOTIFY_COMPLETED, &callbacks::completed, this,                    //
      MHD_OPTION_NOTIFY_CONNECTION, &callbacks::connected, this,                   //
      MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(config.connections_max),  //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, config.header_bytes_max,                 //
      MHD_OPTION_CONNECTION_TIMEOUT, idle,                                         //
      MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
  if (daemon == nullptr) {
    return Error{Trouble::kUnavailable, "cannot start an HTTP server on " + config.listen};
  }
  (void)listening->release();  // libmicrohttpd closes it
  epoll = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  poller.watch_fd(epoll, EPOLLIN, [](std::uint32_t) {});  // every wake runs it anyway
  pulse =
      poller.add_pulse({[this](Instant now) { return wake_by(now); }, [this](Instant) { run(); }});
  sweeper = poller.after(kSweep, [this] { sweep(); });
  return Done{};
}

// libmicrohttpd forbids to stop while requests are suspended.
HttpServer::Daemon::~Daemon() {
  if (daemon == nullptr) return;
  poller.cancel(sweeper);
  poller.remove_pulse(pulse);
  poller.unwatch_fd(epoll);
  std::vector<std::uint64_t> open;
  for (const auto& [id, call] : handed) open.push_back(id);
  for (const std::uint64_t id : open) {
    respond(id, problem(503, "Service Unavailable", "the server stops"));
  }
  run();
  // A large answer takes more than one turn; who does not read it is not waited for for long.
  const Instant end = steady_now() + kLastAnswers;
  while (leaving > 0 && steady_now() < end) {
    pollfd ready{epoll, POLLIN, 0};
    (void)poll(&ready, 1, 10);
    run();
  }
  MHD_stop_daemon(daemon);
}

Instant HttpServer::Daemon::wake_by(Instant now) {
  if (std::exchange(resumed, false)) return now;
  MHD_UNSIGNED_LONG_LONG wait_ms = 0;
  if (MHD_get_timeout(daemon, &wait_ms) != MHD_YES) return Instant::never();
  return now + milliseconds(static_cast<std::int64_t>(std::min(wait_ms, 60'000ULL)));
}

// Somebody who sends a byte now and then is never idle; nobody needs that long for a request.
void HttpServer::Daemon::sweep() {
  sweeper = poller.after(kSweep, [this] { sweep(); });
  const Duration patience = config.idle_timeout * 2;
  for (const Client* client : clients) {
    const bool stuck = !client->waits_for_us && poller.now() - client->since > patience;
    if (stuck) shutdown(client->fd, SHUT_RDWR);
  }
}

// ---- the life of a request -------------------------------------------------------------------

MHD_Result HttpServer::Daemon::called(Call& call, const char* data, std::size_t* size) {
  if (!call.begun) {
    call.begun = true;
    return begin(call);
  }
  if (*size > 0) return take_body(call, data, size);
  switch (call.state) {
    case State::kReading:
      return hand_over(call);
    case State::kTooLarge:
      return refuse(
          call,
          problem(413, "Content Too Large",
                  "a body has at most " + std::to_string(config.body_max) + " bytes", "body"));
    case State::kAnswered:
      return queue(call, call.response);
    case State::kHanded:
      return MHD_YES;
  }
  return MHD_NO;
}

// Before the first byte of the body.
MHD_Result HttpServer::Daemon::begin(Call& call) {
  MHD_get_connection_values(call.connection, MHD_HEADER_KIND, &callbacks::collect_header,
                            &call.request.headers);
  const auto checked = check_framing(call.request.headers);
  if (const auto* wrong = std::get_if<FramingError>(&checked)) {
    return refuse(call,
                  problem(400, "Bad Request", wrong->field + ": " + wrong->what, wrong->field));
  }
  const auto& framing = std::get<Framing>(checked);
  const bool target = is_visible(call.request.path) && is_visible(call.request.query);
  if (!is_token(call.request.method) || !call.request.path.starts_with('/') || !target) {
    return refuse(call, problem(400, "Bad Request", "the request line is wrong", "target"));
  }
  if (const auto broken = broken_parameter(call.request.query)) {
    return refuse(call, problem(400, "Bad Request",
                                *broken + ": '%' is not followed by two hex digits", *broken));
  }
  if (framing.content_length.value_or(0) > config.body_max) {
    call.state = State::kTooLarge;
    std::size_t none = 0;
    return called(call, nullptr, &none);
  }
  if (handed.size() >= config.requests_max) {
    HttpResponse full = problem(503, "Service Unavailable", "too many requests at once");
    full.headers.emplace_back("Retry-After", "1");
    return refuse(call, full);
  }
  return MHD_YES;
}

MHD_Result HttpServer::Daemon::take_body(Call& call, const char* data, std::size_t* size) {
  const std::size_t taken = std::exchange(*size, 0);
  if (call.state == State::kReading && call.request.body.size() + taken > config.body_max) {
    call.state = State::kTooLarge;
    call.request.body = {};
  }
  if (call.state == State::kReading) {
    call.request.body.append(data, taken);
    return MHD_YES;
  }
  call.read_away += taken;
  return call.read_away > kReadAwayFactor * config.body_max ? MHD_NO : MHD_YES;
}

MHD_Result HttpServer::Daemon::hand_over(Call& call) {
  const auto* info = MHD_get_connection_info(call.connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  auto* client = info == nullptr ? nullptr : static_cast<Client*>(info->socket_context);
  const std::uint64_t id = ++named;
  call.request.id = id;
  call.request.from_here = client != nullptr && client->from_here;
  call.state = State::kHanded;
  handed[id] = &call;
  handler(std::move(call.request));
  call.request.id = id;
  if (call.state == State::kAnswered) return queue(call, call.response);
  call.suspended = true;
  if (client != nullptr) client->waits_for_us = true;
  MHD_suspend_connection(call.connection);
  return MHD_YES;
}

void HttpServer::Daemon::respond(std::uint64_t id, HttpResponse response) {
  const auto found = handed.find(id);
  if (found == handed.end()) return;
  Call& call = *found->second;
  handed.erase(found);
  call.response = std::move(response);
  call.state = State::kAnswered;
  if (!std::exchange(call.suspended, false)) return;  // still inside hand_over
  resumed = true;
  MHD_resume_connection(call.connection);
}

MHD_Result HttpServer::Daemon::refuse(Call& call, const HttpResponse& response) {
  call.close = true;
  return queue(call, response);
}

MHD_Result HttpServer::Daemon::queue(Call& call, const HttpResponse& response) {
  MHD_Response* made = MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  CHECK(made != nullptr);
  if (!response.body.empty() && !response.content_type.empty()) {
    MHD_add_response_header(made, "Content-Type", response.content_type.c_str());
  }
  for (const auto& [name, value] : response.headers) {
    MHD_add_response_header(made, name.c_str(), value.c_str());
  }
  if (call.close) MHD_add_response_header(made, "Connection", "close");
  const MHD_Result queued =
      MHD_queue_response(call.connection, static_cast<unsigned>(response.status), made);
  MHD_destroy_response(made);
  if (queued == MHD_YES && !std::exchange(call.leaving, true)) ++leaving;
  return queued;
}

// ---- the public face -------------------------------------------------------------------------

Result<std::unique_ptr<HttpServer>> HttpServer::open(Poller& poller, HttpServerConfig config,
                                                     Handler handler) {
  auto daemon = std::make_unique<Daemon>(poller, std::move(config), std::move(handler));
  if (auto started = daemon->start(); !started) return started.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(daemon)));
}

HttpServer::HttpServer(std::unique_ptr<Daemon> daemon) : daemon_(std::move(daemon)) {}
HttpServer::~HttpServer() = default;

void HttpServer::respond(std::uint64_t id, HttpResponse response) {
  daemon_->respond(id, std::move(response));
}

void HttpServer::stop_listening() { const UniqueFd listening(MHD_quiesce_daemon(daemon_->daemon)); }

std::uint16_t HttpServer::port() const { return daemon_->port; }
std::size_t HttpServer::open_requests() const { return daemon_->handed.size(); }

}  // namespace sluice::port
