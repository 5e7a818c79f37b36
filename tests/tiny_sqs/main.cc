// tiny-sqs PORT: serves on 127.0.0.1 until it is killed.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "tests/tiny_sqs/server.h"

int main(int count, char** words) {
  std::uint16_t port = 0;
  const std::string_view text = count == 2 ? words[1] : "";
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
    std::fputs("usage: tiny-sqs PORT\n", stderr);
    return 64;
  }
  sluice::port::Poller poller;
  const sluice::tiny_sqs::Server server(poller, port);
  std::printf("tiny-sqs: ready on %s\n", server.url().c_str());
  std::fflush(stdout);
  for (;;) poller.poll(poller.now() + sluice::seconds(60));
}
