// sluice-limiter: decides which message may go when (README.md), or one of its verbs.
#include "limiter/shell.h"
#include "limiter/shell_verbs.h"

int main(int argc, char** argv) {
  if (argc > 1 && sluice::limiter::is_verb(argv[1])) return sluice::limiter::run_verb(argc, argv);
  return sluice::stage::run<sluice::limiter::Shell>(argc, argv);
}
