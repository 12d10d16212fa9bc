// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// Source and sink of the bulk transport: plays a batch of rows into a design's input stream and
/// collects its output stream, one clock cycle a call, straight from and into Python's arrays.
///
/// Nothing here knows of Verilator, DPI or Python; `softmax_tb.sv` and plain C++ mains drive it.

#pragma once

#include <cstdint>

/// Of a function that Python or a program looks up by its name.
#define EXPORTED __attribute__((visibility("default")))

namespace bulk {

constexpr int64_t kResetEdges = 4;  // rising edges that see reset active
constexpr int kMaxLanes = 1024;
constexpr int kMaxFlags = kMaxLanes / 32;  // widest tkeep, in 32-bit words
constexpr int kMaxWords = kMaxLanes;       // widest tdata: a lane has 32 bits at most

/// How a batch stands.
enum Status : int32_t { kUnderWay = 0, kDone = 1, kNoProgress = 2, kSurplus = 3 };

/// What the calling process asks for, and its answer if all went well: as in golden/protocol.py.
struct Command {
  int64_t rows, elements;
  uint64_t seed;
  uint32_t source_pattern[4], sink_pattern[4];
};
struct Answer {
  int64_t time, edges, length;
};

/// A batch of rows and where its results go. `tb/bulk.py` mirrors this layout.
struct Batch {
  // Given: the rows as in softmax_cosim.golden.rows.Rows, the result arrays as in softmax_cosim.golden.rows.Results.
  const int32_t* q;
  const uint8_t* keep;
  const int64_t* offsets;
  void* y;  // uint16_t, or uint32_t if `out_w` is 32
  uint8_t* error;
  uint8_t* exponent;
  int64_t* first_in;
  int64_t* last_in;
  int64_t* first_out;
  int64_t* last_out;
  int64_t rows, elements;
  uint64_t seed;
  uint32_t source_pattern[4];  // open low, open high, shut low, shut high
  uint32_t sink_pattern[4];
  int64_t patience;     // cycles without a beat in either direction before kNoProgress
  int64_t half_period;  // of the clock, in simulation time steps
  int32_t lanes;
  int32_t in_w;
  int32_t out_w;  // 2, 4, 8, 16 or 32
  // Returned, once `status` is not kUnderWay.
  int32_t status;
  int64_t edges;      // rising clock edges the batch took, reset included
  int64_t all_edges;  // likewise all batches that ended, this one among them
  int64_t row_in;     // row whose beat the source offers next
  int64_t beat_in;    // and which beat of it
  int64_t row_out;    // row whose beat the sink expects next
  int64_t beat_out;   // and which beat of it
  uint8_t s_valid, s_ready, m_valid, m_ready;  // handshakes at the last edge
};

/// A seeded stall pattern: open or shut in every cycle. Equal to `softmax_cosim.configs.stalls.Gate` to the bit.
class Gate {
 public:
  Gate(const uint32_t pattern[4], uint64_t seed, unsigned side)
      : pattern_(pattern), state_(2 * seed + side) {}

  /// Whether the gate is open in the next cycle.
  bool step() {
    while (left_ == 0) {
      open_ = !open_;
      const uint32_t low = pattern_[open_ ? 0 : 2];
      const uint32_t high = pattern_[open_ ? 1 : 3];
      left_ = low + ((draw() * uint64_t(high - low + 1)) >> 32);
    }
    left_ -= 1;
    return open_;
  }

 private:
  uint32_t draw() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (z ^ (z >> 31)) >> 32;
  }

  const uint32_t* pattern_;
  uint64_t state_;
  uint32_t left_ = 0;
  bool open_ = false;
};

/// What the testbench drives into the design from one rising edge to the next.
struct Driven {
  bool reset_n = false;
  bool s_valid = false;
  bool s_last = false;
  bool m_ready = false;
  uint32_t s_length = 0;  // elements of the row that the beat belongs to
  uint32_t s_keep[kMaxFlags] = {};  // lane 0 in the low bit; likewise s_user
  uint32_t s_user[kMaxFlags] = {};
  uint32_t s_data[kMaxWords] = {};
};

/// What the design showed at a rising edge.
struct Seen {
  bool s_ready;
  bool m_valid;
  bool m_last;
  const uint32_t* m_keep;
  uint32_t m_user;         // {exponent[3:0], error}
  const uint32_t* m_data;  // lane 0 in the low bits
};

/// Plays one batch.
class Player {
 public:
  explicit Player(Batch& batch);

  /// One rising clock edge: takes what the design shows, changes `driven`. Does nothing once
  /// the batch is over.
  void edge(const Seen& seen);

  bool under_way() const { return batch_.status == kUnderWay; }
  const Driven& driven() const { return driven_; }

 private:
  void offer();
  void taken(int64_t cycle);
  bool given(const Seen& seen, int64_t cycle);
  void take_out(int64_t count, const uint32_t* words);
  void blank(int64_t from, int64_t to);
  void lose(int64_t row);
  void finish(Status status, const Seen& seen);

  Batch& batch_;
  Gate source_gate_;
  Gate sink_gate_;
  Driven driven_;
  int64_t quiet_ = 0;     // cycles since the last beat
  int64_t draining_ = 0;  // cycles since the last row came out
  int64_t next_ = 0;      // element the source offers next
  int64_t end_ = 0;       // end of the row the source is in
  int64_t filled_ = 0;    // element the sink expects next
  bool whole_ = true;     // the row the sink is in has kept its shape so far
};

}  // namespace bulk

extern "C" EXPORTED void softmax_begin(bulk::Batch* batch);
