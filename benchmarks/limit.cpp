// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// The limit of every transport: a plain C++ main that plays rows into the core's own pins, with
/// no testbench, DPI, VPI or Python in the way.
///
/// Reads from standard input, as 64-bit integers, rows, elements, lanes, in_w, out_w, then the
/// arrays of golden.rows.Rows. Every further line of input, a number, plays the rows that many
/// times and answers with the clock edges and the processor seconds that took.

#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

#include "../tb/dpi/transactor.h"
#include "Vtop.h"
#include "verilated.h"

static uint64_t now = 0;

double sc_time_stamp() { return static_cast<double>(now); }

namespace {

template <typename T>
std::vector<T> read(size_t count) {
  std::vector<T> values(count);
  if (std::fread(values.data(), sizeof(T), count, stdin) != count) std::exit(1);
  return values;
}

void put(IData& port, const uint32_t* words) { port = words[0]; }
void put(QData& port, const uint32_t* words) { port = words[0] | uint64_t(words[1]) << 32; }
template <std::size_t N>
void put(VlWide<N>& port, const uint32_t* words) {
  for (std::size_t i = 0; i < N; i++) port[i] = words[i];
}
template <typename T>
void put(T& port, const uint32_t* words) {
  port = static_cast<T>(words[0]);
}

template <std::size_t N>
const uint32_t* get(const VlWide<N>& port, uint32_t*) {
  return port.data();
}
template <typename T>
const uint32_t* get(const T& port, uint32_t* words) {
  words[0] = static_cast<uint32_t>(port);
  words[1] = static_cast<uint32_t>(uint64_t(port) >> 32);
  return words;
}

void play(Vtop& top, bulk::Batch& batch) {
  bulk::Player player(batch);
  uint32_t words[2];
  while (player.under_way()) {
    top.clk_i = 0;
    top.eval();
    now += 5;
    const uint32_t m_keep = top.m_axis_tkeep;
    const bulk::Seen seen{top.s_axis_tready != 0, top.m_axis_tvalid != 0, top.m_axis_tlast != 0,
                          &m_keep, top.m_axis_tuser, get(top.m_axis_tdata, words)};
    top.clk_i = 1;
    top.eval();
    now += 5;
    player.edge(seen);
    const bulk::Driven& driven = player.driven();
    top.rst_ni = driven.reset_n;
    top.s_axis_tvalid = driven.s_valid;
    put(top.s_axis_tdata, driven.s_data);
    top.s_axis_tkeep = driven.s_keep[0];
    top.s_axis_tuser = driven.s_user[0];
    top.s_axis_tlast = driven.s_last;
    top.m_axis_tready = driven.m_ready;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
  const auto size = read<int64_t>(5);
  const auto rows = static_cast<size_t>(size[0]);
  const auto elements = static_cast<size_t>(size[1]);
  const auto q = read<int32_t>(elements);
  const auto keep = read<uint8_t>(elements);
  const auto offsets = read<int64_t>(rows + 1);
  std::vector<uint16_t> y(elements);
  std::vector<uint8_t> error(rows), exponent(rows);
  std::vector<int64_t> stamps[4];
  for (auto& stamp : stamps) stamp.resize(rows);
  bulk::Batch batch{};
  batch.q = q.data();
  batch.keep = keep.data();
  batch.offsets = offsets.data();
  batch.y = y.data();
  batch.error = error.data();
  batch.exponent = exponent.data();
  batch.first_in = stamps[0].data();
  batch.last_in = stamps[1].data();
  batch.first_out = stamps[2].data();
  batch.last_out = stamps[3].data();
  batch.rows = size[0];
  batch.source_pattern[0] = batch.source_pattern[1] = 1;
  batch.sink_pattern[0] = batch.sink_pattern[1] = 1;
  batch.patience = 100'000;
  batch.lanes = static_cast<int32_t>(size[2]);
  batch.in_w = static_cast<int32_t>(size[3]);
  batch.out_w = static_cast<int32_t>(size[4]);

  const auto top = std::make_unique<Vtop>();
  for (int times = 0; std::scanf("%d", &times) == 1;) {
    const std::clock_t begun = std::clock();
    int64_t edges = 0;
    for (int i = 0; i < times; i++) {
      play(*top, batch);
      if (batch.status != bulk::kDone) return 1;
      edges += batch.edges;
    }
    const double seconds = double(std::clock() - begun) / CLOCKS_PER_SEC;
    uint64_t sum = 0;
    for (const uint16_t value : y) sum = sum * 31 + value;
    std::printf("%lld %.6f %llu\n", (long long)edges, seconds, (unsigned long long)sum);
    std::fflush(stdout);
  }
  top->final();
  return 0;
}
