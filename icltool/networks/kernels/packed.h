// Products with weights. The same weights meet one group of prompts after another, so they are packed at their first use
// in a call: for our tiles, or, when large, into the library's own layout, where it can (3 % of a step at width 256).
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "products.h"

extern "C" {
__attribute__((weak)) size_t cblas_sgemm_pack_get_size(int, int, int, int);
__attribute__((weak)) void cblas_sgemm_pack(int, int, int, int, int, int, float, const float*, int, float*);
__attribute__((weak)) void cblas_sgemm_compute(
    int, int, int, int, int, int, const float*, int, const float*, int, float, float*, int);
}

namespace icltool {

constexpr int PACKED = 151, AS_B = 162;
// Smaller weights stay in the core's cache, and the library's products take them as they are.
constexpr int64_t WORTH_PACKING = 256 * 128;

// What a thread has packed in this call; `calls` counts them, and a new one makes everything stale.
class Packs {
 public:
  inline static int64_t calls = 0;

  static Packs& of_this_thread() {
    thread_local Packs packs;
    if (packs.call_ != calls) {
      for (Pack& pack : packs.made_) pack.of = nullptr;
      packs.call_ = calls;
    }
    return packs;
  }

  // The weight [k, n] after its turn, packed by make(place) into so many bytes; for m rows, if it depends on them.
  template <class Make>
  const float* find(Turn turn, int64_t m, int64_t n, int64_t k, const float* weight, int64_t bytes, Make make) {
    Pack* place = nullptr;
    for (Pack& pack : made_) {
      if (pack.m != m || pack.n != n || pack.k != k || pack.turn != turn) continue;
      if (pack.of == weight) return pack.values.get();
      if (!pack.of) place = &pack;
    }
    if (!place) {
      bytes = whole(bytes, Scratch::ALIGNMENT) + Scratch::ALIGNMENT;
      made_.push_back({turn, m, n, k, nullptr, {static_cast<float*>(std::aligned_alloc(Scratch::ALIGNMENT, bytes)), std::free}});
      place = &made_.back();
    }
    place->of = weight;
    make(place->values.get());
    return place->values.get();
  }

 private:
  struct Pack {
    Turn turn;
    int64_t m, n, k;
    const float* of;
    std::unique_ptr<float, void (*)(void*)> values;
  };
  std::vector<Pack> made_;
  int64_t call_ = 0;
};

// C[m, n] = A[m, k] weight[k, n], or that added to C, the weight after its turn.
inline void multiply_weight(
    Turn turn, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> weight, Matrix<float> C,
    bool add = false) {
  if (OWN_TILES) {
    const float* packed = Packs::of_this_thread().find(
        turn, 0, n, k, weight.at, sizeof(float) * k * whole(n, TILE_COLUMNS),
        [&](float* place) { pack_columns(turn, n, k, weight, place); });
    return multiply_tiles(m, n, k, rows_of(AS_IS, A), {packed, TILE_COLUMNS, k * TILE_COLUMNS}, C, add);
  }
  if (n * k < WORTH_PACKING || !cblas_sgemm_compute) return library_multiply(AS_IS, turn, m, n, k, A, weight, C, add);
  const float* packed = Packs::of_this_thread().find(
      turn, m, n, k, weight.at, cblas_sgemm_pack_get_size(AS_B, m, n, k),
      [&](float* place) { cblas_sgemm_pack(ROW_MAJOR, AS_B, turn, m, n, k, 1, weight.at, weight.stride, place); });
  cblas_sgemm_compute(ROW_MAJOR, AS_IS, PACKED, m, n, k, A.at, A.stride, packed, n, add, C.at, C.stride);
}

inline void multiply_weight(
    Turn turn, int64_t m, int64_t n, int64_t k, Matrix<const Brain> A, Matrix<const Brain> weight, Matrix<float> C,
    bool add = false) {
  library_multiply(AS_IS, turn, m, n, k, A, weight, C, add);
}

}  // namespace icltool
