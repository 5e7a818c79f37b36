// Where nothing is told of settled messages.
#pragma once

#include "ingest/replies.h"

namespace sluice::ingest {

class NoReplies final : public ReplyStore {
 public:
  Result<std::vector<Reply>> due(const std::string&, StoreTime, std::uint32_t) override {
    return std::vector<Reply>{};
  }
  Result<std::vector<Reply>> settled_before(StoreTime, std::uint32_t) override {
    return std::vector<Reply>{};
  }
  Status note(std::span<const ReplyNote>) override { return Done{}; }
  Result<std::uint64_t> waiting() override { return std::uint64_t{0}; }
};

}  // namespace sluice::ingest
