// The calls of one connection, without the connection: commands in, bytes to write out; bytes read
// in, answers out, in the order of the calls. Bytes stay until their call is answered: so one that
// the server refused unread can be sent again, and nothing is copied for that before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/instant.h"
#include "lib/base/result.h"
#include "lib/port/redis_config.h"
#include "lib/port/redis_reader.h"

namespace sluice::port {

class RedisPipeline {
 public:
  struct Limits {
    std::size_t calls_max;
    std::size_t bytes_max;
    std::size_t answer_bytes_max;
  };
  // What to do with a call that was answered with an error.
  enum class Verdict : std::uint8_t {
    kGive,         // the error is the answer
    kNotExecuted,  // the error is the reason
    kAgain,        // send it again
  };
  struct Refused {
    const RedisValue& error;
    std::uint32_t preambles;  // said before the call was sent
    std::uint32_t sendings;   // of this call, so far
  };
  using Judge = std::function<Verdict(const Refused& refused)>;

  RedisPipeline(Limits limits, Judge judge);

  // Whether a call more may be added.
  [[nodiscard]] bool full() const;
  void add(std::span<const std::string_view> args, Instant deadline, RedisAnswered answered);
  // The connection's own: beyond the limits, and its errors are not judged.
  void add_own(std::span<const std::string_view> args, Instant deadline, RedisAnswered answered);
  // What is added from now on, or sent again, comes after one preamble more.
  void count_preamble() { ++preambles_; }
  [[nodiscard]] std::uint32_t preambles() const { return preambles_; }

  [[nodiscard]] std::string_view unwritten() const;
  void wrote(std::size_t bytes) { written_ += bytes; }

  // Calls `answered` for each answer that is whole. kInvalid: what came is no answer to any call;
  // the connection is of no use any more. Calls sent again are due at `again_by`.
  Status feed(std::string_view bytes, Instant again_by);

  // Ends every call: not executed where it was not wholly written, unknown where it was.
  void fail(const std::string& why);

  [[nodiscard]] std::size_t size() const { return calls_.size(); }
  // Calls that the server's word has ended, its errors too where they are given.
  [[nodiscard]] std::uint64_t given() const { return given_; }
  // When the oldest call should have been answered.
  [[nodiscard]] Instant deadline() const;

 private:
  struct Call {
    RedisAnswered answered;
    Instant deadline;
    std::size_t bytes = 0;
    std::uint32_t preambles = 0;
    std::uint32_t sendings = 1;
    bool own = false;
  };
  void put(std::span<const std::string_view> args, Instant deadline, RedisAnswered answered,
           bool own);
  void answer(Instant again_by);
  void send_again(Call call, Instant deadline);
  void drop_answered();

  Limits limits_;
  Judge judge_;
  RedisReader reader_;
  RedisAnswer answer_;
  std::deque<Call> calls_;
  // Places in `bytes_`: it begins with the oldest call's, behind what is not dropped yet.
  std::string bytes_;
  std::size_t answered_ = 0;
  std::size_t written_ = 0;
  std::uint32_t preambles_ = 0;
  std::uint64_t given_ = 0;
};

// A command as Redis reads it: an array of strings.
void append_redis_command(std::string& to, std::span<const std::string_view> args);

}  // namespace sluice::port
