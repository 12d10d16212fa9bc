// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// What measuring does to every element, one pass a row: quantise, look up, add up, compare.
///
/// Nothing here knows a method. What a score stands for comes as a table that the golden model
/// filled, one entry a code, and what is computed once a row is computed by the golden model from
/// the sums made here. `golden.py` beside this file calls the integer part, `errors.py` the rest.
/// Rows lie end to end: row `n` from `offsets[n]` to `offsets[n + 1]`. Of the functions that Python
/// calls (`library.py`) every parameter is an array, an int64_t or a double.

#ifdef __F16C__
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Elements that are looked at together; a loop over so many has no remainder, however short rows are.
constexpr int64_t kLanes = 8;

/// Calls `each(first, elements...)` for every kLanes elements of arrays of `length`, of which the
/// last few may be a copy, filled up with zeros.
template <class Each, class... T>
[[gnu::always_inline]] inline void by_lanes(int64_t length, const Each& each, const T*... arrays) {
  const int64_t whole = length & -kLanes, rest = length - whole;
  for (int64_t i = 0; i < whole; i += kLanes) each(i, arrays + i...);
  if (rest) {
    const auto filled = [&](const auto* array, auto& copy) {
      for (int64_t i = 0; i < rest; i++) copy[i] = array[whole + i];
      return &copy[0];
    };
    std::tuple<std::array<T, kLanes>...> copies{};
    std::apply([&](auto&... copy) { each(whole, filled(arrays, copy)...); }, copies);
  }
}

/// A float16 as it is stored.
struct Half {
  uint16_t bits;
};

/// As a float, which holds every float16.
[[gnu::always_inline]] inline float real(Half x) {
  uint32_t bits = uint32_t(x.bits & 0x7fff) << 13;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  value *= 0x1p112f;  // the exponent's bias is 15 there and 127 here
  std::memcpy(&bits, &value, sizeof bits);
  bits |= uint32_t(x.bits & 0x8000) << 16;
  if ((x.bits & 0x7c00) == 0x7c00) bits |= 0x7f800000;  // infinity, or no number
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A row as numbers that can be computed with; those of float16 are put into `room`.
template <class T>
const T* numbers(const T* row, int64_t, std::vector<float>&) {
  return row;
}

inline const float* numbers(const Half* row, int64_t length, std::vector<float>& room) {
  if (static_cast<int64_t>(room.size()) < length) room.resize(length);
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= length; i += 8) {
    const auto halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + i));
    _mm256_storeu_ps(room.data() + i, _mm256_cvtph_ps(halves));
  }
#endif
  for (; i < length; i++) room[i] = real(row[i]);
  return room.data();
}

/// `a * b + c`, rounded once where the machine can.
[[gnu::always_inline]] inline double multiply_add(double a, double b, double c) {
#ifdef __FMA__
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// `a / b` as a processor rounds it, if it is no less than 1e-290, faster; `inverse` is 1 / b so
/// rounded. (Markstein: one correction of a quotient that is off by a unit in the last place.)
[[gnu::always_inline]] inline double quotient(double a, double b, double inverse) {
#ifdef __FMA__
  const double near = a * inverse;
  return __builtin_fma(__builtin_fma(-near, b, a), inverse, near);
#else
  (void)inverse;
  return a / b;
#endif
}

/// exp of x <= 0, within 2 units in the last place; 0 below -708, where doubles lose bits.
[[gnu::always_inline]] inline double exponential(double x) {
  constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
  const double held = std::max(x, -708.0);
  const double shifted = held * 0x1.71547652b82fep0 + 0x1.8p52;  // its low bits: round(x / ln 2)
  const double n = shifted - 0x1.8p52;
  const double r = (held - n * kLn2High) - n * kLn2Low;  // within ln 2 / 2 of 0
  double power = 1.0 / 6227020800;
  constexpr double kFactorials[] = {479001600, 39916800, 3628800, 362880, 40320, 5040, 720,
                                    120,       24,       6,       2,      1,     1};
#pragma GCC unroll 13
  for (double factorial : kFactorials) power = multiply_add(power, r, 1 / factorial);
  uint64_t bits, exponent;
  std::memcpy(&bits, &power, sizeof bits);
  std::memcpy(&exponent, &shifted, sizeof exponent);
  bits += exponent << 52;
  std::memcpy(&power, &bits, sizeof power);
  return x < -708.0 ? 0.0 : power;
}

/// The natural logarithm of a normal x > 0, within 4 units in the last place of it or of 1.
[[gnu::always_inline]] inline double logarithm(double x) {
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  // x = 2**n * m with m within sqrt(1/2) .. sqrt(2)
  const uint64_t above = bits - kSqrtHalf + (uint64_t{1023} << 52);
  uint64_t biased = (above >> 52) | 0x4330000000000000;  // 2**52 + n + 1023
  double n;
  std::memcpy(&n, &biased, sizeof n);
  n -= 0x1p52 + 1023;
  bits = (above & 0xfffffffffffff) + kSqrtHalf;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  // ln m = 2 artanh s
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 2.0 / 21;
#pragma GCC unroll 10
  for (int odd = 19; odd > 0; odd -= 2) series = multiply_add(series, square, 2.0 / odd);
  return multiply_add(n, 0x1.62e42fefa39efp-1, s * series);
}

}  // namespace

