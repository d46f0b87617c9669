// Matrix products by tiles of the result that stay in registers, for operands that the caches hold.
//
// Legend: C[m, n] = A[m, k] B[k, n]. B is read in panels of TILE_COLUMNS columns, in place or packed one after another.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lanes.h"

namespace icltool {

enum Turn { AS_IS = 111, TRANSPOSED = 112 };

// A matrix in memory, row by row, `stride` elements apart.
template <class T>
struct Matrix {
  T* at;
  int64_t stride;
};

// Sums of 6 by 2 vectors, two vectors of B and a value of A are 15 of the 16 registers there are without AVX-512.
constexpr int64_t TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES;
// So many rows of a panel stay in the first cache beside a tile's rows of A.
constexpr int64_t PANEL_DEPTH = 256;

// Rows of A for tiles: elements `row` and `column` apart, TILE_ROWS rows further `block` elements.
struct Left {
  const float* at;
  int64_t row, column, block;

  Left below(int64_t rows) const { return {at + rows / TILE_ROWS * block, row, column, block}; }
};

// Columns of B for tiles: rows `stride` apart, a panel `next` after the one before.
struct Right {
  const float* at;
  int64_t stride, next;
};

inline int64_t whole(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

inline Left rows_of(Turn turn, Matrix<const float> A) {
  return turn == AS_IS ? Left{A.at, A.stride, 1, TILE_ROWS * A.stride} : Left{A.at, 1, A.stride, TILE_ROWS};
}

inline Right columns_of(Matrix<const float> B) { return {B.at, B.stride, TILE_COLUMNS}; }

// As a copy of a known size where it can be.
template <int64_t MOST>
void copy_up_to(int64_t count, const float* from, float* to) {
  if (count >= MOST) std::memcpy(to, from, MOST * sizeof(float));
  else std::memcpy(to, from, count * sizeof(float));
}

// The rows of A's transpose, A [k, m], tile after tile: k · whole(m, TILE_ROWS) floats of `place`.
inline Left pack_rows(int64_t m, int64_t k, Matrix<const float> A, float* place) {
  for (int64_t first = 0; first < m; first += TILE_ROWS) {
    const float* from = A.at + first;
    float* to = place + first * k;
    for (int64_t p = 0; p < k; ++p, from += A.stride, to += TILE_ROWS) copy_up_to<TILE_ROWS>(m - first, from, to);
  }
  return {place, 1, TILE_ROWS, k * TILE_ROWS};
}

// The columns of B after its turn, [k, n], panel after panel, zeros beyond: k · whole(n, TILE_COLUMNS) floats of `place`.
// Those of a transpose can be scaled.
inline Right pack_columns(Turn turn, int64_t n, int64_t k, Matrix<const float> B, float* place, float scale = 1) {
  for (int64_t first = 0; first < n; first += TILE_COLUMNS) {
    const int64_t count = std::min(TILE_COLUMNS, n - first);
    float* to = place + first * k;
    if (turn == AS_IS) {
      for (int64_t p = 0; p < k; ++p)
        copy_up_to<TILE_COLUMNS>(count, B.at + p * B.stride + first, to + p * TILE_COLUMNS);
    } else {
      for (int64_t j = 0; j < count; ++j)
        for (int64_t p = 0; p < k; ++p) to[p * TILE_COLUMNS + j] = scale * B.at[(first + j) * B.stride + p];
    }
    if (count < TILE_COLUMNS)
      for (int64_t p = 0; p < k; ++p)
        std::fill(to + p * TILE_COLUMNS + count, to + (p + 1) * TILE_COLUMNS, 0.0f);
  }
  return {place, TILE_COLUMNS, k * TILE_COLUMNS};
}

template <int ROWS, int VECTORS>
inline void tile(int64_t depth, Left A, Matrix<const float> B, Matrix<float> C, bool add) {
  Lanes sums[ROWS][VECTORS]{};
  for (int64_t p = 0; p < depth; ++p, A.at += A.column, B.at += B.stride) {
    Lanes columns[VECTORS];
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) columns[j] = load(B.at + j * LANES);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; ++i) {
      const Lanes value = all(A.at[i * A.row]);
#pragma GCC unroll 2
      for (int j = 0; j < VECTORS; ++j) sums[i][j] += value * columns[j];
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) {
      float* place = C.at + i * C.stride + j * LANES;
      store(add ? load(place) + sums[i][j] : sums[i][j], place);
    }
}

template <int ROWS, int VECTORS>
void last_rows(int64_t rows, int64_t depth, Left A, Matrix<const float> B, Matrix<float> C, bool add) {
  if constexpr (ROWS > 0) {
    if (rows == ROWS) return tile<ROWS, VECTORS>(depth, A, B, C, add);
    last_rows<ROWS - 1, VECTORS>(rows, depth, A, B, C, add);
  }
}

template <int VECTORS>
void multiply_panel(int64_t m, int64_t depth, Left A, Matrix<const float> B, Matrix<float> C, bool add) {
  int64_t row = 0;
  for (; row + TILE_ROWS <= m; row += TILE_ROWS)
    tile<TILE_ROWS, VECTORS>(depth, A.below(row), B, {C.at + row * C.stride, C.stride}, add);
  last_rows<TILE_ROWS - 1, VECTORS>(
      m - row, depth, A.below(row), B, {C.at + row * C.stride, C.stride}, add);
}

// C = A B, or that added to C. Writes whole vectors of columns.
inline void multiply_tiles(
    int64_t m, int64_t n, int64_t k, Left A, Right B, Matrix<float> C, bool add) {
  for (int64_t done = 0; done < k; done += PANEL_DEPTH) {
    const int64_t depth = std::min(PANEL_DEPTH, k - done);
    const Left left{A.at + done * A.column, A.row, A.column, A.block};
    for (int64_t j = 0; j < n; j += TILE_COLUMNS) {
      const Matrix<const float> panel{B.at + j / TILE_COLUMNS * B.next + done * B.stride, B.stride};
      const Matrix<float> place{C.at + j, C.stride};
      if (n - j > LANES)
        multiply_panel<2>(m, depth, left, panel, place, add || done);
      else
        multiply_panel<1>(m, depth, left, panel, place, add || done);
    }
  }
}

}  // namespace icltool
