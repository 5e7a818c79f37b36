// What a POST costs with bare libcurl: the dispatcher's floor.
#include <benchmark/benchmark.h>
#include <curl/curl.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "bench/floors/child.h"
#include "bench/floors/echo_server.h"

namespace sluice::bench {
namespace {

std::size_t drop(const char*, std::size_t size, std::size_t count, void*) { return size * count; }

class Posts {
 public:
  Posts(std::uint16_t port, std::size_t width)
      : url_("http://127.0.0.1:" + std::to_string(port) + "/"), body_(512, 'x') {
    multi_ = curl_multi_init();
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(headers_, "Expect:");
    for (std::size_t i = 0; i < width; ++i) {
      CURL* easy = curl_easy_init();
      curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body_.c_str());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body_.size()));
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      easies_.push_back(easy);
    }
  }
  ~Posts() {
    for (CURL* easy : easies_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
  }
  Posts(const Posts&) = delete;
  Posts& operator=(const Posts&) = delete;

  // One POST on each handle.
  void round() {
    for (CURL* easy : easies_) curl_multi_add_handle(multi_, easy);
    int running = 1;
    while (running > 0) {
      curl_multi_perform(multi_, &running);
      if (running > 0) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->data.result != CURLE_OK) std::abort();
    }
    for (CURL* easy : easies_) curl_multi_remove_handle(multi_, easy);
  }

 private:
  std::string url_;
  std::string body_;
  CURLM* multi_ = nullptr;
  curl_slist* headers_ = nullptr;
  std::vector<CURL*> easies_;
};

void curl_post(benchmark::State& state) {
  std::uint16_t port = 0;
  const int listener = listen_anywhere(port);
  const Child server([listener] { serve_answers(listener); });
  Posts posts(port, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) posts.round();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
  close(listener);
}
BENCHMARK(curl_post)->Arg(32)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::bench
