// Names to addresses without blocking the loop: getaddrinfo_a (the C library's own helper threads),
// looked after by a timer. One question at a time per Resolver.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/port/poller.h"

namespace sluice::port {

class Resolver {
 public:
  // Numeric addresses of all A and AAAA records, sorted, each once, IPv6 in brackets; empty when
  // the name has none or nobody answered. Called later, from the loop, and not after destruction.
  using Answer = std::function<void(std::vector<std::string> addresses)>;

  explicit Resolver(Poller& poller);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Ignored while the last question for this name is under way.
  void ask(const std::string& name, Answer answer);

 private:
  struct Question;
  void look();

  Poller& poller_;
  std::vector<std::unique_ptr<Question>> questions_;
  TimerId timer_;
};

}  // namespace sluice::port
