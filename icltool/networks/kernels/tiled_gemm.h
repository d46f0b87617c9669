// The kernels' own gemm: register tiles of C, for operands that the caches hold.
//
// Legend: C[m, n] = A[m, k] B[k, n]. A row panel is TILE_ROWS rows of A, a column panel TILE_COLUMNS columns of B, a
// tile of C what one of each gives; depth is the part of k that is summed at a time. Panels lie in place or are packed:
// each panel contiguous in the order of k, one panel after another. Strides are in elements.
#pragma once

#include <algorithm>
#include <cstdint>

#include "blas.h"
#include "simd.h"

namespace icltool {

// A tile's sums are 6 by 2 vectors; with two vectors of B and one of A's values that is 15 of the 16 vector registers
// that AVX2 has.
constexpr int64_t TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES;
// Rows of a column panel that are read for all row panels before the next: 16 KiB of floats at 8 lanes, half of a
// first-level cache of 32 KiB, beside 6 KiB of a row panel. On AMD Zen 3 a block of width 256 took 8 % longer with 64,
// 5 % longer with 128 and 2 % less with 512 and 1024 (fastest of 15 calls); at widths 64 and 128 all were within 5 %.
constexpr int64_t PANEL_DEPTH = 256;

// A by row panels: element (i, p) of a panel is at i row_stride + p column_stride.
struct RowPanels {
  const float* data;
  int64_t row_stride, column_stride, panel_stride;

  // The panels from this row on, a multiple of TILE_ROWS.
  RowPanels from_row(int64_t row) const {
    return {data + row / TILE_ROWS * panel_stride, row_stride, column_stride, panel_stride};
  }
};

// B by column panels: a panel's rows are `ld` apart.
struct ColumnPanels {
  const float* data;
  int64_t ld, panel_stride;
};

// The smallest multiple of `unit` that is not below `count`.
inline int64_t round_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// The row panels of op(A), in place.
inline RowPanels row_panels(Op op, Matrix<const float> A) {
  return op == NO_TRANS ? RowPanels{A.data, A.ld, 1, TILE_ROWS * A.ld} : RowPanels{A.data, 1, A.ld, TILE_ROWS};
}

// The column panels of B, in place.
inline ColumnPanels column_panels(Matrix<const float> B) { return {B.data, B.ld, TILE_COLUMNS}; }

// Copies `count` floats, MOST at most. A full copy has a size known to the compiler, which makes it a few instructions.
template <int64_t MOST>
void copy_up_to(int64_t count, const float* from, float* to) {
  if (count >= MOST) std::memcpy(to, from, MOST * sizeof(float));
  else std::memcpy(to, from, count * sizeof(float));
}

// The row panels of Aᵀ for A [k, m], packed into k · round_up(m, TILE_ROWS) floats of `packed`.
inline RowPanels pack_row_panels(int64_t m, int64_t k, Matrix<const float> A, float* packed) {
  for (int64_t first = 0; first < m; first += TILE_ROWS) {
    const float* from = A.data + first;
    float* to = packed + first * k;
    for (int64_t p = 0; p < k; ++p, from += A.ld, to += TILE_ROWS) copy_up_to<TILE_ROWS>(m - first, from, to);
  }
  return {packed, 1, TILE_ROWS, k * TILE_ROWS};
}

// The column panels of op(B) [k, n], packed into k · round_up(n, TILE_COLUMNS) floats of `packed`, zeros in the columns
// beyond n. `scale` multiplies the values of a transpose, and only those.
inline ColumnPanels pack_column_panels(
    Op op, int64_t n, int64_t k, Matrix<const float> B, float* packed, float scale = 1) {
  for (int64_t first = 0; first < n; first += TILE_COLUMNS) {
    const int64_t count = std::min(TILE_COLUMNS, n - first);
    float* to = packed + first * k;
    if (op == NO_TRANS) {
      for (int64_t p = 0; p < k; ++p)
        copy_up_to<TILE_COLUMNS>(count, B.data + p * B.ld + first, to + p * TILE_COLUMNS);
    } else {
      for (int64_t j = 0; j < count; ++j)
        for (int64_t p = 0; p < k; ++p) to[p * TILE_COLUMNS + j] = scale * B.data[(first + j) * B.ld + p];
    }
    if (count < TILE_COLUMNS)
      for (int64_t p = 0; p < k; ++p)
        std::fill(to + p * TILE_COLUMNS + count, to + (p + 1) * TILE_COLUMNS, 0.0f);
  }
  return {packed, TILE_COLUMNS, k * TILE_COLUMNS};
}

// One tile of C, ROWS rows by VECTORS vectors: the sum over `depth`, or that added to C. The sums stay in registers.
template <int ROWS, int VECTORS>
inline void micro_kernel(int64_t depth, RowPanels A, Matrix<const float> B, Matrix<float> C, bool add) {
  Vector sums[ROWS][VECTORS]{};
  for (int64_t p = 0; p < depth; ++p, A.data += A.column_stride, B.data += B.ld) {
    Vector columns[VECTORS];
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) columns[j] = load(B.data + j * LANES);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; ++i) {
      const Vector value = broadcast(A.data[i * A.row_stride]);
#pragma GCC unroll 2
      for (int j = 0; j < VECTORS; ++j) sums[i][j] += value * columns[j];
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) {
      float* to = C.data + i * C.ld + j * LANES;
      store(add ? load(to) + sums[i][j] : sums[i][j], to);
    }
}

// The tile of the last row panel, which has `rows` rows, ROWS at most; none when that is 0.
template <int ROWS, int VECTORS>
void last_row_panel(int64_t rows, int64_t depth, RowPanels A, Matrix<const float> B, Matrix<float> C, bool add) {
  if constexpr (ROWS > 0) {
    if (rows == ROWS) return micro_kernel<ROWS, VECTORS>(depth, A, B, C, add);
    last_row_panel<ROWS - 1, VECTORS>(rows, depth, A, B, C, add);
  }
}

// All rows of A times one column panel of B, of which VECTORS vectors are used.
template <int VECTORS>
void multiply_column_panel(int64_t m, int64_t depth, RowPanels A, Matrix<const float> B, Matrix<float> C, bool add) {
  int64_t row = 0;
  for (; row + TILE_ROWS <= m; row += TILE_ROWS)
    micro_kernel<TILE_ROWS, VECTORS>(depth, A.from_row(row), B, {C.data + row * C.ld, C.ld}, add);
  last_row_panel<TILE_ROWS - 1, VECTORS>(m - row, depth, A.from_row(row), B, {C.data + row * C.ld, C.ld}, add);
}

// C = A B, or that added to C. Reads B and writes C up to whole vectors of columns.
inline void tiled_gemm(int64_t m, int64_t n, int64_t k, RowPanels A, ColumnPanels B, Matrix<float> C, bool add) {
  for (int64_t done = 0; done < k; done += PANEL_DEPTH) {
    const int64_t depth = std::min(PANEL_DEPTH, k - done);
    const RowPanels rows{A.data + done * A.column_stride, A.row_stride, A.column_stride, A.panel_stride};
    for (int64_t j = 0; j < n; j += TILE_COLUMNS) {
      const Matrix<const float> panel{B.data + j / TILE_COLUMNS * B.panel_stride + done * B.ld, B.ld};
      const Matrix<float> to{C.data + j, C.ld};
      if (n - j > LANES)
        multiply_column_panel<2>(m, depth, rows, panel, to, add || done);
      else
        multiply_column_panel<1>(m, depth, rows, panel, to, add || done);
    }
  }
}

}  // namespace icltool
