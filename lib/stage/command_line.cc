#include "lib/stage/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>

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

constexpr std::size_t kColumns = 96;

std::string wrapped(const std::string& text, const std::string& indent) {
  std::istringstream words(text);
  std::string lines;
  std::string line = indent;
  for (std::string word; words >> word;) {
    const bool first = line.size() == indent.size();
    if (!first && line.size() + 1 + word.size() > kColumns) {
      lines += line + "\n";
      line = indent + word;
    } else {
      line += (first ? "" : " ") + word;
    }
  }
  return lines + line + "\n";
}

// An option's name, and below it what it is for; no line is longer than a terminal.
class Pages : public CLI::Formatter {
 public:
  explicit Pages(const Program& program) : program_(program) {}

  std::string make_usage(const CLI::App*, std::string) const override {
    std::string lines = "usage: " + program_.name + " [OPTION...]\n";
    for (const std::string_view verb : program_.verbs) {
      lines += "       " + program_.name + " " + std::string(verb) + "\n";
    }
    if (!program_.verbs.empty()) lines += "       (each of these has a --help of its own)\n";
    return lines;
  }
  std::string make_option(const CLI::Option* option, bool) const override {
    std::string name = "--" + option->get_lnames().front();
    if (!option->get_option_text().empty()) name += " " + option->get_option_text();
    std::string lines = "  " + name + "\n";
    std::istringstream parts(option->get_description());
    for (std::string part; std::getline(parts, part);) lines += wrapped(part, "      ");
    return lines;
  }

 private:
  const Program& program_;
};

void add_rows(CLI::App& app, const Program& program, CommandLine& into) {
  for (const SettingRow& row : program.rows) {
    if (row.secret) continue;                          // flags are seen by everybody on the machine
    const bool flag = row.type == SettingType::kFlag;  // "--fresh" is "--fresh=true"
    const std::string name(row.name);
    const auto take = [&into, name, flag](const std::string& text) {
      into.given.emplace_back(name, flag && text.empty() ? "true" : text);
    };
    app.add_option_function<std::string>(flag_names(row.name), take,
                                         std::string(row.help) + "\n" + describe_setting(row))
        ->expected(flag ? 0 : 1, 1)
        ->option_text(flag ? "[VALUE]" : "VALUE");
  }
}

}  // namespace

std::variant<CommandLine, int> parse_command_line(const Program& program, int argc,
                                                  const char* const* argv) {
  CommandLine line;
  CLI::App app{program.what, program.name};
  app.formatter(std::make_shared<Pages>(program));
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
