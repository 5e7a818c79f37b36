// Programs that are run for what they print: bounded in time and bytes, on the poller. No shell is
// between: a command is its words.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/result.h"
#include "lib/port/poller.h"

namespace sluice::port {

// Words as a shell cuts them, and nothing else that a shell does: blanks part them, '...' and "..."
// keep blanks, \ takes the next character as it is (within "..." only " and \). kInvalid for a
// quote without its end, and where there is no word.
Result<std::vector<std::string>> words_of(std::string_view command);

class Commands {
 public:
  struct Limits {
    Duration time = seconds(60);
    std::size_t bytes = 64UL * 1024;  // of what it prints
  };
  using Done = std::function<void(Result<std::string>)>;

  explicit Commands(Poller& poller);
  ~Commands();  // ends what runs, which is not answered
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  // Calls `done` once, later (at once if it cannot start), with what the program printed when it
  // ended with 0. It is found by PATH, has our environment, and neither our descriptors nor a
  // terminal: its standard input is empty and its standard error goes nowhere, for it may say
  // secrets. What it leaves running when its time is over is killed with it. Errors are
  // kUnavailable and quote nothing that it printed.
  void run(std::vector<std::string> words, Limits limits, Done done);

 private:
  struct Running;
  void read(Running& running);
  void ended(Running& running);
  void finish(Running& running, Result<std::string> how);

  Poller& poller_;
  std::map<int, std::unique_ptr<Running>> running_;  // by the process's descriptor
};

}  // namespace sluice::port
