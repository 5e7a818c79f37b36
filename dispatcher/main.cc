#include "dispatcher/shell.h"
#include "lib/stage/run.h"

int main(int argc, char** argv) {
  return sluice::stage::run<sluice::dispatcher::Shell>(argc, argv);
}
