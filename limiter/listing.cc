#include "limiter/listing.h"

#include <charconv>
#include <optional>
#include <utility>

#include "limiter/flat_json.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kSentMax = 20'000'000;
constexpr std::size_t kTextMax = 1'024;                                       // of a name or a key
constexpr std::int64_t kTimeMax = std::int64_t{253'402'300'799} * 1'000'000;  // the year 9999
constexpr std::int64_t kUnitsMax = 4'294'967'295;

// Fields of one line, each asked for once; the first that is wrong is remembered.
class Fields {
 public:
  explicit Fields(FlatFields fields) : fields_(std::move(fields)) {}

  std::int64_t number(const char* name, std::int64_t low, std::int64_t high) {
    const std::string* text = find(name, true);
    if (text == nullptr) return low;
    std::int64_t value = 0;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc() || stop != end || value < low || value > high) {
      complain(name, "\"" + text->substr(0, 40) + "\" is no whole number from " +
                         std::to_string(low) + " to " + std::to_string(high));
      return low;
    }
    return value;
  }
  StoreTime instant(const char* name) { return {number(name, 0, kTimeMax)}; }
  std::string text(const char* name, bool needed) {
    const std::string* text = find(name, needed);
    if (text == nullptr) return {};
    if (text->size() > kTextMax) complain(name, "is longer than 1024 bytes");
    return *text;
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  const std::string* find(const char* name, bool needed) {
    const auto at = fields_.find(name);
    if (at != fields_.end()) return &at->second;
    if (needed) complain(name, "is missing");
    return nullptr;
  }
  void complain(const char* name, const std::string& what) {
    if (wrong_.empty()) wrong_ = std::string("field \"") + name + "\": " + what;
  }

  FlatFields fields_;
  std::string wrong_;
};

}  // namespace

Error ListingReader::wrong(const std::string& what) const {
  return {Trouble::kSettings, file_ + ":" + std::to_string(number_) + ": " + what};
}

Status ListingReader::line(std::string_view text) {
  ++number_;
  const auto fields = read_flat_json(text);
  if (!fields) return wrong("no flat JSON object on one line");
  const auto type = fields->find("t");
  const std::string what = type == fields->end() ? "" : type->second;
  if (!open_) {
    if (what == "attempts") return begin(text);
    return wrong("field \"t\": a listing begins with \"attempts\" (sluice-auditor attempts)");
  }
  if (what == "attempt") return add(text);
  if (what == "end") return finish(text);
  return wrong("field \"t\": \"" + what.substr(0, 40) + "\" is neither \"attempt\" nor \"end\"");
}

Status ListingReader::begin(std::string_view text) {
  Fields fields(*read_flat_json(text));
  fields.number("version", 1, 1);
  const std::string upstream = fields.text("upstream", true);
  const Listing listing{fields.instant("since"), fields.instant("begins"), fields.instant("until")};
  if (!fields.wrong().empty()) return wrong(fields.wrong());
  if (!found_.listings.empty() && upstream != found_.upstream) {
    return wrong("field \"upstream\": \"" + upstream + "\", but the listing before is of \"" +
                 found_.upstream + "\": one upstream at a time");
  }
  found_.upstream = upstream;
  found_.listings.push_back(listing);
  open_ = true;
  listed_ = 0;
  return Done{};
}

Status ListingReader::add(std::string_view text) {
  Fields fields(*read_flat_json(text));
  const Whose whose{fields.text("name", true), fields.text("key", false)};
  const StoreTime granted = fields.instant("granted_at");
  Sent sent;
  sent.at = fields.instant("completed_at");
  sent.units = static_cast<std::uint32_t>(fields.number("units", 1, kUnitsMax));
  sent.unknown = fields.number("unknown", 0, 1) == 1;
  if (!fields.wrong().empty()) return wrong(fields.wrong());
  if (sent.at < granted) return wrong("field \"completed_at\": it is before granted_at");
  if (found_.sent.size() >= kSentMax) return wrong("more attempts than can be restored at once");
  // Of two auditors' trails one key has two names.
  const auto [at, is_new] = places_.try_emplace(
      whose.key.empty() ? "n" + whose.name : "k" + whose.key, found_.whose.size());
  if (is_new) found_.whose.push_back(whose);
  sent.whose = at->second;
  found_.sent.push_back(sent);
  ++listed_;
  return Done{};
}

Status ListingReader::finish(std::string_view text) {
  Fields fields(*read_flat_json(text));
  const std::int64_t said = fields.number("attempts", 0, kTimeMax);
  if (!fields.wrong().empty()) return wrong(fields.wrong());
  if (static_cast<std::uint64_t>(said) != listed_) {
    return wrong("field \"attempts\": " + std::to_string(said) + " were listed, but " +
                 std::to_string(listed_) + " lines came");
  }
  open_ = false;
  return Done{};
}

Result<Listed> ListingReader::end() {
  ++number_;
  if (open_) return wrong("the listing breaks off before its last line");
  if (found_.listings.empty()) return wrong("nothing was listed (sluice-auditor attempts)");
  return std::move(found_);
}

}  // namespace sluice::limiter
