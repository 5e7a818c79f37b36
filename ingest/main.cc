#include <string_view>

#include "ingest/shell.h"
#include "ingest/verbs.h"
#include "lib/stage/run.h"

// sluice-ingest [flags] | import FILE|- [flags] | dead ... [flags] | keys ... [flags]
int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "import") return sluice::ingest::run_import(argc, argv);
  if (verb == "keys") return sluice::ingest::run_keys(argc, argv);
  if (verb == "dead") return sluice::ingest::run_dead(argc, argv);
  return sluice::stage::run<sluice::ingest::Shell>(argc, argv);
}
