// sluice-alerter: the process.
#include "alerter/shell.h"
#include "lib/stage/run.h"

int main(int argc, char** argv) { return sluice::stage::run<sluice::alerter::Shell>(argc, argv); }
