// Matrix products, float or bfloat16 in, float out: by the kernels' own tiles, or by the BLAS library that torch
// brings.
//
// Legend: C[m, n] = A[m, k] B[k, n]; op(X) is X or its transpose, and the sizes are those after it.
#pragma once

#include "blas.h"
#include "scratch.h"
#include "tiled_gemm.h"

namespace icltool {

// Whose float products are used. On AMD Zen 3 (AVX2) the tiles were faster: 93 to 99 GFLOP/s a core against MKL's 84 to
// 89 in products with weights, 67 to 90 against 49 to 66 in attention. With AVX-512 only the library's have been timed.
#ifdef __AVX512F__
constexpr bool USE_TILES = false;
#else
constexpr bool USE_TILES = true;
#endif

// C = scale · op(A) op(B), or that added to C, by the library.
inline void library_gemm(
    Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B, Matrix<float> C,
    bool add = false, float scale = 1) {
  // A row-major matrix is its transpose in Fortran's column-major order, so this asks for Cᵀ = op(B)ᵀ op(A)ᵀ.
  const int columns = n, rows = m, inner = k, lda = A.ld, ldb = B.ld, ldc = C.ld;
  const char *letter_a = op_a == NO_TRANS ? "N" : "T", *letter_b = op_b == NO_TRANS ? "N" : "T";
  const float beta = add;
  sgemm_(
      letter_b, letter_a, &columns, &rows, &inner, &scale, B.data, &ldb, A.data, &lda, &beta, C.data, &ldc);
}

inline void library_gemm(
    Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, Matrix<const Bfloat16> A, Matrix<const Bfloat16> B,
    Matrix<float> C, bool add = false) {
  cblas_gemm_bf16bf16f32(
      ROW_MAJOR, op_a, op_b, m, n, k, 1, A.data, A.ld, B.data, B.ld, add, C.data, C.ld);
}

// C = op(A) B, or that added to C.
inline void gemm(
    Op op, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B, Matrix<float> C,
    bool add = false) {
  if (!USE_TILES || n % LANES) return library_gemm(op, NO_TRANS, m, n, k, A, B, C, add);
  tiled_gemm(m, n, k, row_panels(op, A), column_panels(B), C, add);
}

// C += Aᵀ B for A [k, m] and B [k, n], the gradient of a weight from k rows; takes k (round_up(m, TILE_ROWS) +
// round_up(n, TILE_COLUMNS)) floats of scratch.
inline void add_weight_gradient(
    int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> B, Matrix<float> C, Scratch scratch) {
  if (!USE_TILES || n % LANES) return library_gemm(TRANS, NO_TRANS, m, n, k, A, B, C, true);
  const RowPanels rows = pack_row_panels(m, k, A, scratch.take<float>(k * round_up(m, TILE_ROWS)));
  const ColumnPanels columns =
      pack_column_panels(NO_TRANS, n, k, B, scratch.take<float>(k * round_up(n, TILE_COLUMNS)));
  tiled_gemm(m, n, k, rows, columns, C, true);
}

inline void add_weight_gradient(
    int64_t m, int64_t n, int64_t k, Matrix<const Bfloat16> A, Matrix<const Bfloat16> B, Matrix<float> C, Scratch) {
  library_gemm(TRANS, NO_TRANS, m, n, k, A, B, C, true);
}

// scale · Bᵀ of B [n, k], made ready to be the right operand of several products: packed where the tiles are used.
struct ScaledTranspose {
  Matrix<const float> matrix;
  float scale;
  ColumnPanels panels;
};

// The floats that a packed scale · Bᵀ takes.
inline int64_t scaled_transpose_size(int64_t n, int64_t k) { return USE_TILES ? k * round_up(n, TILE_COLUMNS) : 0; }

// `packed` has room for scaled_transpose_size(n, k) floats.
inline ScaledTranspose scaled_transpose(int64_t n, int64_t k, Matrix<const float> B, float scale, float* packed) {
  return {B, scale, USE_TILES ? pack_column_panels(TRANS, n, k, B, packed, scale) : ColumnPanels{}};
}

// C = A · scale Bᵀ for the first n of B's rows; may write C's rows up to whole vectors.
inline void gemm(int64_t m, int64_t n, int64_t k, Matrix<const float> A, const ScaledTranspose& B, Matrix<float> C) {
  if (!USE_TILES) return library_gemm(NO_TRANS, TRANS, m, n, k, A, B.matrix, C, false, B.scale);
  tiled_gemm(m, n, k, row_panels(NO_TRANS, A), B.panels, C, false);
}

}  // namespace icltool
