// Matrix products, float or bfloat16 in, float out: tiles of our own, or the linear-algebra library that torch brings.
#pragma once

#include "memory.h"
#include "tiles.h"

extern "C" {
void sgemm_(
    const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*,
    const int*, const float*, float*, const int*);
void cblas_gemm_bf16bf16f32(
    int, int, int, int, int, int, float, const void*, int, const void*, int, float, float*, int) __attribute__((weak));
}

namespace icltool {

constexpr int ROW_MAJOR = 101;

// Without AVX-512 ours are faster: 93 to 99 GFLOP/s a core against 84 to 89 with weights, 67 to 90 against 49 to 66 in
// attention (AMD Zen 3). With it the library's were measured, ours were not.
#ifdef __AVX512F__
constexpr bool OWN_TILES = false;
#else
constexpr bool OWN_TILES = true;
#endif

// C[m, n] = scale · A[m, k] B[k, n], or that added to C; A and B as they are after their turn.
inline void library_multiply(
    Turn turn_a, Turn turn_b, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B,
    Matrix<float> C, bool add = false, float scale = 1) {
  // Column by column, as Fortran reads it, this is the transposed product.
  const int columns = n, rows = m, inner = k, a_stride = A.stride, b_stride = B.stride, c_stride = C.stride;
  const char *of_a = turn_a == AS_IS ? "N" : "T", *of_b = turn_b == AS_IS ? "N" : "T";
  const float keep = add;
  sgemm_(
      of_b, of_a, &columns, &rows, &inner, &scale, B.at, &b_stride, A.at, &a_stride, &keep, C.at, &c_stride);
}

inline void library_multiply(
    Turn turn_a, Turn turn_b, int64_t m, int64_t n, int64_t k, Matrix<const Brain> A, Matrix<const Brain> B,
    Matrix<float> C, bool add = false) {
  cblas_gemm_bf16bf16f32(
      ROW_MAJOR, turn_a, turn_b, m, n, k, 1, A.at, A.stride, B.at, B.stride, add, C.at, C.stride);
}

// C[m, n] = A[m, k] B[k, n], or that added to C; A as it is after its turn.
inline void multiply(
    Turn turn, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B, Matrix<float> C,
    bool add = false) {
  if (!OWN_TILES || n % LANES) return library_multiply(turn, AS_IS, m, n, k, A, B, C, add);
  multiply_tiles(m, n, k, rows_of(turn, A), columns_of(B), C, add);
}

// C[m, n] += Aᵀ B of A [k, m] and B [k, n], in scratch of k (whole(m, TILE_ROWS) + whole(n, TILE_COLUMNS)) floats.
inline void add_sum_over_rows(
    int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B, Matrix<float> C, Scratch scratch) {
  if (!OWN_TILES || n % LANES) return library_multiply(TRANSPOSED, AS_IS, m, n, k, A, B, C, true);
  const Left rows = pack_rows(m, k, A, scratch.take<float>(k * whole(m, TILE_ROWS)));
  const Right columns = pack_columns(AS_IS, n, k, B, scratch.take<float>(k * whole(n, TILE_COLUMNS)));
  multiply_tiles(m, n, k, rows, columns, C, true);
}

inline void add_sum_over_rows(
    int64_t m, int64_t n, int64_t k, Matrix<const Brain> A, Matrix<const Brain> B, Matrix<float> C, Scratch) {
  library_multiply(TRANSPOSED, AS_IS, m, n, k, A, B, C, true);
}

// scale · Bᵀ of B [n, k], to be multiplied several times.
struct Turned {
  Matrix<const float> matrix;
  float scale;
  Right columns;
};

inline int64_t turned_size(int64_t n, int64_t k) { return OWN_TILES ? k * whole(n, TILE_COLUMNS) : 0; }

// `place` has room for turned_size(n, k) floats.
inline Turned turned(int64_t n, int64_t k, Matrix<const float> B, float scale, float* place) {
  return {B, scale, OWN_TILES ? pack_columns(TRANSPOSED, n, k, B, place, scale) : Right{}};
}

// C[m, n] = A[m, k] B; may write C's rows up to whole vectors.
inline void multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> A, const Turned& B, Matrix<float> C) {
  if (!OWN_TILES) return library_multiply(AS_IS, TRANSPOSED, m, n, k, A, B.matrix, C, false, B.scale);
  multiply_tiles(m, n, k, rows_of(AS_IS, A), B.columns, C, false);
}

}  // namespace icltool
