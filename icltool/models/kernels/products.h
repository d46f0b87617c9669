// Matrix products of the linear-algebra library that torch brings, float or bfloat16 in, float out.
#pragma once

#include <cstdint>

#include "lanes.h"

extern "C" {
void sgemm_(
    const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*,
    const int*, const float*, float*, const int*);
void cblas_gemm_bf16bf16f32(
    int, int, int, int, int, int, float, const void*, int, const void*, int, float, float*, int) __attribute__((weak));
}

namespace icltool {

enum Turn { AS_IS = 111, TRANSPOSED = 112 };
constexpr int ROW_MAJOR = 101;

// A matrix in memory, row by row, `stride` elements apart.
template <class T>
struct Matrix {
  T* at;
  int64_t stride;
};

// C[m, n] = scale · A[m, k] B[k, n] + keep · C; A and B as they are after their turn.
inline void multiply(
    Turn turn_a, Turn turn_b, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B,
    Matrix<float> C, float keep = 0, float scale = 1) {
  // Column by column, as Fortran reads it, this is the transposed product.
  const int columns = n, rows = m, inner = k, a_stride = A.stride, b_stride = B.stride, c_stride = C.stride;
  const char *of_a = turn_a == AS_IS ? "N" : "T", *of_b = turn_b == AS_IS ? "N" : "T";
  sgemm_(
      of_b, of_a, &columns, &rows, &inner, &scale, B.at, &b_stride, A.at, &a_stride, &keep, C.at, &c_stride);
}

inline void multiply(
    Turn turn_a, Turn turn_b, int64_t m, int64_t n, int64_t k, Matrix<const Brain> A, Matrix<const Brain> B,
    Matrix<float> C, float keep = 0, float scale = 1) {
  cblas_gemm_bf16bf16f32(
      ROW_MAJOR, turn_a, turn_b, m, n, k, scale, A.at, A.stride, B.at, B.stride, keep, C.at, C.stride);
}

}  // namespace icltool
