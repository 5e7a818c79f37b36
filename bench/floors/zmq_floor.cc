// What a request and its answer cost over ZeroMQ with protobuf: a link's floor. Both I/O threads
// of libzmq and the decoding of the answer are in it.
#include <benchmark/benchmark.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cstdlib>
#include <string>

#include "bench/floors/child.h"
#include "lib/wire/codec.h"

namespace sluice::bench {
namespace {

wire::Offer offer() {
  wire::Offer row;
  row.identity = std::string(16, 'i');
  row.source = "embedded";
  row.key = "onlyfans:user-12345";
  row.id = "b-12345";
  row.content_hash = std::string(32, 'h');
  row.upstream = "onlyfans";
  row.first_seen = row.expires_at = {1'800'000'000'000'000};
  row.request.method = "POST";
  row.request.path = "/";
  row.request.body = std::string(512, 'x');
  return row;
}

wire::Settled settled() {
  wire::Settled item;
  item.identity = std::string(16, 'i');
  item.key = "onlyfans:user-12345";
  item.upstream = "onlyfans";
  item.settlement = wire::Settlement::kDelivered;
  item.status = 200;
  item.attempts = 1;
  item.at = {1'800'000'000'000'000};
  return item;
}

std::string frame_of(const wire::Item& item, std::int64_t count) {
  wire::Frame frame;
  frame.from_life = 1;
  frame.to_life = 2;
  frame.sequence = 1;
  frame.items.assign(static_cast<std::size_t>(count), item);
  return wire::encode(frame);
}

std::string receive(void* socket) {
  zmq_msg_t message;
  zmq_msg_init(&message);
  if (zmq_msg_recv(&message, socket, 0) < 0) std::abort();
  std::string bytes(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
  zmq_msg_close(&message);
  return bytes;
}

void answer_for_ever(const std::string& address, const std::string& answer) {
  void* router = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
  if (zmq_bind(router, address.c_str()) != 0) std::abort();
  for (;;) {
    const std::string who = receive(router);
    if (!wire::decode(receive(router))) std::abort();
    zmq_send(router, who.data(), who.size(), ZMQ_SNDMORE);
    zmq_send(router, answer.data(), answer.size(), 0);
  }
}

void zmq_request(benchmark::State& state) {
  std::string folder = "/tmp/sluice-floor-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  const std::string address = "ipc://" + folder + "/socket";
  const std::string answer = frame_of(settled(), state.range(0));
  const wire::Item asked = offer();
  {
    const Child server([&] { answer_for_ever(address, answer); });
    void* context = zmq_ctx_new();
    void* dealer = zmq_socket(context, ZMQ_DEALER);
    const int none = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none);
    if (zmq_connect(dealer, address.c_str()) != 0) std::abort();
    for (auto _ : state) {
      const std::string frame = frame_of(asked, state.range(0));
      zmq_send(dealer, frame.data(), frame.size(), 0);
      if (!wire::decode(receive(dealer))) std::abort();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
    zmq_close(dealer);
    zmq_ctx_term(context);
  }
  unlink((folder + "/socket").c_str());
  rmdir(folder.c_str());
}
BENCHMARK(zmq_request)->Arg(1)->Arg(32)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::bench
