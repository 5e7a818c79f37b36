// How a call is refused. Thrown: what is wrong with a request is found deep inside of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice::tiny {

struct Fault {
  std::string code;  // "ValidationException"
  std::string message;
  nlohmann::json more = nlohmann::json::object();  // CancellationReasons
};

[[noreturn]] inline void refuse(const std::string& message) {
  throw Fault{"ValidationException", message};
}

}  // namespace sluice::tiny
