// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

#include "transactor.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace bulk {
namespace {

constexpr int64_t kDrainCycles = 8;  // after the last row, in which nothing may come out

uint32_t ones(int64_t count) { return count >= 32 ? ~0u : (1u << count) - 1; }

/// Lane of a bit string of 32-bit words, lowest first; its width divides 32.
uint32_t lane_of(const uint32_t* words, int lane, int width) {
  const int at = lane * width;
  return (words[at / 32] >> (at % 32)) & ones(width);
}

/// Whether the first `count` bits of `lanes` are set, and no others.
bool are_ones(const uint32_t* words, int64_t count, int lanes) {
  for (int at = 0; at < lanes; at += 32, words++) {
    if (*words != ones(std::clamp<int64_t>(count - at, 0, 32))) return false;
  }
  return true;
}

}  // namespace

Player::Player(Batch& batch)
    : batch_(batch),
      source_gate_(batch.source_pattern, batch.seed, 0),
      sink_gate_(batch.sink_pattern, batch.seed, 1) {
  batch_.status = kUnderWay;
  batch_.edges = batch_.row_in = batch_.beat_in = batch_.row_out = batch_.beat_out = 0;
  std::fill_n(batch_.first_in, batch_.rows, -1);
  std::fill_n(batch_.last_in, batch_.rows, -1);
  std::fill_n(batch_.first_out, batch_.rows, -1);
  std::fill_n(batch_.last_out, batch_.rows, -1);
  std::fill_n(batch_.error, batch_.rows, 0);
  std::fill_n(batch_.exponent, batch_.rows, 0);
  blank(0, batch_.offsets[batch_.rows]);
  end_ = batch_.offsets[std::min<int64_t>(batch_.rows, 1)];
}

void Player::edge(const Seen& seen) {
  if (!under_way()) return;
  // Cycle 0 is the first edge that sees reset released; the streams start one cycle later.
  const int64_t cycle = batch_.edges++ - (kResetEdges + 1);
  if (cycle < 0) {
    driven_.reset_n = cycle == -1;
    return;
  }
  const bool took = driven_.s_valid && seen.s_ready;
  const bool gave = driven_.m_ready && seen.m_valid;
  if (took) taken(cycle);
  if (gave && !given(seen, cycle)) return finish(kSurplus, seen);
  quiet_ = took || gave ? 0 : quiet_ + 1;
  if (batch_.row_out == batch_.rows) {
    if (draining_++ == kDrainCycles) return finish(kDone, seen);
  } else if (quiet_ >= batch_.patience) {
    return finish(kNoProgress, seen);
  }
  const bool open = source_gate_.step();
  if (took || !driven_.s_valid) {
    driven_.s_valid = open && batch_.row_in < batch_.rows;
    if (driven_.s_valid) offer();
  }
  driven_.m_ready = sink_gate_.step() || draining_ > 0;
}

/// Puts the next beat on the input stream.
void Player::offer() {
  const int count = static_cast<int>(std::min<int64_t>(end_ - next_, batch_.lanes));
  const int32_t* q = batch_.q + next_;
  const uint8_t* keep = batch_.keep + next_;
  uint32_t* word = driven_.s_data;
  uint64_t window = 0;
  int held = 0;
  const int flags = (batch_.lanes + 31) / 32;
  std::fill_n(driven_.s_user, flags, 0);
  for (int lane = 0; lane < count; lane++) {
    window |= uint64_t(uint32_t(q[lane]) & ones(batch_.in_w)) << held;
    held += batch_.in_w;
    if (held >= 32) {
      *word++ = uint32_t(window);
      window >>= 32;
      held -= 32;
    }
    driven_.s_user[lane / 32] |= uint32_t(keep[lane] == 0) << (lane % 32);
  }
  if (held > 0) *word++ = uint32_t(window);
  std::fill(word, driven_.s_data + (batch_.lanes * batch_.in_w + 31) / 32, 0);
  for (int i = 0; i < flags; i++) driven_.s_keep[i] = ones(std::clamp(count - 32 * i, 0, 32));
  driven_.s_last = next_ + count == end_;
  driven_.s_length = static_cast<uint32_t>(end_ - batch_.offsets[batch_.row_in]);
}

/// The design took the beat on the input stream.
void Player::taken(int64_t cycle) {
  if (batch_.beat_in++ == 0) batch_.first_in[batch_.row_in] = cycle;
  next_ = std::min(next_ + batch_.lanes, end_);
  if (!driven_.s_last) return;
  batch_.last_in[batch_.row_in++] = cycle;
  batch_.beat_in = 0;
  if (batch_.row_in < batch_.rows) end_ = batch_.offsets[batch_.row_in + 1];
}

