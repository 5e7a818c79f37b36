// The rights that docs/runbooks/redis.md gives to the limiters' user, as ACL SETUSER and a line of
// redis.conf have them: what tests run as must be enough. Read from the sources' own folder.
#pragma once

#include <string>

namespace sluice {

std::string rights_of_the_runbook();

}  // namespace sluice
