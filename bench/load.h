// A producer for measurements: keep-alive connections to the front door, one request under way on
// each, by raw sockets so that it costs little beside what it measures.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

using Nanos = std::int64_t;  // CLOCK_MONOTONIC

struct LoadOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::uint64_t messages = 1000;
  std::uint64_t keys = 1000;
  std::uint64_t batch = 1;         // messages in a request; more than one: NDJSON
  std::uint64_t connections = 64;  // at most 1024
  std::uint64_t rate = 0;          // messages a second; 0: as fast as they are taken
  std::uint64_t size = 512;        // bytes of a document
  std::string prefix = "b";        // of the ids
  std::string times_file;          // each message's id and when its 202 was read
};

// "--name=value" each; false and `wrong` when one is not understood.
bool parse_load(const std::vector<std::string_view>& arguments, LoadOptions& into,
                std::string& wrong);

struct LoadCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // any other answer
  Nanos began = 0;
  Nanos ended = 0;
};

// A document of exactly `size` bytes, if that is not too short for it.
std::string document(const LoadOptions& options, std::uint64_t n);

class Load {
 public:
  explicit Load(const LoadOptions& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Sends everything and waits for the answers; false when the front door went away, or said
  // nothing for half a minute.
  bool run();
  [[nodiscard]] const LoadCounts& counts() const { return counts_; }
  [[nodiscard]] const std::vector<Nanos>& answered() const { return answered_; }  // 0: not taken

 private:
  struct Connection {
    int fd = -1;
    std::string in;
    std::string out;
    std::uint64_t first = 0;  // message of the request under way
    std::uint64_t count = 0;  // 0: none is under way
  };
  bool connect_all();
  bool send_due();
  bool send_next(Connection& connection);
  bool readable(Connection& connection);
  void judge(Connection& connection, std::string_view head, std::string_view body);
  [[nodiscard]] std::uint64_t due() const;

  LoadOptions options_;
  LoadCounts counts_;
  std::vector<Nanos> answered_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> idle_;
  std::uint64_t sent_ = 0;
  std::uint64_t done_ = 0;
  int epoll_ = -1;
};

}  // namespace sluice::bench
