// sluice-auditor: the process, or one of its verbs (verbs.h).
#include "auditor/shell.h"
#include "auditor/verbs.h"
#include "lib/stage/run.h"

int main(int argc, char** argv) {
  if (argc > 1 && sluice::auditor::is_verb(argv[1])) return sluice::auditor::run_verb(argc, argv);
  return sluice::stage::run<sluice::auditor::Shell>(argc, argv);
}
