#include "lib/port/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace sluice::port {

namespace {

constexpr Duration kLookAgain = milliseconds(20);

std::vector<std::string> numeric(const addrinfo* found) {
  std::set<std::string> addresses;
  for (; found != nullptr; found = found->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    const int failed = getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(),
                                   nullptr, 0, NI_NUMERICHOST);
    if (failed != 0) continue;
    const std::string address = text.data();
    addresses.insert(found->ai_family == AF_INET6 ? "[" + address + "]" : address);
  }
  return {addresses.begin(), addresses.end()};
}

}  // namespace

struct Resolver::Question {
  std::string name;
  Answer answer;
  addrinfo hints{};
  gaicb request{};
};

Resolver::Resolver(Poller& poller) : poller_(poller) {}

// The C library writes into a question until it is answered or cancelled; one that is neither at
// the end of the process is left to it.
Resolver::~Resolver() {
  poller_.cancel(timer_);
  for (auto& question : questions_) {
    const int state = gai_cancel(&question->request);
    if (state == EAI_NOTCANCELED) (void)question.release();
  }
}

void Resolver::ask(const std::string& name, Answer answer) {
  for (const auto& question : questions_) {
    if (question->name == name) return;
  }
  auto question = std::make_unique<Question>();
  question->name = name;
  question->answer = std::move(answer);
  question->hints.ai_family = AF_UNSPEC;
  question->hints.ai_socktype = SOCK_STREAM;
  question->request.ar_name = question->name.c_str();
  question->request.ar_request = &question->hints;
  gaicb* list[1] = {&question->request};
  if (getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr) != 0) return;  // asked again in a while
  questions_.push_back(std::move(question));
  if (questions_.size() == 1) timer_ = poller_.after(kLookAgain, [this] { look(); });
}

void Resolver::look() {
  std::vector<std::unique_ptr<Question>> answered;
  const auto done = [](const auto& one) { return gai_error(&one->request) != EAI_INPROGRESS; };
  for (auto& one : questions_) {
    if (done(one)) answered.push_back(std::move(one));
  }
  std::erase(questions_, nullptr);
  if (!questions_.empty()) timer_ = poller_.after(kLookAgain, [this] { look(); });
  for (const auto& one : answered) {
    addrinfo* found = gai_error(&one->request) == 0 ? one->request.ar_result : nullptr;
    one->answer(numeric(found));
    if (found != nullptr) freeaddrinfo(found);
  }
}

}  // namespace sluice::port
