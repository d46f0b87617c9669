// Row-wise work around the matrix products: LayerNorm, GELU, biases, residuals, and their gradients. Widths are whole
// vectors.
#pragma once

#include "lanes.h"

namespace icltool {

// Each row's mean and 1 / std, kept for backward.
struct Moments {
  float *mean, *inverse;
};

inline void find_moments(int64_t rows, int64_t width, const float* x, float epsilon, Moments moments) {
  for (int64_t row = 0; row < rows; ++row, x += width) {
    Lanes sum{}, squares{};
    for (int64_t i = 0; i < width; i += LANES) sum += load(x + i);
    const float mean = total(sum) / width;
    for (int64_t i = 0; i < width; i += LANES) squares += (load(x + i) - mean) * (load(x + i) - mean);
    moments.mean[row] = mean;
    moments.inverse[row] = 1 / std::sqrt(total(squares) / width + epsilon);
  }
}

// out = (x - mean) / std · gain + bias.
template <class Stored>
void layer_norm(
    int64_t rows, int64_t width, const float* x, const float* gain, const float* bias, float epsilon, Moments moments,
    Stored* out) {
  find_moments(rows, width, x, epsilon, moments);
  for (int64_t row = 0; row < rows; ++row, x += width, out += width)
    for (int64_t i = 0; i < width; i += LANES)
      store((load(x + i) - moments.mean[row]) * moments.inverse[row] * load(gain + i) + load(bias + i), out + i);
}

// Adds to the gradients of x, gain and bias.
inline void layer_norm_backward(
    int64_t rows, int64_t width, const float* grad_out, const float* x, const float* gain, Moments moments,
    float* grad_x, float* grad_gain, float* grad_bias) {
  for (int64_t row = 0; row < rows; ++row, x += width, grad_out += width, grad_x += width) {
    const float mean = moments.mean[row], inverse = moments.inverse[row];
    Lanes sum{}, sum_along_x{};
    for (int64_t i = 0; i < width; i += LANES) {
      const Lanes normed = (load(x + i) - mean) * inverse, grad = load(grad_out + i);
      const Lanes scaled = grad * load(gain + i);
      sum += scaled;
      sum_along_x += scaled * normed;
      store(load(grad_gain + i) + grad * normed, grad_gain + i);
      store(load(grad_bias + i) + grad, grad_bias + i);
    }
    const float along_one = total(sum) / width, along_x = total(sum_along_x) / width;
    for (int64_t i = 0; i < width; i += LANES) {
      const Lanes normed = (load(x + i) - mean) * inverse;
      const Lanes change = load(grad_out + i) * load(gain + i) - along_one - normed * along_x;
      store(load(grad_x + i) + inverse * change, grad_x + i);
    }
  }
}

// GELU by its tanh approximation is x σ(2u) with u = √(2/π) (x + 0.044715 x³); this is σ(2u).
constexpr float GELU_LINEAR = 1.5957691216f;
constexpr float GELU_CUBIC = GELU_LINEAR * 0.044715f;

inline Lanes gelu_gate(Lanes x) { return 1.0f / (1.0f + exponential(-x * (GELU_LINEAR + GELU_CUBIC * x * x))); }

// inner = wide + bias, active = GELU(inner); `wide` and `inner` may be the same memory.
template <class Stored>
void bias_and_gelu(
    int64_t rows, int64_t width, const float* wide, const float* bias, Stored* inner, Stored* active) {
  for (int64_t row = 0; row < rows; ++row, wide += width, inner += width, active += width)
    for (int64_t i = 0; i < width; i += LANES) {
      const Lanes value = load(wide + i) + load(bias + i);
      store(value, inner + i);
      store(value * gelu_gate(value), active + i);
    }
}

// GELU made again, and its slope d/dx x σ = σ + x σ (1 - σ) 2u'.
template <class Stored>
void gelu_and_slope(int64_t count, const Stored* inner, Stored* active, float* slope) {
  for (int64_t i = 0; i < count; i += LANES) {
    const Lanes value = load(inner + i), gate = gelu_gate(value);
    store(value * gate, active + i);
    store(gate + value * gate * (1.0f - gate) * (GELU_LINEAR + 3 * GELU_CUBIC * value * value), slope + i);
  }
}

// values *= factors; their column sums are added to `sums`.
inline void scale_and_sum(int64_t rows, int64_t width, float* values, const float* factors, float* sums) {
  for (int64_t row = 0; row < rows; ++row, values += width, factors += width)
    for (int64_t i = 0; i < width; i += LANES) {
      const Lanes scaled = load(values + i) * load(factors + i);
      store(scaled, values + i);
      store(load(sums + i) + scaled, sums + i);
    }
}

inline void add_column_sums(int64_t rows, int64_t width, const float* values, float* sums) {
  for (int64_t row = 0; row < rows; ++row, values += width)
    for (int64_t i = 0; i < width; i += LANES)
      store(load(sums + i) + load(values + i), sums + i);
}

// place[row] = base[row · step] + bias.
inline void add_bias(int64_t rows, int64_t width, const float* base, int64_t step, const float* bias, float* place) {
  for (int64_t row = 0; row < rows; ++row, base += step * width, place += width)
    for (int64_t i = 0; i < width; i += LANES)
      store(load(base + i) + load(bias + i), place + i);
}

// Every row is the bias.
inline void repeat_bias(int64_t rows, int64_t width, const float* bias, float* place) {
  for (int64_t row = 0; row < rows; ++row, place += width) std::memcpy(place, bias, width * sizeof(float));
}

}  // namespace icltool
