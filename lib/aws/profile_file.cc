#include "lib/aws/profile_file.h"

#include <algorithm>
#include <optional>

#include "lib/base/ascii.h"

namespace sluice::aws {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// A comment begins a line, or follows a blank.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == '#' || text[i] == ';';
    if (mark && (i == 0 || is_blank(text[i - 1]))) return text.substr(0, i);
  }
  return text;
}

// "profile staging", "profile" -> "staging". Nothing: it begins with another word.
std::optional<std::string> name_behind(std::string_view section, std::string_view word) {
  const bool says_it =
      section.starts_with(word) && section.size() > word.size() && is_blank(section[word.size()]);
  if (!says_it) return std::nullopt;
  return std::string(trimmed(section.substr(word.size())));
}

// "[profile staging]" -> "staging". Nothing: it is no profile's.
std::optional<std::string> profile_of(ProfileFile kind, std::string_view section) {
  if (kind == ProfileFile::kCredentials || section == "default") return std::string(section);
  return name_behind(section, "profile");
}

class Reader {
 public:
  Reader(ProfileFile kind, Profiles& into) : kind_(kind), into_(into) {}

  // What is wrong with the line; nothing: it is right.
  std::string_view line(std::string_view text) {
    const std::string_view said = trimmed(without_comment(text));
    if (said.empty()) return {};
    if (is_blank(text.front())) return nested(said);
    return said.front() == '[' ? section(said) : setting(said);
  }

 private:
  std::string_view section(std::string_view said) {
    if (said.back() != ']') return "a section without its ]";
    within_section_ = true;
    const std::string_view inside = trimmed(said.substr(1, said.size() - 2));
    if (inside.empty()) return "a section without a name";
    const auto name = profile_of(kind_, inside);
    const auto services = name ? std::nullopt : name_behind(inside, "services");
    profile_ = name ? &into_[*name] : services ? &into_[services_key(*services)] : nullptr;
    in_services_ = services.has_value();
    above_.clear();
    return {};
  }

  std::string_view setting(std::string_view said) {
    if (!within_section_) return "a setting before the first [section]";
    const std::size_t equals = said.find('=');
    if (equals == std::string_view::npos) return "neither a [section] nor NAME = VALUE";
    const std::string name = lower_case(trimmed(said.substr(0, equals)));
    if (name.empty()) return "a value without a name";
    if (profile_ != nullptr) (*profile_)[name] = trimmed(said.substr(equals + 1));
    above_ = name;
    return {};
  }

  // Below "sqs =" of a [services] section; elsewhere it is passed over.
  std::string_view nested(std::string_view said) {
    if (!within_section_) return "a setting before the first [section]";
    const std::size_t equals = said.find('=');
    if (!in_services_ || above_.empty() || equals == std::string_view::npos) return {};
    const std::string name = above_ + "." + lower_case(trimmed(said.substr(0, equals)));
    (*profile_)[name] = trimmed(said.substr(equals + 1));
    return {};
  }

  ProfileFile kind_;
  Profiles& into_;
  Profile* profile_ = nullptr;  // of the section; null: it is no profile's
  bool in_services_ = false;
  std::string above_;  // the setting that nested ones belong to
  bool within_section_ = false;
};

}  // namespace

std::string services_key(const std::string& name) { return "[services] " + name; }

Status read_profiles(ProfileFile kind, std::string_view text, const std::string& path,
                     Profiles& into) {
  Reader reader(kind, into);
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    const std::string_view fault = reader.line(line);
    if (fault.empty()) continue;
    return Error{Trouble::kSettings,
                 path + ":" + std::to_string(number + 1) + ": " + std::string(fault)};
  }
  return Done{};
}

}  // namespace sluice::aws
