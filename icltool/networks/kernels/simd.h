// One vector register of floats, in the vector types that GCC and Clang share, and the arithmetic the kernels do on it.
//
// Legend: a vector has LANES floats. Loads and stores need no alignment.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace icltool {

// Floats in one vector register of the machine: 512 bits with AVX-512, else 256 (AVX2, or two NEON registers). Vectors
// wider than a register doubled the time of a step: the compiler does their comparisons and conversions lane by lane.
#ifdef __AVX512F__
constexpr int64_t LANES = 16;
#else
constexpr int64_t LANES = 8;
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t IntVector __attribute__((vector_size(4 * LANES)));
typedef uint32_t BitsVector __attribute__((vector_size(4 * LANES)));
typedef uint16_t Bfloat16Vector __attribute__((vector_size(2 * LANES)));

// A bfloat16 in memory: the upper 16 bits of a float. Arithmetic is done in float.
struct Bfloat16 {
  uint16_t bits;
};

// x in every lane. x - 0 is x for every x, also for -0, which 0 + x would lose.
inline Vector broadcast(float x) { return x - Vector{}; }

// The number of each lane.
#ifdef __AVX512F__
constexpr IntVector LANE_INDEX{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#else
constexpr IntVector LANE_INDEX{0, 1, 2, 3, 4, 5, 6, 7};
#endif

inline Vector load(const float* from) {
  Vector x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

inline Vector load(const Bfloat16* from) {
  Bfloat16Vector upper;
  std::memcpy(&upper, from, sizeof upper);
  return (Vector)(__builtin_convertvector(upper, BitsVector) << 16);
}

// The first `count` values, and 0 in the other lanes; reads nothing behind them.
template <class T>
Vector load_partial(const T* from, int64_t count) {
  if (count >= LANES) return load(from);
  T padded[LANES]{};
  std::memcpy(padded, from, count * sizeof(T));
  return load(padded);
}

inline void store(Vector x, float* to) { std::memcpy(to, &x, sizeof x); }

// Rounds to the nearest bfloat16, ties to even.
inline void store(Vector x, Bfloat16* to) {
#ifdef __AVX512BF16__
  const auto upper = _mm512_cvtneps_pbh((__m512)x);
#else
  const BitsVector bits = (BitsVector)x;
  // Half a unit of the last kept bit, less one where that bit is 0.
  const Bfloat16Vector upper = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Bfloat16Vector);
#endif
  std::memcpy(to, &upper, sizeof upper);
}

// The larger of two values in each lane.
inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }

typedef float Vector8 __attribute__((vector_size(32)));
typedef float Vector4 __attribute__((vector_size(16)));

// The lower (0) or upper (1) half of a vector's lanes.
template <class Half, class Full>
Half half_of(const Full& x, int64_t which) {
  Half half;
  std::memcpy(&half, reinterpret_cast<const char*>(&x) + which * sizeof half, sizeof half);
  return half;
}

// All lanes combined to one value: the upper half with the lower, until one lane is left. The order is fixed.
template <class Combine>
float reduce(Vector x, Combine combine) {
  Vector8 eight = half_of<Vector8>(x, 0);
  if constexpr (LANES == 16) eight = combine(eight, half_of<Vector8>(x, 1));
  const Vector4 four = combine(half_of<Vector4>(eight, 0), half_of<Vector4>(eight, 1));
  const Vector4 two = combine(four, Vector4{four[2], four[3], four[2], four[3]});
  return combine(two, Vector4{two[1], two[1], two[1], two[1]})[0];
}

inline float horizontal_sum(Vector x) {
  return reduce(x, [](auto a, auto b) { return a + b; });
}

inline float horizontal_max(Vector x) {
  return reduce(x, [](auto a, auto b) { return a > b ? a : b; });
}

// e^x in each lane for x from EXP_LOWEST to EXP_HIGHEST; beyond, e to the nearer end, so that nothing overflows or
// becomes denormal; NaN stays NaN. Relative error at most 7.9e-8 (0.94 units in the last place), measured at every
// float of the range against double precision.
//
// x = n ln 2 + r with a whole n and |r| <= ln(2) / 2, then e^x = 2^n e^r. ln 2 is subtracted in two parts (Cody and
// Waite 1980): LN2_HIGH = 355 / 512 has so few bits that n LN2_HIGH is exact, LN2_LOW is what it is too large by.
// e^r is its Taylor polynomial of degree 7, whose relative error there is 7.0e-9: below float's rounding of 6.0e-8.
constexpr float EXP_LOWEST = -87.3f, EXP_HIGHEST = 88.0f;
constexpr float LOG2_E = 1.44269504f, LN2_HIGH = 0.693359375f, LN2_LOW = 2.12194440e-4f;
// 1.5 · 2^23. A float of this size has no bits for a fraction: adding and subtracting it rounds to a whole number.
constexpr float ROUNDING_SHIFT = 12582912.0f;
// Float's exponent field: its bias, and the bits of the fraction below it.
constexpr int32_t EXPONENT_BIAS = 127, FRACTION_BITS = 23;

inline Vector exponential(Vector x) {
  x = x < EXP_LOWEST ? broadcast(EXP_LOWEST) : (x > EXP_HIGHEST ? broadcast(EXP_HIGHEST) : x);
  const Vector n = (x * LOG2_E + ROUNDING_SHIFT) - ROUNDING_SHIFT;
  const Vector r = (x - n * LN2_HIGH) + n * LN2_LOW;
  Vector power = broadcast(1.0f / 5040);
  power = power * r + 1.0f / 720;
  power = power * r + 1.0f / 120;
  power = power * r + 1.0f / 24;
  power = power * r + 1.0f / 6;
  power = power * r + 0.5f;
  power = power * r + 1.0f;
  power = power * r + 1.0f;
  return power * (Vector)((__builtin_convertvector(n, IntVector) + EXPONENT_BIAS) << FRACTION_BITS);
}

}  // namespace icltool
