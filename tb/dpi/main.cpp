// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// The simulation of a design: cocotb's event loop for Verilator, and a way to run ahead of it.
///
/// While a batch of the bulk transport is under way nothing in Python waits for a clock edge, so
/// tb.bulk, itself called by the loop between two evaluations, calls back: the clock advances here,
/// without the loop's callbacks, until the batch is over. It ends by itself even if the design hangs
/// (Batch::patience). Afterwards the time stands where a clock driven from outside would have left
/// it, and the loop goes on as after any time step. Python is not asked for a batch like the last.
///
/// It is part of the design's library, which host.cpp loads and calls.
///
/// Built with --trace-saif, it writes the activity of a batch instead of a waveform: from the end of
/// its reset to its end, in a file that each batch writes anew.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "Vtop.h"
#include "transactor.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE_SAIF
#include "verilated_saif_c.h"
using Trace = VerilatedSaifC;
#elif VM_TRACE
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

/// Simulation time in steps; it is the host's.
extern "C" uint64_t softmax_now;

namespace {

constexpr uint64_t kNever = ~uint64_t{0};

Vtop* model = nullptr;

#if VM_TRACE
std::unique_ptr<Trace> trace;
const char* trace_path = nullptr;

std::unique_ptr<Trace> opened(const std::string& path) {
  auto file = std::make_unique<Trace>();
  model->trace(file.get(), 99);
  file->open(path.c_str());
  return file;
}
#endif

void dump() {
#if VM_TRACE
  if (trace) trace->dump(softmax_now);
#endif
}

void open_trace(const char* path) {
#if VM_TRACE
  trace_path = path;
#if !VM_TRACE_SAIF
  trace = opened(path);
#endif
#else
  VL_PRINTF("--trace-file %s: this simulation was built without waves\n", path);
#endif
}

void settle_values() {
  while (VerilatedVpi::callValueCbs()) {
  }
}

/// All events of the present time.
void settle(Vtop& top) {
  do {
    do {
      top.eval_step();
      VerilatedVpi::clearEvalNeeded();
      VerilatedVpi::doInertialPuts();
      settle_values();
    } while (VerilatedVpi::evalNeeded());
    VerilatedVpi::callCbs(cbReadWriteSynch);
    VerilatedVpi::doInertialPuts();
    settle_values();
  } while (VerilatedVpi::evalNeeded());
  top.eval_end_step();
  VerilatedVpi::callCbs(cbReadOnlySynch);
  dump();
}

/// Activity counts once the design is out of reset, before it is offered a beat. What is 1 then is
/// taken for a change, so what is 1 stands in a file of its own.
void begin_activity(const bulk::Batch& batch) {
#if VM_TRACE_SAIF
  if (!trace_path || batch.edges != bulk::kResetEdges + 1) return;
  opened(std::string(trace_path) + ".start")->dump(softmax_now);
  trace = opened(trace_path);
#else
  (void)batch;
#endif
}

void end_activity() {
#if VM_TRACE_SAIF
  trace.reset();
#endif
}

void close_trace() {
#if VM_TRACE
  if (trace) trace->close();
#endif
}

void end_of_simulation(void*) {
  VerilatedVpi::callCbs(cbEndOfSimulation);
  close_trace();
}

int exit_code() { return Verilated::threadContextp()->errorCount() > 0 ? 1 : 0; }

/// Clock cycles, the low half first, until the batch is over.
void run_ahead(const bulk::Batch& batch) {
  const VerilatedContext& context = *model->contextp();
  while (batch.status == bulk::kUnderWay && !context.gotFinish()) {
    model->clk_i = 0;
    model->eval();
    dump();
    softmax_now += batch.half_period;
    model->clk_i = 1;
    model->eval();
    begin_activity(batch);
    dump();
    softmax_now += batch.half_period;
  }
  end_activity();
}

/// Tells the calling process that all went well; false if there is none any more.
bool answered(int answers, const bulk::Batch& batch) {
  const bulk::Answer answer{static_cast<int64_t>(softmax_now), batch.all_edges, 0};
  return write(answers, &answer, sizeof answer) == sizeof answer;
}

/// Waits for what it asks for next; likewise.
bool asked(int commands, bulk::Command& next) {
  ssize_t came;
  do {
    came = read(commands, &next, sizeof next);
  } while (came < 0 && errno == EINTR);
  return came == sizeof next;
}

}  // namespace

/// Called by tb.bulk: plays a batch. If it ends well, says so, and plays the next one likewise, as
/// long as they are of one shape: to wake Python up for each would cost more than to play a row.
/// Returns 1 with the command for one of another shape, 0 when there is nobody who asks any more,
/// and -1 if a batch did not end well, with its answer still to be given.
extern "C" EXPORTED int softmax_serve(bulk::Batch* batch, int commands, int answers,
                                      bulk::Command* next) {
  for (;;) {
    softmax_begin(batch);
    run_ahead(*batch);
    if (batch->status != bulk::kDone) return -1;
    if (!answered(answers, *batch) || !asked(commands, *next)) return 0;
    if (next->rows != batch->rows || next->elements != batch->elements) return 1;
    batch->seed = next->seed;
    std::copy_n(next->source_pattern, 4, batch->source_pattern);
    std::copy_n(next->sink_pattern, 4, batch->sink_pattern);
  }
}

/// Called by tb.bulk when all is played: ends the process without taking Python apart, which takes
/// longer than most batches.
extern "C" EXPORTED void softmax_end() {
  model->final();
  close_trace();
  std::fflush(nullptr);
  _exit(exit_code());
}

/// Called by the host: the simulation, from start to end; returns the exit code.
extern "C" EXPORTED int softmax_simulate(int argc, const char** argv) {
  Verilated::commandArgs(argc, argv);
  Verilated::fatalOnVpiError(false);  // cocotb probes for objects that may not exist
  Verilated::traceEverOn(VM_TRACE);
  const auto top = std::make_unique<Vtop>("");
  model = top.get();
  for (int i = 1; i + 1 < argc; i++) {
    if (std::strcmp(argv[i], "--trace-file") == 0) open_trace(argv[i + 1]);
  }

  Verilated::addExitCb(end_of_simulation, nullptr);
  VerilatedVpi::callCbs(cbStartOfSimulation);
  settle_values();

  while (!Verilated::gotFinish()) {
    settle(*top);
    const uint64_t timed = VerilatedVpi::cbNextDeadline();
    const uint64_t delayed = top->eventsPending() ? top->nextTimeSlot() : kNever;
    if (std::min(timed, delayed) == kNever) break;
    // A deadline that passed while running ahead is served now: time never goes back.
    softmax_now = std::max(softmax_now, std::min(timed, delayed));
    VerilatedVpi::callCbs(cbNextSimTime);
    settle_values();
    VerilatedVpi::callTimedCbs();
    settle_values();
  }

  top->final();
  end_of_simulation(nullptr);
  return exit_code();
}
