// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// The program of every simulation that runs ahead: Verilator's run-time library and Python, and
/// then the design, a library that the first word of the command line names.
///
/// It knows no design before that. So one process may become many, each with a design of its own
/// that woke up in its own way (tb.fork_server). It does without Verilator's header, which takes
/// longer to read than all else here to compile.

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

extern "C" void vlog_startup_routines_bootstrap(void);

/// Simulation time in steps; the design moves it.
extern "C" {
uint64_t softmax_now = 0;
}

/// Verilator's library asks for it.
double sc_time_stamp() { return static_cast<double>(softmax_now); }

namespace {

std::vector<std::string> words;

/// Has tb.fork_server serve, if this process is to be one; returns in its children.
void be_a_fork_server() {
  if (!std::getenv("COSIM_FORK_SERVER")) return;
  using Run = int (*)(const char*);
  const auto run = reinterpret_cast<Run>(dlsym(RTLD_DEFAULT, "PyRun_SimpleString"));
  const char* serve = "from softmax_cosim.tb import fork_server; fork_server.serve()";
  if (!run || run(serve) != 0) std::exit(1);
}

/// The design's simulation; does not return if there is none.
int simulate() {
  std::vector<const char*> given;
  for (const std::string& word : words) given.push_back(word.c_str());
  // Python looks among all symbols of the process for those of the transactors.
  void* design = given.size() > 1 ? dlopen(given[1], RTLD_NOW | RTLD_GLOBAL) : nullptr;
  using Simulate = int (*)(int, const char**);
  const auto run = design ? reinterpret_cast<Simulate>(dlsym(design, "softmax_simulate")) : nullptr;
  if (!run) {
    std::fprintf(stderr, "no design: %s\n", given.size() > 1 ? dlerror() : "none is named");
    std::exit(1);
  }
  return run(static_cast<int>(given.size()), given.data());
}

}  // namespace

/// Called by tb.fork_server in a child: the command line of its simulation.
extern "C" void softmax_arguments(int argc, const char** argv) { words.assign(argv, argv + argc); }

int main(int argc, char** argv) {
  words.assign(argv, argv + argc);
  vlog_startup_routines_bootstrap();
  be_a_fork_server();
  return simulate();
}
