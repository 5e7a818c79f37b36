#include "lib/port/http_client.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <optional>

#include "lib/base/check.h"

namespace sluice::port {
namespace {

constexpr long kConnectionsMax = 256;

struct Transfer {
  HttpCall call;
  HttpClient::Done done;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = {};
  std::string body;

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
};

// What exceeds body_max is thrown away.
std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* of) {
  auto& transfer = *static_cast<Transfer*>(of);
  const std::size_t room = transfer.call.body_max - transfer.body.size();
  transfer.body.append(bytes, std::min(room, size * count));
  return size * count;
}

long to_ms(Duration span) { return static_cast<long>(std::max<std::int64_t>(span.us / 1'000, 1)); }

void prepare(Transfer& transfer, const std::string& ca_file) {
  transfer.easy = curl_easy_init();
  CHECK(transfer.easy != nullptr);
  const HttpCall& call = transfer.call;
  for (const auto& [name, value] : call.headers) {
    transfer.headers = curl_slist_append(transfer.headers, (name + ": " + value).c_str());
  }
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  CURL* easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (!ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Else giving up waits for the thread that resolves the name, and the whole loop with it.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  if (call.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.data());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, to_ms(call.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, to_ms(call.timeout));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &keep);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
}

std::map<std::string, std::string> fields_of(const Transfer& transfer) {
  std::map<std::string, std::string> found;
  for (const std::string& name : transfer.call.fields) {
    curl_header* field = nullptr;
    if (curl_easy_header(transfer.easy, name.c_str(), 0, CURLH_HEADER, -1, &field) != CURLHE_OK) {
      continue;
    }
    curl_easy_header(transfer.easy, name.c_str(), field->amount - 1, CURLH_HEADER, -1, &field);
    found.emplace(name, field->value);
  }
  return found;
}

HttpAnswer answer_of(const Transfer& transfer, CURLcode result) {
  if (result != CURLE_OK) {
    HttpAnswer none;
    none.error = transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(result);
    none.timed_out = result == CURLE_OPERATION_TIMEDOUT;
    return none;
  }
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_off_t wait_s = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RETRY_AFTER, &wait_s);
  constexpr curl_off_t kMost = 366L * 24 * 3600;
  return {static_cast<int>(status),
          {},
          seconds(std::clamp<curl_off_t>(wait_s, 0, kMost)),
          transfer.body,
          fields_of(transfer)};
}

}  // namespace

struct HttpClient::Impl {
  Impl(Poller& to, std::string trusted)
      : poller(to), ca_file(std::move(trusted)), multi(curl_multi_init()) {
    CHECK(multi != nullptr);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, kConnectionsMax);
    curl_multi_setopt(
        multi, CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t fd, int what, void* self, void*) {
          static_cast<Impl*>(self)->watch(fd, what);
          return 0;
        });
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  }
  ~Impl() {
    for (auto& [easy, transfer] : running) curl_multi_remove_handle(multi, easy);
    running.clear();
    curl_multi_cleanup(multi);
    if (timer) poller.cancel(*timer);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void watch(curl_socket_t fd, int what) {
    if (what == CURL_POLL_REMOVE) return poller.unwatch_fd(fd);
    const std::uint32_t events = ((what & CURL_POLL_IN) != 0 ? std::uint32_t{EPOLLIN} : 0U) |
                                 ((what & CURL_POLL_OUT) != 0 ? std::uint32_t{EPOLLOUT} : 0U);
    poller.watch_fd(fd, events, [this, fd](std::uint32_t happened) {
      int bits = 0;
      if ((happened & EPOLLIN) != 0) bits |= CURL_CSELECT_IN;
      if ((happened & EPOLLOUT) != 0) bits |= CURL_CSELECT_OUT;
      if ((happened & (EPOLLERR | EPOLLHUP)) != 0) bits |= CURL_CSELECT_ERR;
      act(fd, bits);
    });
  }

  static int on_timer(CURLM*, long wait_ms, void* self) {
    auto* impl = static_cast<Impl*>(self);
    if (impl->timer) impl->poller.cancel(*impl->timer);
    impl->timer.reset();
    if (wait_ms < 0) return 0;
    impl->timer = impl->poller.after(milliseconds(wait_ms), [impl] {
      impl->timer.reset();
      impl->act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  void act(curl_socket_t fd, int bits) {
    int still = 0;
    curl_multi_socket_action(multi, fd, bits, &still);
    finish();
  }

  // The callbacks come last: they may send again.
  void finish() {
    std::vector<std::pair<std::unique_ptr<Transfer>, HttpAnswer>> finished;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode result = message->data.result;
      curl_multi_remove_handle(multi, easy);
      auto found = running.extract(easy);
      HttpAnswer answer = answer_of(*found.mapped(), result);
      finished.emplace_back(std::move(found.mapped()), std::move(answer));
    }
    for (const auto& [transfer, answer] : finished) transfer->done(answer);
  }

  Poller& poller;
  std::string ca_file;
  CURLM* multi;
  std::map<CURL*, std::unique_ptr<Transfer>> running;
  std::optional<TimerId> timer;
};

HttpClient::HttpClient(Poller& poller, std::string ca_file)
    : impl_(std::make_unique<Impl>(poller, std::move(ca_file))) {}
HttpClient::~HttpClient() = default;

void HttpClient::send(HttpCall call, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->call = std::move(call);
  transfer->done = std::move(done);
  prepare(*transfer, impl_->ca_file);
  CURL* easy = transfer->easy;
  impl_->running.emplace(easy, std::move(transfer));
  CHECK(curl_multi_add_handle(impl_->multi, easy) == CURLM_OK);
}

std::size_t HttpClient::under_way() const { return impl_->running.size(); }

Status HttpClient::check_url(const std::string& url) {
  const auto wrong = [&url](const char* why) {
    return Error{Trouble::kInvalid, "\"" + url + "\" is no URL for HTTP: " + why};
  };
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return wrong("it cannot be read");
  }
  char* scheme = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
    return wrong("it has no scheme");
  }
  const std::string name(scheme);
  curl_free(scheme);
  if (name != "http" && name != "https") return wrong("http:// or https:// is needed");
  return sluice::Done{};
}

}  // namespace sluice::port
