// What a POST costs with bare libmicrohttpd: the front door's floor.
#include <benchmark/benchmark.h>
#include <microhttpd.h>
#include <poll.h>

#include <cstdlib>
#include <string>

#include "bench/floors/child.h"
#include "bench/floors/echo_server.h"
#include "bench/load.h"

namespace sluice::bench {
namespace {

struct Answers {
  std::uint64_t given = 0;
  MHD_Response* response = nullptr;
};

MHD_Result take(void* into, MHD_Connection* connection, const char*, const char*, const char*,
                const char*, std::size_t* size, void** state) {
  static int begun = 0;
  if (*state == nullptr) {
    *state = &begun;
    return MHD_YES;
  }
  if (*size > 0) {
    *size = 0;
    return MHD_YES;
  }
  auto* answers = static_cast<Answers*>(into);
  ++answers->given;
  return MHD_queue_response(connection, MHD_HTTP_ACCEPTED, answers->response);
}

// Messages from as many connections as asked for, until it is killed.
void send_for_ever(std::uint16_t port, std::uint64_t connections) {
  LoadOptions options;
  options.port = port;
  options.messages = 10'000'000;
  options.connections = connections;
  Load load(options);
  (void)load.run();
}

void microhttpd_post(benchmark::State& state) {
  Answers answers;
  static char body[] = "{\"state\":\"waiting\"}\n";
  answers.response = MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
  std::uint16_t port = 0;
  const int listener = listen_anywhere(port);
  MHD_Daemon* daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, take, &answers,
                                        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_END);
  if (daemon == nullptr) std::abort();
  pollfd waits{MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, POLLIN, 0};
  {
    const auto connections = static_cast<std::uint64_t>(state.range(0));
    const Child producers([port, connections] { send_for_ever(port, connections); });
    std::uint64_t until = 0;
    for (auto _ : state) {
      for (until += 256; answers.given < until;) {
        poll(&waits, 1, 100);
        MHD_run(daemon);
      }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 256);
  }
  MHD_stop_daemon(daemon);
  MHD_destroy_response(answers.response);
}
BENCHMARK(microhttpd_post)->Arg(64)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::bench
