#include "tests/redis/redis_user.h"

#include <gtest/gtest.h>

#include <fstream>

namespace sluice {

std::string rights_of_the_runbook() {
  std::ifstream page("docs/runbooks/redis.md");
  const std::string begin = "ACL SETUSER sluice on >PASSWORD ";
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(begin)) return line.substr(begin.size());
  }
  ADD_FAILURE() << "the runbook names no user";
  return {};
}

}  // namespace sluice