// ------------------------------------------------------------------------------- quantising

/// How scores become codes. `compiled/quantised.py` mirrors this layout.
struct Quantiser {
  double unit, low, high;  // steps of a score of 1; the range of the codes
  double top_at;           // where a row's maximum lands
  double own;              // what is not above this is masked
  double masks[3];         // likewise what equals one of these; NaN for none
  int32_t recentre;
};

namespace {

/// Rows of `length` scores, row n at `scores + at[n]`: codes, which take part (a byte each at
/// `mask + mask_at[n]`, `mask_step` apart, says so as well), how many do, the highest and the lowest
/// code of these, and whether a code was held within the range. Of a row with none, the highest is
/// the lowest there is, and the other way round. Returns false if a score is no number, or +inf.
/// `Real` is what it is computed in.
template <class Real, class T>
bool quantise(const T* scores, const int64_t* at, int64_t rows, int64_t length,
              const uint8_t* mask, const int64_t* mask_at, int64_t mask_step, const Quantiser& how,
              int32_t* q, uint8_t* keep, int64_t* kept, int32_t* highest, int32_t* lowest,
              uint8_t* held) {
  constexpr Real kInfinite = std::numeric_limits<Real>::infinity();
  int bad = 0;
  const Real own = how.own, unit = how.unit, low = how.low, high = how.high;
  const Real m0 = how.masks[0], m1 = how.masks[1], m2 = how.masks[2];
  const bool more = m0 == m0 || m1 == m1 || m2 == m2;  // masks besides its own
  const int32_t least = static_cast<int32_t>(low), most = static_cast<int32_t>(high);
  std::vector<float> room;
  for (int64_t n = 0; n < rows; n++, q += length, keep += length) {
    const auto* row = numbers(scores + at[n], length, room);
    if (more) {
#pragma omp simd reduction(| : bad)
      for (int64_t i = 0; i < length; i++) {
        const Real x = row[i];
        bad |= !(x < kInfinite);
        keep[i] = (x > own) & (x != m0) & (x != m1) & (x != m2);
      }
    } else {
#pragma omp simd reduction(| : bad)
      for (int64_t i = 0; i < length; i++) {
        const Real x = row[i];
        bad |= !(x < kInfinite);
        keep[i] = x > own;
      }
    }
    if (mask) {
      const uint8_t* told = mask + mask_at[n];
      if (mask_step == 1) {
        for (int64_t i = 0; i < length; i++) keep[i] &= told[i];
      } else {
        for (int64_t i = 0; i < length; i++) keep[i] &= told[i * mask_step];
      }
    }
    Real top = 0, add = 0;
    if (how.recentre) {
      top = -kInfinite;
#pragma omp simd reduction(max : top)
      for (int64_t i = 0; i < length; i++) {
        const Real x = keep[i] ? row[i] : -kInfinite;
        top = std::max(top, x);
      }
      if (top == -kInfinite) top = 0;
      add = how.top_at;
    }
    int beyond = 0;
    int32_t count = 0, largest = least, smallest = most;
#pragma omp simd reduction(| : beyond) reduction(+ : count) reduction(max : largest) \
    reduction(min : smallest)
    for (int64_t i = 0; i < length; i++) {
      const Real steps = std::rint((row[i] - top) * unit + add);
      const Real inside = std::min(std::max(steps, low), high);
      beyond |= keep[i] & (steps != inside);
      count += keep[i];
      const int32_t code = static_cast<int32_t>(keep[i] ? inside : low);
      q[i] = code;
      largest = std::max(largest, code);
      smallest = std::min(smallest, keep[i] ? code : most);
    }
    kept[n] = count;
    highest[n] = largest;
    lowest[n] = smallest;
    held[n] = beyond;
  }
  return bad == 0;
}

/// Whether floats do as well as doubles for scores that are floats: nothing is rounded but by rint.
bool narrow(const Quantiser& how) {
  int exponent;
  constexpr double kWhole = 1 << 24;
  return !how.recentre && std::frexp(how.unit, &exponent) == 0.5 && std::abs(exponent) < 64 &&
         -kWhole <= how.low && how.high <= kWhole;
}

}  // namespace

