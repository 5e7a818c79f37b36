// Two strings out of a JSON body.
#pragma once

#include <string>
#include <string_view>

namespace sluice::upstream {

struct BodyFields {
  std::string key;
  std::string behave;
};

// What stands at these JSON Pointers (RFC 6901): strings as they are, numbers as they are written;
// empty where there is nothing, or no JSON. An empty pointer is not looked up.
BodyFields read_body(std::string_view body, std::string_view key_pointer,
                     std::string_view behave_pointer);

}  // namespace sluice::upstream
