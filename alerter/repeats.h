// Which alerts say again what was said lately. Pure.
//
// An alert whose period is an hour comes anew each hour for as long as its cause lasts. It is
// *still firing* when the one of the hour before was there, too: then it is said only when
// `interval` has passed since it was last said, or when it has become more severe. After an hour
// without it, it is said at once. Other periods (a budget's month) are each said.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "alerter/state_port.h"
#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

class Repeats {
 public:
  explicit Repeats(Duration interval) : interval_(interval) {}

  // What was remembered when the process last ran.
  void load(const std::vector<Spoken>& spoken);
  // What is to be remembered of an alert that comes now; `said` is its own time when it is to be
  // said. `earlier`: of the same batch, not yet remembered.
  [[nodiscard]] Spoken judge(const wire::Alert& alert, const std::vector<Spoken>& earlier) const;
  void remember(const std::vector<Spoken>& spoken);
  // Whether it was seen, and has not been forgotten (remembered with time 0) since.
  [[nodiscard]] bool is_known(const std::string& dedup_key) const;

 private:
  Duration interval_;
  std::map<std::string, Spoken> spoken_;  // by dedup key
};

}  // namespace sluice::alerter
