// Signs what standard input says, a JSON document a line, and prints the Authorization of each: so
// that tests/scripts/sigv4_test.py can compare them with another signer's.
#include <iostream>
#include <nlohmann/json.hpp>

#include "lib/aws/sigv4.h"
#include "lib/base/calendar.h"

namespace {

using sluice::aws::NameValue;

std::string authorization(const nlohmann::json& line) {
  const std::string body = line["body"];
  const sluice::aws::UnsignedRequest request{line["method"], line["path"],
                                             line["query"].get<std::vector<NameValue>>(),
                                             line["headers"].get<std::vector<NameValue>>(), body};
  const sluice::aws::Keys keys{line["access_key_id"], line["secret_access_key"], line["token"]};
  return sign(request, keys, {line["region"], line["service"]},
              sluice::parse_time(line["at"].get<std::string>()).value())
      .back()
      .second;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << authorization(nlohmann::json::parse(line)) << "\n";
  }
}
