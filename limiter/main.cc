// sluice-limiter: decides which message may go when. See README.md.
#include "limiter/shell.h"

int main(int argc, char** argv) { return sluice::stage::run<sluice::limiter::Shell>(argc, argv); }
