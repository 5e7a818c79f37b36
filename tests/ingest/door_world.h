// The front door over real HTTP on loopback: server, door, core and an honest parking store. The
// limiter is the test.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "ingest/http_door.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "tests/ingest/core_world.h"

namespace sluice::ingest {

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t start = at + name.size() + 4;
    return head.substr(start, head.find("\r\n", start) - start);
  }
};

// A loop around everything, as the shell's; the limiter is the test.
class Door : public testing::Test {
 protected:
  void SetUp() override {
    door_ = std::make_unique<HttpDoor>(
        Pointers{}, std::vector<Upstream>{onlyfans()},
        HttpDoor::World{[this](const IngestCore::Work& work) { core_.accept(work, now(), out_); },
                        [this] { return core_.room(); },
                        [this](std::uint64_t id, port::HttpResponse response) {
                          server_->respond(id, std::move(response));
                        },
                        port::wall_now,
                        port::random_bytes,
                        {},
                        [this] {
                          ++agains_;
                          poller_.after(Duration{0}, [this] { door_->feed(); });
                        },
                        3'000,
                        true});
    port::HttpServerConfig config;
    config.listen = "127.0.0.1:0";
    auto server = port::HttpServer::open(
        poller_, config, [this](port::HttpRequest request) { door_->request(std::move(request)); });
    ASSERT_TRUE(server.ok());
    server_ = std::move(*server);
  }

  [[nodiscard]] Instant now() const { return poller_.now(); }

  void limiter_up() {
    core_.complete(wire::PeerUp{wire::PeerId{7}, wire::Role::kLimiter, "limiter-1", 7}, now(),
                   out_);
  }

  void turn() {
    poller_.poll(port::steady_now() + milliseconds(10));
    core_.tick(now(), out_);
    std::vector<IngestCore::Effect> effects;
    while (!out_.empty()) {
      out_.take(effects);
      for (auto& effect : effects) perform(effect);
      door_->feed();
    }
  }

  void perform(const IngestCore::Effect& effect) {
    if (const auto* call = std::get_if<ParkingCall>(&effect)) {
      core_.complete(ParkingReply{call->call_id, parking_.apply(call->call)}, now(), out_);
    }
    if (const auto* answer = std::get_if<Respond>(&effect)) door_->respond(*answer);
    if (const auto* send = std::get_if<wire::Send>(&effect)) {
      if (const auto* word = std::get_if<wire::Control>(&send->item)) {
        told_.push_back(*word);
        controlled_.control_id = word->control_id;
        core_.accept(wire::FromPeer{wire::PeerId{7}, controlled_}, now(), out_);
      }
      const auto* quote = std::get_if<wire::Quote>(&send->item);
      if (quote == nullptr) return;
      wire::Quoted quoted;
      quoted.quote_id = quote->quote_id;
      quoted.why = wire::Wait::kPacing;
      quoted.now = port::wall_now();
      quoted.departs_at = quoted.now + wait_;
      quoted.limit = "onlyfans";
      quoted.quota = 10;
      quoted.window = seconds(60);
      quoted.remaining = 2;
      quoted.reset = milliseconds(5'100);
      core_.accept(wire::FromPeer{wire::PeerId{7}, quoted}, now(), out_);
    }
  }

  Answer exchange(const std::string& bytes) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    void* address = &to;
    EXPECT_EQ(::connect(fd, static_cast<sockaddr*>(address), sizeof to), 0);
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    std::string got;
    const Instant end = port::steady_now() + seconds(5);
    while (port::steady_now() < end) {
      turn();
      char buffer[65536];
      const ssize_t size = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size == 0) break;
      if (size > 0) got.append(buffer, static_cast<std::size_t>(size));
    }
    ::close(fd);
    Answer answer;
    const std::size_t split = got.find("\r\n\r\n");
    if (split == std::string::npos || got.size() < 12) return answer;
    answer.status = std::stoi(got.substr(9, 3));
    answer.head = got.substr(0, split + 2);
    answer.body = got.substr(split + 4);
    return answer;
  }

  Answer ask(const std::string& method, const std::string& path, const std::string& body = {},
             const std::string& headers = {}) {
    return exchange(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                    headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  port::Poller poller_;
  IngestCore core_{World::with_upstream({})};
  IngestCore::Out out_;
  MemoryParking parking_;
  Duration wait_{0};
  std::vector<wire::Control> told_;  // to the limiter, which answers ...
  wire::Controlled controlled_{0, true, ""};
  int agains_ = 0;  // how often the door could not take all lines in a turn
  std::unique_ptr<HttpDoor> door_;
  std::unique_ptr<port::HttpServer> server_;
};

}  // namespace sluice::ingest
