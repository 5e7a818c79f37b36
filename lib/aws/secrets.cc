#include "lib/aws/secrets.h"

#include <algorithm>
#include <utility>

#include "lib/aws/settings.h"
#include "lib/port/secrets.h"

namespace sluice::aws {

namespace {

constexpr std::string_view kKey = "{key}";

Status check_session(const Result<std::unique_ptr<Session>>& session, const NamedSecret& first) {
  if (session.ok()) return Done{};
  return Error{session.error().code,
               first.setting + ": " + first.reference + ": " + session.error().what};
}

}  // namespace

void name_secrets(const SettingTable& table, const std::vector<std::string_view>& texts,
                  const std::vector<std::string_view>& lists, std::vector<NamedSecret>& into) {
  const auto add = [&](std::string_view name, const std::string& text) {
    if (!port::is_secret(text)) return;
    into.push_back({text, table.place_of(name).text() + ": " + std::string(name)});
  };
  for (const std::string_view name : texts) add(name, table.text(name));
  for (const std::string_view name : lists) {
    for (const std::string& text : table.list(name)) add(name, text);
  }
}

Result<std::unique_ptr<Secrets>> Secrets::open(port::Poller& poller, port::Log& log,
                                               const Settings& settings,
                                               const std::vector<NamedSecret>& named) {
  auto secrets = std::make_unique<Secrets>();
  const auto first = std::find_if(named.begin(), named.end(), [](const NamedSecret& one) {
    return port::is_aws_secret(one.reference);
  });
  if (first != named.end()) {
    auto read = read_settings(settings);
    if (!read) return read.error();
    auto session = Session::open(poller, *read, kSecretUses);
    if (auto opened = check_session(session, *first); !opened) return opened.error();
    secrets.reset(new Secrets(std::move(*session)));
  }
  for (const NamedSecret& one : named) secrets->look(log, one);
  return secrets;
}

Secrets::Secrets(std::unique_ptr<Session> session)
    : session_(std::move(session)), cache_(std::in_place, session_->client(), session_->world()) {}

Secrets::~Secrets() = default;

// With {key} in its field a reference stands for those of keys, of which none is known: a secret
// that has fields is good.
void Secrets::look(port::Log& log, const NamedSecret& named) {
  const bool of_keys = named.reference.find(kKey) != std::string::npos;
  if (of_keys && !port::is_aws_secret(named.reference)) return;
  when_read(named.reference, [this, &log, of_keys, named] {
    const auto value = read(named.reference);
    if (value.ok() || (of_keys && value.error().code == Trouble::kInvalid)) return;
    log.error(
        "a secret cannot be read: what needs it waits for it",
        {{"secret", named.reference}, {"setting", named.setting}, {"why", value.error().what}});
  });
}

Result<std::string> Secrets::read(const std::string& reference) {
  if (!port::is_aws_secret(reference)) return port::resolve_secret(reference);
  if (!cache_) return Error{Trouble::kUnavailable, reference + " cannot be read"};
  auto value = cache_->peek(reference);
  if (!value) return Error{Trouble::kUnavailable, reference + " is being read"};
  return std::move(*value);
}

bool Secrets::is_being_read(const std::string& reference) {
  return cache_ && port::is_aws_secret(reference) && cache_->is_being_read(reference);
}

void Secrets::when_read(const std::string& reference, std::function<void()> then) {
  if (!is_being_read(reference)) return then();
  cache_->ask(reference, [then = std::move(then)](const Result<std::string>&) { then(); });
}

void Secrets::refused(const std::string& reference) {
  if (cache_ && port::is_aws_secret(reference)) cache_->doubt(reference);
}

void Secrets::settle_for_old(const std::string& reference) {
  if (cache_ && port::is_aws_secret(reference)) cache_->settle_for_old(reference);
}

}  // namespace sluice::aws
