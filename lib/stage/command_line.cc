#include "lib/stage/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

namespace sluice::stage {

namespace {

// "--data-dir,--data_dir": both spellings are understood.
std::string flag_names(std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  std::string names = "--" + dashed;
  if (dashed != name) names += ",--" + std::string(name);
  return names;
}

void add_rows(CLI::App& app, const Program& program, CommandLine& into) {
  for (const SettingRow& row : program.rows) {
    if (row.secret) continue;  // flags are seen by everybody on the machine
    const std::string name(row.name);
    const auto take = [&into, name](const std::string& text) {
      into.given.emplace_back(name, text);
    };
    app.add_option_function<std::string>(flag_names(row.name), take,
                                         std::string(row.help) + " " + describe_setting(row) + ".")
        ->option_text("VALUE");
  }
}

}  // namespace

std::variant<CommandLine, int> parse_command_line(const Program& program, int argc,
                                                  const char* const* argv) {
  CommandLine line;
  CLI::App app{program.what, program.name};
  app.set_version_flag("--version", program.name + " " + kProgramVersion);
  app.add_option("--settings", line.settings_file, "The settings file (TOML).")
      ->option_text("FILE")
      ->envname("SLUICE_SETTINGS");
  app.add_flag("--print-settings", line.print_settings,
               "Print every setting as it would be used, then leave.");
  app.add_flag("--check", line.check, "Check the settings, then leave: 0 right, 78 wrong.");
  app.add_flag("--describe-settings", line.describe,
               "Print what every setting is, with those of the file's tables, then leave.");
  add_rows(app, program, line);
  app.footer(
      "A flag wins over the environment (SLUICE_<STAGE>_<NAME>, SLUICE_<NAME> for what all "
      "share),\n"
      "that over the file, that over the default.\n"
      "Leaves with 0 when done, 64 on wrong usage, 75 when the world failed (try again), 78 when "
      "a\n"
      "setting is wrong.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done, std::cout, std::cerr);
  } catch (const CLI::Error& wrong) {
    std::cerr << program.name << ": " << wrong.what() << "\nTry " << program.name << " --help.\n";
    return 64;
  }
  return line;
}

}  // namespace sluice::stage