/// The design gave a beat of output; false if no row of input accounts for it.
bool Player::given(const Seen& seen, int64_t cycle) {
  const int64_t row = batch_.row_out;
  if (row >= batch_.row_in && (row > batch_.row_in || batch_.beat_in == 0)) return false;
  if (batch_.beat_out++ == 0) batch_.first_out[row] = cycle;
  const int64_t end = batch_.offsets[row + 1];
  const int count = static_cast<int>(std::min<int64_t>(end - filled_, batch_.lanes));
  const bool error = seen.m_user & 1;
  if (batch_.beat_out == 1 && error && seen.m_last && are_ones(seen.m_keep, 0, batch_.lanes)) {
    // A row that the design rejects comes out as one empty beat.
  } else if (whole_ && are_ones(seen.m_keep, count, batch_.lanes) &&
             seen.m_last == (filled_ + count == end)) {
    take_out(count, seen.m_data);
    filled_ += count;
  } else {
    whole_ = false;  // a beat too many or too few: the row is lost
  }
  if (!seen.m_last) return true;
  if (whole_) {
    batch_.last_out[row] = cycle;
    batch_.error[row] = error;
    batch_.exponent[row] = (seen.m_user >> 1) & 15;
    if (error) blank(batch_.offsets[row], batch_.offsets[row + 1]);
  } else {
    lose(row);
  }
  batch_.row_out++;
  batch_.beat_out = 0;
  filled_ = end;
  whole_ = true;
  return true;
}

/// The lanes of a beat of output, to where its elements go.
void Player::take_out(int64_t count, const uint32_t* words) {
  if (batch_.out_w == 32) {
    std::copy_n(words, count, static_cast<uint32_t*>(batch_.y) + filled_);
    return;
  }
  uint16_t* y = static_cast<uint16_t*>(batch_.y) + filled_;
  for (int lane = 0; lane < count; lane++) y[lane] = lane_of(words, lane, batch_.out_w);
}

void Player::blank(int64_t from, int64_t to) {
  const size_t size = batch_.out_w == 32 ? sizeof(uint32_t) : sizeof(uint16_t);
  std::memset(static_cast<uint8_t*>(batch_.y) + from * size, 0, (to - from) * size);
}

/// What came out of this row was not whole.
void Player::lose(int64_t row) {
  blank(batch_.offsets[row], batch_.offsets[row + 1]);
  batch_.first_out[row] = -1;
}

void Player::finish(Status status, const Seen& seen) {
  batch_.s_valid = driven_.s_valid;
  batch_.s_ready = seen.s_ready;
  batch_.m_valid = seen.m_valid;
  batch_.m_ready = driven_.m_ready;
  // Half a row is no result.
  if (batch_.beat_in > 0) batch_.first_in[batch_.row_in] = -1;
  if (batch_.row_out < batch_.rows && batch_.beat_out > 0) lose(batch_.row_out);
  batch_.all_edges += batch_.edges;
  batch_.status = status;
  driven_ = Driven{};
  driven_.reset_n = true;
}

}  // namespace bulk

// ------------------------------------------------------------------- the simulation's testbench

namespace {

bulk::Batch* batch = nullptr;
std::optional<bulk::Player> player;
bool over = false;  // changes with every batch that ends

}  // namespace

/// Called by whoever lets the clock run, before that.
extern "C" EXPORTED void softmax_begin(bulk::Batch* next) {
  batch = next;
  player.emplace(*next);
}

/// Called by softmax_tb.sv at every rising edge.
extern "C" void softmax_cycle(unsigned char s_ready, unsigned char m_valid, unsigned char m_last,
                              const uint32_t* m_keep, uint32_t m_user, const uint32_t* m_data,
                              unsigned char* reset_n, unsigned char* s_valid,
                              unsigned char* s_last, uint32_t* s_keep, uint32_t* s_user,
                              uint32_t* s_data, uint32_t* s_length,
                              unsigned char* m_ready, unsigned char* done) {
  static const bulk::Driven quiet;
  const bool playing = player && player->under_way();
  if (playing) {
    player->edge({s_ready != 0, m_valid != 0, m_last != 0, m_keep, m_user, m_data});
    if (!player->under_way()) over = !over;
  }
  const bulk::Driven& driven = player ? player->driven() : quiet;
  *reset_n = driven.reset_n;
  *s_valid = driven.s_valid;
  *s_last = driven.s_last;
  const int flags = batch ? (batch->lanes + 31) / 32 : 0;
  for (int i = 0; i < flags; i++) {
    s_keep[i] = driven.s_keep[i];
    s_user[i] = driven.s_user[i];
  }
  const int words = batch ? (batch->lanes * batch->in_w + 31) / 32 : 0;
  for (int i = 0; i < words; i++) s_data[i] = driven.s_data[i];
  *s_length = driven.s_length;
  *m_ready = driven.m_ready;
  *done = over;
}
