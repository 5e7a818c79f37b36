#include "tests/upstream/behaviour.h"

#include <charconv>
#include <cmath>
#include <optional>

namespace sluice::upstream {

namespace {

Error bad(std::string_view spec) {
  return {Trouble::kUsage, "no such behaviour: " + std::string(spec)};
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 0) return std::nullopt;
  return n;
}

// Cuts what follows `mark` off `text`.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

std::optional<Behaviour> by_name(std::string_view kind) {
  Behaviour made;
  if (kind == "ok" || kind == "slow") return made;
  if (kind == "trickle") return made.act = Act::kTrickle, made;
  if (kind == "reset") return made.act = Act::kReset, made;
  if (kind == "hangup") return made.act = Act::kHangUp, made;
  if (kind == "lost") return made.act = Act::kLost, made;
  if (kind == "hang") return made.act = Act::kHang, made;
  made.as_date = kind.ends_with("-date");
  if (made.as_date) kind.remove_suffix(5);
  const auto status = whole(kind);
  if (!status || *status < 200 || *status > 599) return std::nullopt;
  made.status = static_cast<unsigned>(*status);
  return made;
}

}  // namespace

Result<Behaviour> parse_behaviour(std::string_view spec) {
  std::string_view kind = spec;
  const bool limited = spec.find('*') != std::string_view::npos;
  const auto times = whole(cut(kind, '*'));
  if (limited && (!times || *times == 0 || *times > 1'000'000)) return bad(spec);
  const bool argued = kind.find(':') != std::string_view::npos;
  const auto argument = whole(cut(kind, ':'));
  auto made = by_name(kind);
  const bool timed = kind == "slow" || kind == "trickle";
  if (!made || (argued && !argument) || (timed && !argued)) return bad(spec);
  if (made->as_date && !argued) return bad(spec);
  made->times = limited ? static_cast<std::uint32_t>(*times) : 0;
  if (timed) {
    made->delay_ms = *argument;
  } else if (argued) {
    made->has_retry_after = true;
    made->retry_after_s = *argument;
  }
  return *made;
}

Result<Rate> parse_rate(std::string_view text) {
  std::string_view spec = text;
  const std::string_view share_text = cut(spec, '=');
  double share = -1;
  const auto [end, error] =
      std::from_chars(share_text.data(), share_text.data() + share_text.size(), share);
  if (error != std::errc{} || end != share_text.data() + share_text.size() || !(share >= 0) ||
      share > 1) {
    return Error{Trouble::kUsage,
                 "a rate is SPEC=SHARE with a share of 0 to 1, not " + std::string(text)};
  }
  auto behaviour = parse_behaviour(spec);
  if (!behaviour) return behaviour.error();
  return Rate{*behaviour, static_cast<std::uint32_t>(std::lround(share * 1e6))};
}

Behaviour draw(const std::vector<Rate>& rates, Prng& prng) {
  if (rates.empty()) return {};
  std::uint64_t drawn = prng.below(1'000'000);
  for (const Rate& rate : rates) {
    if (drawn < rate.per_million) return rate.behaviour;
    drawn -= rate.per_million;
  }
  return {};
}

}  // namespace sluice::upstream
