// What is called of the BLAS library that torch brings (MKL in torch's builds for x86): prototypes and codes.
//
// Legend: C[m, n] = alpha op(A)[m, k] op(B)[k, n] + beta C; ld is a leading dimension, the distance between two rows.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
// Fortran BLAS, column-major: transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc.
void sgemm_(
    const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*,
    const int*, const float*, float*, const int*);

// MKL's extensions, absent (null) in other libraries.
// layout, transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc; A and B bfloat16, C float.
__attribute__((weak)) void cblas_gemm_bf16bf16f32(
    int, int, int, int, int, int, float, const void*, int, const void*, int, float, float*, int);
// identifier, m, n, k; bytes of the packed matrix.
__attribute__((weak)) size_t cblas_sgemm_pack_get_size(int, int, int, int);
// layout, identifier, trans, m, n, k, alpha, source, ld, packed.
__attribute__((weak)) void cblas_sgemm_pack(int, int, int, int, int, int, float, const float*, int, float*);
// layout, transa or PACKED, transb or PACKED, m, n, k, A, lda, B, ldb, beta, C, ldc.
__attribute__((weak)) void cblas_sgemm_compute(
    int, int, int, int, int, int, const float*, int, const float*, int, float, float*, int);
}

namespace icltool {

// op(X) of a gemm: X or its transpose. The values are CBLAS_TRANSPOSE's of the CBLAS standard.
enum Op { NO_TRANS = 111, TRANS = 112 };

// CBLAS_LAYOUT of the CBLAS standard.
constexpr int ROW_MAJOR = 101;

// MKL's CBLAS_STORAGE and CBLAS_IDENTIFIER: an operand that cblas_sgemm_pack has packed; the right operand.
constexpr int PACKED = 151, B_MATRIX = 162;

// A matrix in memory, row by row; `ld` is its leading dimension in elements.
template <class T>
struct Matrix {
  T* data;
  int64_t ld;
};

}  // namespace icltool
