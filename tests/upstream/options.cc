#include "tests/upstream/options.h"

#include <charconv>
#include <cmath>
#include <optional>

namespace sluice::upstream {

namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

bool set_listen(Options& options, std::string_view value) {
  const std::size_t colon = value.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = number<std::uint16_t>(value.substr(colon + 1));
  options.host = value.substr(0, colon);
  if (port) options.port = *port;
  return port.has_value() && !options.host.empty();
}

bool set_key(Options& options, std::string_view value) {
  if (value.starts_with("header:") && value.size() > 7) {
    options.key_header = value.substr(7);
    options.key_pointer.clear();
    return true;
  }
  if (!value.starts_with("body:/")) return false;
  options.key_pointer = value.substr(5);
  return true;
}

bool set_n(Options& options, std::string_view value) {
  const auto n = number<std::size_t>(value);
  if (n) options.rules.n = *n;
  return n && *n > 0 && *n <= 1'000'000;
}

bool set_window(Options& options, std::string_view value) {
  const auto seconds = number<double>(value);
  if (!seconds || !(*seconds >= 0.001) || *seconds > 86'400) return false;
  options.rules.window = std::llround(*seconds * 1e9);
  return true;
}

bool set_rate(Options& options, std::string_view value) {
  auto rate = parse_rate(value);
  if (!rate) return false;
  options.rates.push_back(*rate);
  std::uint64_t whole = 0;
  for (const Rate& each : options.rates) whole += each.per_million;
  return whole <= 1'000'000;
}

bool set_seed(Options& options, std::string_view value) {
  const auto seed = number<std::uint64_t>(value);
  if (seed) options.seed = *seed;
  return seed.has_value();
}

bool set_skew(Options& options, std::string_view value) {
  const auto skew = number<std::int64_t>(value);
  if (skew) options.date_skew_s = *skew;
  return skew && std::abs(*skew) <= 1'000'000'000;
}

bool set_report_file(Options& options, std::string_view value) {
  options.report_file = value;
  return !value.empty();
}

bool set_times_file(Options& options, std::string_view value) {
  options.times_file = value;
  return !value.empty();
}

struct Row {
  std::string_view name;
  bool (*set)(Options&, std::string_view);
};
constexpr Row kRows[] = {{"listen", set_listen},
                         {"key", set_key},
                         {"n", set_n},
                         {"window", set_window},
                         {"behave", set_rate},
                         {"seed", set_seed},
                         {"date-skew", set_skew},
                         {"report-file", set_report_file},
                         {"times-file", set_times_file}};

const Row* find_row(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

Error wrong(std::string_view what, std::string_view argument) {
  return {Trouble::kUsage, std::string(what) + ": " + std::string(argument)};
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help") options.help = true;
    if (argument == "--no-ban") options.rules.ban = false;
    if (argument == "--help" || argument == "--no-ban") continue;
    if (!argument.starts_with("--")) return wrong("not an option", argument);
    const std::size_t equals = argument.find('=');
    const Row* row = find_row(argument.substr(2, equals == argument.npos ? equals : equals - 2));
    if (row == nullptr) return wrong("no such option", argument);
    const bool apart = equals == argument.npos;
    if (apart && ++i == arguments.size()) return wrong("a value is missing after", argument);
    const std::string_view value = apart ? arguments[i] : argument.substr(equals + 1);
    if (!row->set(options, value)) return wrong("not a value for this option", argument);
  }
  return options;
}

std::string_view usage() {
  return R"(sluice-upstream: an HTTP API that punishes over-sending

A key is banned (403 from then on) by the (N+1)th arrival in any closed window [t, t+W], counted on
this program's steady clock when a request's first byte is read.

  --listen HOST:PORT   127.0.0.1:8090; port 0 takes a free one
  --n N                arrivals allowed in a closed window: 10
  --window SECONDS     the window W: 60
  --no-ban             count, do not ban
  --key WHERE          body:/POINTER (JSON Pointer) or header:NAME: body:/userId
  --behave SPEC=SHARE  treat this share (0 to 1) of the requests so; may be repeated
  --seed S             of the draws for --behave: 1
  --date-skew SECONDS  how far this server's Date is off
  --report-file FILE   write the report there on SIGTERM or SIGINT
  --times-file FILE    write there on SIGTERM or SIGINT, for each answered request, its Idempotency-Key,
                       its first byte and its answer's last (nanoseconds of CLOCK_MONOTONIC)
  --help

A request chooses its own treatment by the header X-Behave or the body's /behave: SPEC.
SPEC: ok slow:MS trickle:MS 429:S 503:S 429-date:S 503-date:S NNN reset hangup lost hang;
followed by *K: only for the first K requests with that Idempotency-Key.

GET /report (?keys=0 leaves the keys out), GET /healthz. Exit codes: 0 done, 64 usage, 75 the port
is taken.
)";
}

}  // namespace sluice::upstream