#define QUANTISE(NAME, TYPE, NARROW)                                                             \
  extern "C" int64_t NAME(const TYPE* scores, const int64_t* at, int64_t rows, int64_t length,   \
                          const uint8_t* mask, const int64_t* mask_at, int64_t mask_step,        \
                          const Quantiser* how, int32_t* q, uint8_t* keep, int64_t* kept,        \
                          int32_t* highest, int32_t* lowest, uint8_t* held) {                    \
    const auto run = narrow(*how) ? quantise<NARROW, TYPE> : quantise<double, TYPE>;             \
    return run(scores, at, rows, length, mask, mask_at, mask_step, *how, q, keep, kept, highest, \
               lowest, held);                                                                    \
  }
QUANTISE(quantise_float16, Half, float)
QUANTISE(quantise_float32, float, float)
QUANTISE(quantise_float64, double, double)

// ----------------------------------------------------------------------------- golden model

/// The highest and the lowest code that takes part in each row, and how many do; of a row with
/// none, `lowest` and `highest` as they are given.
extern "C" void extremes(const int32_t* q, const uint8_t* keep, const int64_t* offsets,
                         int64_t rows, int64_t lowest, int64_t highest, int32_t* top,
                         int32_t* bottom, int64_t* kept) {
  const int32_t least = lowest, most = highest;
  for (int64_t n = 0; n < rows; n++) {
    int32_t high = least, low = most, count = 0;
#pragma omp simd reduction(max : high) reduction(min : low) reduction(+ : count)
    for (int64_t i = offsets[n]; i < offsets[n + 1]; i++) {
      high = std::max(high, keep[i] ? q[i] : least);
      low = std::min(low, keep[i] ? q[i] : most);
      count += keep[i];
    }
    top[n] = high;
    bottom[n] = low;
    kept[n] = count;
  }
}

/// The sum of each row's terms, and into `y` the column of each element, which says which term it
/// is. It is known by how far the score lies below `top`, both cut down by `shift` bits; all that are
/// `far` or farther have one, and what takes no part has that which follows.
extern "C" void sums_by_distance(const int32_t* q, const uint8_t* keep, const int64_t* offsets,
                                 int64_t rows, int64_t shift, const int32_t* top, int64_t far,
                                 const uint8_t* columns, const uint16_t* terms, int32_t* sums,
                                 uint16_t* __restrict y) {
  const int32_t farthest = far, none = far + 1;
  for (int64_t n = 0; n < rows; n++) {
    const int32_t highest = top[n] >> shift;
    const int64_t start = offsets[n], end = offsets[n + 1];
    for (int64_t i = start; i < end; i++) {
      y[i] = keep[i] ? std::min(highest - (q[i] >> shift), farthest) : none;
    }
    int32_t sum = 0;
    for (int64_t i = start; i < end; i++) {
      const uint16_t column = columns[y[i]];
      y[i] = column;
      sum += terms[column];
    }
    sums[n] = sum;
  }
}

