// Answers that come in pages: one loop for all of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/aws/client.h"
#include "lib/aws/reply.h"

namespace sluice::aws {

// Page has `std::string next`, empty in the last one.
template <class Page>
struct Paging {
  std::function<Request(const std::string& next)> ask;  // "": the first
  std::function<Reply<Page>(const Outcome&)> read;
  std::function<bool(Page)> each;                    // false: no more are wanted
  std::function<void(std::optional<Refusal>)> done;  // nothing: all were seen, or enough
};

template <class Page>
class PageLoop {
 public:
  static void run(Client& client, Paging<Page> paging) {
    const auto loop = std::make_shared<PageLoop>(client, std::move(paging));
    loop->ask(loop, "");
  }
  PageLoop(Client& client, Paging<Page> paging) : client_(client), paging_(std::move(paging)) {}

 private:
  using Self = std::shared_ptr<PageLoop>;
  void ask(const Self& self, const std::string& next) {
    client_.call(paging_.ask(next), [self, next](const Outcome& outcome) {
      self->take(self, next, self->paging_.read(outcome));
    });
  }
  void take(const Self& self, const std::string& asked, Reply<Page> page) {
    if (!page.ok()) return paging_.done(page.refusal());
    const std::string next = page->next;
    // A service that repeats itself would be asked for ever.
    if (!next.empty() && next == asked) {
      return paging_.done(Refusal{"PagesRepeat", "the next page is the one that was asked for"});
    }
    const bool more = paging_.each(std::move(*page));
    if (!more || next.empty()) return paging_.done(std::nullopt);
    ask(self, next);
  }

  Client& client_;
  Paging<Page> paging_;
};

// Asks page by page, and ends with `done` once.
template <class Page>
void for_each_page(Client& client, Paging<Page> paging) {
  PageLoop<Page>::run(client, std::move(paging));
}

}  // namespace sluice::aws
