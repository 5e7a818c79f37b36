// SIGHUP: a process reads its settings file again. What does not check changes nothing; what cannot
// change while the process runs is named.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/settings.h"
#include "lib/port/log.h"
#include "lib/stage/stage.h"

namespace sluice::stage {

// What differs, of all that this stage reads: names of its own and the shared settings ("line_min",
// "log_level"), and whole tables of the file ("[[limit]]").
std::vector<std::string> changes(const StageInfo& info, const Settings& before,
                                 const Settings& after);

class Reload {
 public:
  using Read = std::function<Result<Settings>()>;
  using Take = std::function<Result<std::vector<std::string>>(const Settings&)>;

  Reload(const StageInfo& info, const Settings& before, port::Log& log)
      : info_(info), before_(before), log_(log) {}
  // The settings as they were read now; none: the old ones stay, and why was said.
  std::optional<Settings> perform(const Read& read, const Take& take);

 private:
  void refuse(const std::string& why);
  void say(const std::vector<std::string>& changed, std::vector<std::string> taken);

  const StageInfo& info_;
  const Settings& before_;
  port::Log& log_;
};

}  // namespace sluice::stage
