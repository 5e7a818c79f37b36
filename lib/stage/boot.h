// From argv, environment and file to Settings: what every program of Sluice does first. Programs
// with verbs of their own use it, too: boot(info, argc, argv) with the verb taken out.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "lib/base/settings.h"
#include "lib/stage/stage.h"

namespace sluice::stage {

// The settings; or an exit code, when the program is done: --help, --version, --print-settings and
// --check were answered, or what is wrong was said on standard error.
// `check` looks at what only this stage knows, before --check and --print-settings are answered.
std::variant<Settings, int> boot(const StageInfo& info, int argc, const char* const* argv,
                                 const std::function<Status(const Settings&)>& check = {});

// The settings of a program that runs, read again by the words that it was started with: the file,
// the environment and flags as before. An Error names the place, and nothing was said.
Result<Settings> read_settings_again(const StageInfo& info, int argc, const char* const* argv,
                                     const std::function<Status(const Settings&)>& check = {});

// 64, 78 or 75.
int exit_code(Trouble trouble);
// Says it on standard error and returns its exit code.
int fail(std::string_view program, const Error& error);

std::string program_name(const StageInfo& info);  // "sluice-limiter"
std::string_view name_of(wire::Role role);        // "limiter"

// Where a stage keeps its files: <data_dir>/<stage>, with "-<instance>" for stages of which there
// may be many in one data directory.
std::string stage_directory(const StageInfo& info, const Settings& settings);
// The link addresses, with what is not set filled in: ipc://<data_dir>/run/<stage>.sock.
std::vector<std::string> listen_addresses(const StageInfo& info, const Settings& settings);
std::vector<std::string> dial_addresses(wire::Role role, const Settings& settings);

}  // namespace sluice::stage
