// Our attribute of a message of SQS, as others may have written it: what is not as it must be is
// not there. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "lib/aws/sqs.h"

namespace sluice::ingest {

// A JSON object: what of a message its body does not say. Sluice's own alone.
constexpr const char* kSqsAttribute = "sluice";
constexpr std::int32_t kGenerationMax = 1'000'000;

// The MessageGroupId of what we send for a key: SQS serves the groups of a standard queue fairly.
std::string sqs_group_of(const std::string& key);

class SqsOurs {
 public:
  explicit SqsOurs(const aws::sqs::Message& message);
  [[nodiscard]] bool is_there() const { return !text_.empty(); }
  // Of a string; empty where there is none.
  [[nodiscard]] std::string text(const char* pointer) const;
  // Of a whole number from `least` to `most`; 0 where there is none.
  [[nodiscard]] std::int32_t number(const char* pointer, std::int32_t least,
                                    std::int32_t most) const;
  [[nodiscard]] std::uint32_t count(const char* pointer, std::int32_t most) const {
    return static_cast<std::uint32_t>(number(pointer, 0, most));
  }

 private:
  std::string text_;
};

}  // namespace sluice::ingest