/// Outputs in the place of columns, from the line of `table` that belongs to the row.
extern "C" void outputs_by_distance(const int64_t* offsets, int64_t rows, const uint16_t* table,
                                    int64_t width, const int32_t* lines,
                                    uint16_t* __restrict y) {
  for (int64_t n = 0; n < rows; n++) {
    const uint16_t* line = table + int64_t{lines[n]} * width;
    for (int64_t i = offsets[n]; i < offsets[n + 1]; i++) y[i] = line[y[i]];
  }
}

/// A score as `power * 2**octave`.
struct Power {
  uint32_t octave, power;
};

/// The sum of each row's powers, added up in `columns` of 2**log octaves from that of `highest` down,
/// with `more` bits below a power's; `powers` begins with that of the code `lowest`.
extern "C" void sums_by_octave(const int32_t* q, const uint8_t* keep, const int64_t* offsets,
                               int64_t rows, int64_t lowest, const Power* powers,
                               const int32_t* highest, int64_t log, int64_t columns,
                               int64_t more, int64_t* sums) {
  const int32_t least = lowest, window = 1 << log;
  const int32_t below = std::max<int32_t>(columns - 2, 0) << log;
  for (int64_t n = 0; n < rows; n++) {
    const int32_t foot = (highest[n] >> log << log) - below;
    uint64_t sum = 0;
    for (int64_t i = offsets[n]; i < offsets[n + 1]; i++) {
      const int32_t all = -int32_t{keep[i]};
      const Power score = powers[(q[i] - least) & all];
      const uint64_t power = score.power & all;
      const int32_t at = int32_t(score.octave) - foot;
      const uint64_t term = power << (std::max(at, 0) & 63) >> (std::max(-at, 0) & 63);
      sum += term & -uint64_t{at >= -window};
    }
    sums[n] = sum >> (below - more);
  }
}

/// `power * r` a digit of base 4 at a time, each without its last `cut` bits: golden `product`.
inline uint64_t product(uint64_t power, uint64_t r, int64_t digits, int64_t cut) {
  uint64_t whole = (cut + 1) / 4;
  for (int64_t n = 0; n < digits; n++) whole += ((power >> 2 * n & 3) * r << 2 * n) >> cut;
  return whole;
}

template <bool kCut>
void outputs_by_octave(const int32_t* q, const uint8_t* keep, const int64_t* offsets, int64_t rows,
                       int32_t least, const Power* powers, const int32_t* reciprocals,
                       int64_t digits, int64_t cut, const int32_t* places, uint16_t* y) {
  for (int64_t n = 0; n < rows; n++) {
    const uint64_t reciprocal = uint32_t(reciprocals[n]);
    for (int64_t i = offsets[n]; i < offsets[n + 1]; i++) {
      const int32_t all = -int32_t{keep[i]};
      const Power score = powers[(q[i] - least) & all];
      const int32_t shift = std::clamp(places[n] - int32_t(score.octave) - 1, 0, 63);
      const uint64_t whole = kCut ? product(score.power, reciprocal, digits, cut)
                                  : score.power * reciprocal;
      y[i] = (((whole >> shift) + 1) >> 1) & all;
    }
  }
}

/// Outputs: the power times the row's reciprocal, shifted right by `places` less the octave and
/// rounded to nearest.
extern "C" void outputs_by_octave(const int32_t* q, const uint8_t* keep, const int64_t* offsets,
                                  int64_t rows, int64_t lowest, const Power* powers,
                                  const int32_t* reciprocals, int64_t digits, int64_t cut,
                                  const int32_t* places, uint16_t* y) {
  const auto outputs = cut ? outputs_by_octave<true> : outputs_by_octave<false>;
  outputs(q, keep, offsets, rows, lowest, powers, reciprocals, digits, cut, places, y);
}

// ----------------------------------------------------------------------------------- errors

