// How a call, or an entry of a batch, is refused. Thrown: what is wrong is found deep inside of it.
#pragma once

#include <string>

namespace sluice::tiny_sqs {

struct Fault {
  std::string code;  // "QueueDoesNotExist"
  std::string message;
};

}  // namespace sluice::tiny_sqs
