#include "ingest/dynamo_dead.h"

#include <utility>

#include "ingest/dynamo_group.h"
#include "ingest/dynamo_replay.h"
#include "ingest/settings.h"
#include "ingest/uses.h"
#include "lib/aws/settings.h"
#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "lib/wire/codec.h"

namespace sluice::ingest {

using aws::dynamodb::Item;
using dynamo::text_of;

namespace {

constexpr Duration kWait = minutes(1);
constexpr std::uint32_t kPage = 25;

std::uint32_t count_of(const Item& item, const char* name) {
  return static_cast<std::uint32_t>(dynamo::number_of(item, name));
}

DeadRow read_dead(const Item& item) {
  const RowPlace place = dynamo::place_of_sort(text_of(item, "sk"));
  DeadRow dead;
  dead.identity = place.identity;
  dead.at = {place.order};
  dead.source = text_of(item, "source");
  dead.id = text_of(item, "id");
  dead.key = text_of(item, "key");
  dead.upstream = text_of(item, "upstream");
  dead.generation = count_of(item, "generation");
  dead.reason = text_of(item, "reason");
  dead.status = count_of(item, "status");
  dead.attempts = count_of(item, "attempts");
  return dead;
}

}  // namespace

DynamoDead::DynamoDead(std::unique_ptr<port::Poller> poller, std::unique_ptr<aws::Session> session,
                       const DynamoParkingConfig& config)
    : poller_(std::move(poller)),
      session_(std::move(session)),
      layout_(config.table, config.store),
      parking_(session_->client(), session_->world(), config,
               [this](const ParkingReply& reply) { answer_ = reply.answer; }) {}

Result<std::unique_ptr<DynamoDead>> DynamoDead::open(const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return config.error();
  auto aws = aws::read_settings(settings);
  if (!aws) return aws.error();
  auto poller = std::make_unique<port::Poller>();
  auto session = aws::Session::open(*poller, *aws, kDeadTableUses);
  if (!session) return session.error();
  const DynamoParkingConfig parking{.table = settings.stage.text("parking_table"),
                                    .store = config->store,
                                    .seed = port::random_id()};
  return std::unique_ptr<DynamoDead>(
      new DynamoDead(std::move(poller), std::move(*session), parking));
}

// All of them at once, answered in their order.
Result<std::vector<aws::Outcome>> DynamoDead::ask(std::vector<aws::Request> requests) {
  struct Asked {
    std::vector<aws::Outcome> got;
    std::size_t left = 0;
  };
  const auto asked = std::make_shared<Asked>();
  asked->got.resize(requests.size());
  asked->left = requests.size();
  for (std::size_t n = 0; n < requests.size(); ++n) {
    session_->client().call(std::move(requests[n]), [asked, n](aws::Outcome outcome) {
      asked->got[n] = std::move(outcome);
      --asked->left;
    });
  }
  const Instant last = port::steady_now() + kWait;
  while (asked->left > 0 && port::steady_now() < last) poller_->poll(last);
  if (asked->left > 0) return Error{Trouble::kUnavailable, "the table does not answer"};
  for (const aws::Outcome& outcome : asked->got) {
    const bool cancelled = outcome.fault && outcome.fault->code == "TransactionCanceledException";
    if (outcome.fault && !cancelled) {
      return Error{Trouble::kUnavailable,
                   "the table \"" + layout_.table() + "\": " + outcome.fault->code};
    }
  }
  return std::move(asked->got);
}

Status DynamoDead::load(std::vector<DeadRow>& rows) {
  std::vector<aws::Request> letters;
  for (const DeadRow& row : rows) letters.push_back(layout_.get(layout_.letter_key(row.identity)));
  auto got = ask(std::move(letters));
  if (!got) return got.error();
  for (std::size_t n = 0; n < rows.size(); ++n) {
    const auto item = aws::dynamodb::read_item((*got)[n]);
    if (!item.ok() || !*item) continue;
    rows[n].raw = text_of(**item, "message");
    auto decoded = wire::decode_item(rows[n].raw);
    auto* offer = decoded ? std::get_if<wire::Offer>(&*decoded) : nullptr;
    if (offer == nullptr) continue;  // damaged: it is shown as it stands
    rows[n].message = std::move(*offer);
    rows[n].raw.clear();
  }
  return Done{};
}

Status DynamoDead::each_dead(const std::function<bool(const DeadRow&)>& visit) {
  aws::dynamodb::Query what = layout_.all_of(layout_.dead());
  what.consistent = true;
  what.items_max = kPage;
  for (std::string next;;) {
    auto got = ask({aws::dynamodb::query(what, next)});
    if (!got) return got.error();
    const auto page = aws::dynamodb::read_page(got->front());
    if (!page.ok()) return Error{Trouble::kUnavailable, page.refusal().message};
    std::vector<DeadRow> rows;
    for (const Item& item : page->items) rows.push_back(read_dead(item));
    if (auto loaded = load(rows); !loaded) return loaded;
    for (const DeadRow& row : rows) {
      if (!visit(row)) return Done{};
    }
    next = page->next;
    if (next.empty()) return Done{};
  }
}

Result<std::vector<DeadRow>> DynamoDead::find_dead(std::string_view id) {
  std::vector<DeadRow> found;
  auto done = each_dead([&](const DeadRow& dead) {
    if (is_named(dead, id)) found.push_back(dead);
    return true;
  });
  if (!done) return done.error();
  return found;
}

Result<ReplayEnd> DynamoDead::replay(const DeadRow& dead, StoreTime now, Duration behind) {
  if (!dead.message) return ReplayEnd::kNoMessage;
  answer_.reset();
  const dynamo::World& world = parking_.deed_world();
  parking_.perform(std::make_shared<dynamo::Group>(
      world, dead.key, std::make_unique<dynamo::ReplayChange>(world, dead, now, behind)));
  const Instant last = port::steady_now() + kWait;
  while (!answer_ && port::steady_now() < last) poller_->poll(last);
  if (!answer_) return Error{Trouble::kUnavailable, "the table does not answer"};
  if (const auto* failed = std::get_if<ParkingFailed>(&*answer_)) {
    return Error{Trouble::kUnavailable, failed->what};
  }
  const auto* end = std::get_if<ReorderAnswer>(&*answer_);
  return end != nullptr && end->there ? ReplayEnd::kReplayed : ReplayEnd::kGone;
}

Status DynamoDead::purge(const DeadRow& dead) {
  auto done =
      ask({aws::dynamodb::transact_write({layout_.remove(layout_.dead_key(dead.at, dead.identity)),
                                          layout_.remove(layout_.letter_key(dead.identity))},
                                         to_hex(port::random_bytes(16)))});
  if (!done) return done.error();
  if (done->front().fault) return Error{Trouble::kUnavailable, done->front().fault->code};
  return Done{};
}

}  // namespace sluice::ingest
