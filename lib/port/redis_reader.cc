#include "lib/port/redis_reader.h"

#include <hiredis/read.h>

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"

namespace sluice::port {

namespace {

using Kind = RedisValue::Kind;

// Lines are short: errors and numbers. hiredis would look through an endless one again and again.
constexpr std::size_t kLineMax = 64 * 1024;
constexpr int kReservedMax = 64;

redisReader& hiredis(void* reader) { return *static_cast<redisReader*>(reader); }

}  // namespace

struct RedisReader::Calls {
  // The place of the value that this task makes; nullptr when the answer is too long. An array's
  // items are made one after the other, each whole before the next: so the place of one that is
  // being filled does not move.
  static RedisValue* place(const redisReadTask* task, Kind kind, std::size_t bytes) {
    auto& reader = *static_cast<RedisReader*>(task->privdata);
    reader.bytes_ += sizeof(RedisValue) + bytes;
    if (reader.bytes_ > reader.bytes_max_) return nullptr;
    RedisValue* value = &reader.value_;
    if (task->parent != nullptr) {
      value = &static_cast<RedisValue*>(task->parent->obj)->items.emplace_back();
    }
    value->kind = kind;
    return value;
  }

  static void* string(const redisReadTask* task, char* bytes, std::size_t size) {
    const Kind kind = task->type == REDIS_REPLY_ERROR    ? Kind::kError
                      : task->type == REDIS_REPLY_STATUS ? Kind::kStatus
                                                         : Kind::kString;
    RedisValue* value = place(task, kind, size);
    if (value != nullptr) value->text.assign(bytes, size);
    return value;
  }

  static void* array(const redisReadTask* task, int claimed) {
    RedisValue* value = place(task, Kind::kArray, 0);
    if (value != nullptr) {
      value->items.reserve(static_cast<std::size_t>(std::clamp(claimed, 0, kReservedMax)));
    }
    return value;
  }

  static void* integer(const redisReadTask* task, long long number) {
    RedisValue* value = place(task, Kind::kInteger, 0);
    if (value != nullptr) value->integer = number;
    return value;
  }

  static void* nil(const redisReadTask* task) { return place(task, Kind::kNil, 0); }

  static void forget(void*) {}  // values are ours

  static inline redisReplyObjectFunctions all{&string, &array, &integer, &nil, &forget};
};

void RedisReader::Free::operator()(void* reader) const { redisReaderFree(&hiredis(reader)); }

RedisReader::RedisReader(std::size_t answer_bytes_max)
    : bytes_max_(answer_bytes_max), reader_(redisReaderCreateWithFunctions(&Calls::all)) {
  CHECK(reader_ != nullptr);
  hiredis(reader_.get()).privdata = this;
}

RedisReader::~RedisReader() = default;

void RedisReader::feed(std::string_view bytes) {
  // Its only failures are an error of before, which next() says, and no memory.
  if (why_.empty())
    CHECK(redisReaderFeed(&hiredis(reader_.get()), bytes.data(), bytes.size()) == 0);
}

RedisReader::Next RedisReader::next() {
  if (!why_.empty()) return Next::kBroken;
  redisReader& reader = hiredis(reader_.get());
  if (reader.ridx == -1) {  // between two answers
    bytes_ = 0;
    value_.kind = Kind::kNil;
    value_.text.clear();
    value_.items.clear();
  }
  void* made = nullptr;
  const int done = redisReaderGetReply(&reader, &made);
  if (done == REDIS_OK && made != nullptr) return Next::kValue;
  if (done != REDIS_OK) {
    why_ = bytes_ > bytes_max_ ? "an answer is too long" : reader.errstr;
  } else if (too_long()) {
    why_ = "an answer is too long";
  }
  return why_.empty() ? Next::kMore : Next::kBroken;
}

// What has been fed and is not yet a value: a string that is not whole, or a line without an end.
bool RedisReader::too_long() const {
  const redisReader& reader = hiredis(reader_.get());
  const std::size_t unread = reader.len - reader.pos;
  if (bytes_ + unread > bytes_max_) return true;
  return unread > kLineMax && std::memchr(reader.buf + reader.pos, '\n', kLineMax) == nullptr;
}

}  // namespace sluice::port
