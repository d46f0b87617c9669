// As many floats at once as a register of this machine holds, in the vector types that GCC and Clang share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace icltool {

// More than a register holds doubles the time of a step: comparisons and conversions then go one by one.
#ifdef __AVX512F__
constexpr int64_t LANES = 16;
#else
constexpr int64_t LANES = 8;
#endif

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t Whole __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

// A bfloat16 as its bits; arithmetic is done in float.
struct Brain {
  uint16_t bits;
};

// x - 0 is x for every x, so this is a broadcast and no sum.
inline Lanes all(float x) { return x - Lanes{}; }

#ifdef __AVX512F__
constexpr Whole PLACES{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#else
constexpr Whole PLACES{0, 1, 2, 3, 4, 5, 6, 7};
#endif

inline Lanes load(const float* from) {
  Lanes x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

inline Lanes load(const Brain* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  return (Lanes)(__builtin_convertvector(halves, Bits) << 16);
}

// The first `count` values, and 0 in the other lanes.
template <class T>
Lanes load_some(const T* from, int64_t count) {
  if (count >= LANES) return load(from);
  T some[LANES]{};
  std::memcpy(some, from, count * sizeof(T));
  return load(some);
}

inline void store(Lanes x, float* to) { std::memcpy(to, &x, sizeof x); }

// Rounds to nearest, ties to even.
inline void store(Lanes x, Brain* to) {
#ifdef __AVX512BF16__
  const auto halves = _mm512_cvtneps_pbh((__m512)x);
#else
  const Bits bits = (Bits)x;
  const Halves halves = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves);
#endif
  std::memcpy(to, &halves, sizeof halves);
}

inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }

typedef float Eight __attribute__((vector_size(32)));
typedef float Four __attribute__((vector_size(16)));

template <class Half, class Vector>
Half half(const Vector& x, int64_t which) {
  Half part;
  std::memcpy(&part, reinterpret_cast<const char*>(&x) + which * sizeof part, sizeof part);
  return part;
}

// All lanes as one value, the halves combined again and again.
template <class Combine>
float fold(Lanes x, Combine combine) {
  Eight eight = half<Eight>(x, 0);
  if constexpr (LANES == 16) eight = combine(eight, half<Eight>(x, 1));
  const Four four = combine(half<Four>(eight, 0), half<Four>(eight, 1));
  const Four two = combine(four, Four{four[2], four[3], four[2], four[3]});
  return combine(two, Four{two[1], two[1], two[1], two[1]})[0];
}

inline float total(Lanes x) {
  return fold(x, [](auto a, auto b) { return a + b; });
}

inline float largest(Lanes x) {
  return fold(x, [](auto a, auto b) { return a > b ? a : b; });
}

// e^x within 2 units in the last place between -87.3 and 88, and e to the nearer end beyond; NaN stays NaN.
inline Lanes exponential(Lanes x) {
  x = x < -87.3f ? all(-87.3f) : (x > 88.0f ? all(88.0f) : x);
  // Adding 1.5 · 2²³ leaves no bits for a fraction.
  const Lanes whole = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
  const Lanes rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  // The Taylor series to r⁷, |r| ≤ ln(2) / 2.
  Lanes sum = all(1.0f / 5040);
  sum = sum * rest + 1.0f / 720;
  sum = sum * rest + 1.0f / 120;
  sum = sum * rest + 1.0f / 24;
  sum = sum * rest + 1.0f / 6;
  sum = sum * rest + 0.5f;
  sum = sum * rest + 1.0f;
  sum = sum * rest + 1.0f;
  return sum * (Lanes)((__builtin_convertvector(whole, Whole) + 127) << 23);
}

}  // namespace icltool