/// Errors of each row, as in `golden.metrics.RowErrors`. `compiled/errors.py` mirrors this layout.
struct Errors {
  int64_t* kept;
  double *max_abs, *l1, *kl, *row_sum;
  uint8_t* top1;
};

/// What outputs are held to: the softmax of `scale` times row n at `scores + at[n]`. Likewise.
struct Reference {
  const void* scores;
  const int64_t* at;
  double scale;
  int64_t type;  // of a score, a place in kScaled
  Errors found;
};

namespace {

constexpr double kMasked = -std::numeric_limits<double>::max();

using Scaled = double(const void*, int64_t, double, const uint8_t*, int64_t, double*,
                      std::vector<float>&);

/// The scores of a row as real values, those that take no part far below all others; returns the
/// highest.
template <class T>
double scaled(const void* scores, int64_t at, double scale, const uint8_t* keep, int64_t length,
              double* values, std::vector<float>& room) {
  const auto* row = numbers(static_cast<const T*>(scores) + at, length, room);
  double top[kLanes];
  std::fill_n(top, kLanes, kMasked);
  const auto lanes = [=, &top](int64_t first, const auto* scores, const uint8_t* kept) {
#pragma omp simd
    for (int64_t i = 0; i < kLanes; i++) {
      const double value = kept[i] ? scale * scores[i] : kMasked;
      values[first + i] = value;
      top[i] = std::max(top[i], value);
    }
  };
  by_lanes(length, lanes, row, keep);
  return *std::max_element(top, top + kLanes);
}

constexpr Scaled* kScaled[] = {scaled<Half>, scaled<float>, scaled<double>, scaled<int32_t>};

/// A row's outputs; filled up with elements that take no part, so that no loop has a remainder.
class Output {
 public:
  /// Outputs as probabilities, or in steps of `lsb`; `step` is that, or 1.
  template <class T>
  void take(const T* output, double step, const uint8_t* keep, int64_t length, double lsb) {
    // A tail that takes no part and came out as 0 adds 0 to every figure.
    while (length > 0 && !keep[length - 1] && output[length - 1] == 0) length--;
    length_ = length;
    whole_ = (length + kLanes - 1) & -kLanes;
    if (static_cast<int64_t>(scratch_.size()) < 6 * whole_) scratch_.resize(6 * whole_);
    distance_ = scratch_.data(), term_ = distance_ + whole_;
    double *part = term_ + whole_, *out = part + whole_, *shown = out + whole_;
    double* log = shown + whole_;
    out_ = out, shown_ = shown, log_ = log;
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      out[i] = output[i] * step;
      part[i] = keep[i];
    }
    std::fill(out + length, out + whole_, 0.0);
    std::fill(part + length, part + whole_, 0.0);
    double highest = -kInfinity, kept = 0, row_sum = 0, smooth_sum = 0;
#pragma omp simd reduction(max : highest) reduction(+ : kept, row_sum)
    for (int64_t i = 0; i < whole_; i++) {
      const double visible = part[i] > 0 ? out[i] : -kInfinity;
      shown[i] = visible;
      highest = std::max(highest, visible);
      kept += part[i];
      row_sum += out[i];
    }
    const double spread = lsb / 2 / std::max(kept, 1.0);
#pragma omp simd reduction(+ : smooth_sum)
    for (int64_t i = 0; i < whole_; i++) smooth_sum += part[i] * smoothed(out[i], spread);
    if (const double* logs = logarithms(output, step, spread)) {
      for (int64_t i = 0; i < length; i++) log[i] = logs[static_cast<uint16_t>(output[i])];
      std::fill(log + length, log + whole_, 0.0);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < whole_; i++) log[i] = logarithm(smoothed(out[i], spread));
    }
    highest_ = highest, kept_ = kept, row_sum_ = row_sum;
    log_smooth_sum_ = std::log(smooth_sum);
  }

  /// How far it is from the softmax of scores; those of row `n`.
  void hold(const Reference& to, const uint8_t* keep, int64_t n) {
    double *distance = distance_, *term = term_;
    const double *out = out_, *shown = shown_, *log = log_;
    const double highest = highest_;
    const int64_t whole = whole_;
    double top = kScaled[to.type](to.scores, to.at[n], to.scale, keep, length_, distance, room_);
    double total = 0;
    if (kept_ == 0) top = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < whole; i++) {
      distance[i] = std::max(distance[i] - top, -1e300);  // finite: 0 times it is 0
      term[i] = exponential(distance[i]);
      total += term[i];
    }
    if (kept_ == 0) total = 1;
    const double largest = 1 / total;
    double max_abs = 0, l1 = 0, cross = 0, shared = 0, strayed = 0;  // the last two: elements
