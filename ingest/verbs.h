// What sluice-ingest does besides being a stage: import of files, dead letters, API keys. They
// work on the data directory, next to a running ingest or without one.
#pragma once

namespace sluice::ingest {

// import FILE|-
int run_import(int argc, char** argv);

// keys add | list | revoke
int run_keys(int argc, char** argv);

// dead list | show ID... | replay ID...|--all | purge ID...|--all
int run_dead(int argc, char** argv);

}  // namespace sluice::ingest
