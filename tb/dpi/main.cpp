// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// The simulator's main program: cocotb's event loop for Verilator, and a way to run ahead of it.
///
/// While a batch of the bulk transport is under way nothing in Python waits for a clock edge, so
/// tb.bulk, itself called by the loop between two evaluations, calls back: the clock advances here,
/// without the loop's callbacks, until the batch is over. It ends by itself even if the design hangs
/// (Batch::patience). Afterwards the time stands where a clock driven from outside would have left
/// it, and the loop goes on as after any time step.

#include <algorithm>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "transactor.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

extern "C" void vlog_startup_routines_bootstrap(void);

static uint64_t now = 0;  // simulation time in steps

double sc_time_stamp() { return static_cast<double>(now); }

namespace {

constexpr uint64_t kNever = ~uint64_t{0};

Vtop* model = nullptr;

#if VM_TRACE
std::unique_ptr<VerilatedVcdC> trace;
#endif

void dump() {
#if VM_TRACE
  if (trace) trace->dump(now);
#endif
}

void open_trace(Vtop& top, const char* path) {
#if VM_TRACE
  trace = std::make_unique<VerilatedVcdC>();
  top.trace(trace.get(), 99);
  trace->open(path);
#else
  (void)top;
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

void end_of_simulation(void*) {
  VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
  if (trace) trace->close();
#endif
}

}  // namespace

/// Called by tb.bulk: clock cycles, the low half first, until the batch is over.
extern "C" void softmax_run_ahead() {
  const bulk::Batch& batch = *bulk::current();
  while (batch.status == bulk::kUnderWay && !Verilated::gotFinish()) {
    model->clk_i = 0;
    model->eval();
    dump();
    now += batch.half_period;
    model->clk_i = 1;
    model->eval();
    dump();
    now += batch.half_period;
  }
}

int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
  Verilated::fatalOnVpiError(false);  // cocotb probes for objects that may not exist
  Verilated::traceEverOn(VM_TRACE);
  const auto top = std::make_unique<Vtop>("");
  model = top.get();
  for (int i = 1; i + 1 < argc; i++) {
    if (std::strcmp(argv[i], "--trace-file") == 0) open_trace(*top, argv[i + 1]);
  }

  vlog_startup_routines_bootstrap();
  Verilated::addExitCb(end_of_simulation, nullptr);
  VerilatedVpi::callCbs(cbStartOfSimulation);
  settle_values();

  while (!Verilated::gotFinish()) {
    settle(*top);
    const uint64_t timed = VerilatedVpi::cbNextDeadline();
    const uint64_t delayed = top->eventsPending() ? top->nextTimeSlot() : kNever;
    if (std::min(timed, delayed) == kNever) break;
    // A deadline that passed while running ahead is served now: time never goes back.
    now = std::max(now, std::min(timed, delayed));
    VerilatedVpi::callCbs(cbNextSimTime);
    settle_values();
    VerilatedVpi::callTimedCbs();
    settle_values();
  }

  top->final();
  end_of_simulation(nullptr);
  return Verilated::threadContextp()->errorCount() > 0 ? 1 : 0;
}