#pragma omp simd reduction(max : max_abs) reduction(+ : l1, cross, shared, strayed)
    for (int64_t i = 0; i < whole; i++) {
      const double p = quotient(term[i], total, largest);
      const double error = std::abs(out[i] - p);
      max_abs = std::max(max_abs, error);
      l1 += error;
      cross += p * (distance[i] - log[i]);
      const double chosen = shown[i] == highest ? 1.0 : 0.0;
      const double right = p == largest ? chosen : 0.0;
      shared += right;
      strayed += chosen - right;
    }
    const double kl = kept_ > 0 ? cross - std::log(total) + log_smooth_sum_ : 0.0;
    to.found.kept[n] = static_cast<int64_t>(kept_);
    to.found.max_abs[n] = max_abs;
    to.found.l1[n] = l1;
    to.found.kl[n] = std::max(kl, 0.0);
    to.found.row_sum[n] = row_sum_;
    to.found.top1[n] = kept_ > 0 && strayed > 0 ? shared > 0 : 2;  // WRONG, TIE or AGREE
  }

 private:
  /// An output, some formats of which have a sign, and what each element that takes part is given.
  [[gnu::always_inline]] static double smoothed(double y, double spread) {
    return (y > 0.0 ? y : 0.0) + spread;
  }

  const double* logarithms(const double*, double, double) { return nullptr; }

  /// Of each code below kCodes what its logarithm is; null if there are others, or if the row before
  /// was of another kind: a table is worth its making only for more than one row.
  const double* logarithms(const uint16_t* codes, double step, double spread) {
    if (step != step_ || spread != spread_) {
      step_ = step, spread_ = spread, known_ = false;
      return nullptr;
    }
    uint16_t most = 0;
    for (int64_t i = 0; i < length_; i++) most = std::max(most, codes[i]);
    if (most >= kCodes) return nullptr;
    if (!known_) {
#pragma omp simd
      for (int64_t i = 0; i < kCodes; i++) logs_[i] = logarithm(smoothed(i * step, spread));
      known_ = true;
    }
    return logs_.data();
  }

  static constexpr int64_t kCodes = 256;
  std::array<double, kCodes> logs_;
  double step_ = 0, spread_ = 0;  // of which logs_ are
  bool known_ = false;            // whether they are there
  std::vector<double> scratch_;
  std::vector<float> room_;
  int64_t length_ = 0, whole_ = 0;
  double *distance_ = nullptr, *term_ = nullptr;
  const double *out_ = nullptr, *shown_ = nullptr, *log_ = nullptr;
  double highest_ = 0, kept_ = 0, row_sum_ = 0, log_smooth_sum_ = 0;
};

}  // namespace

/// How far the outputs of each row are from each of `count` references; `lsb` is that of the row.
/// One of `output` and `codes` is null: outputs as probabilities, or in steps of `lsb`.
extern "C" void errors(const double* output, const uint16_t* codes, const uint8_t* keep,
                       const int64_t* offsets, int64_t rows, const double* lsb,
                       const Reference* references, int64_t count) {
  Output row;
  for (int64_t n = 0; n < rows; n++) {
    const int64_t start = offsets[n], length = offsets[n + 1] - start;
    if (codes) {
      row.take(codes + start, lsb[n], keep + start, length, lsb[n]);
    } else {
      row.take(output + start, 1.0, keep + start, length, lsb[n]);
    }
    for (int64_t i = 0; i < count; i++) row.hold(references[i], keep + start, n);
  }
}
