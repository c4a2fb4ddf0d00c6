#pragma once

#include <cmath>

#include "deepmd/activation.h"
#include "math/host_device.h"

namespace deepmd {

/// Values phi(x) and phi'(x).
template <typename T>
struct ActivationResult {
  T value;
  T slope;
};

/// Returns 1 / (1 + exp(-x)) without overflow for large |x|.
template <typename T>
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE T sigmoid_of_number(T x) {
  const T e = std::exp(-std::abs(x));
  return (x >= T(0) ? T(1) : e) / (T(1) + e);
}

/// Evaluates an activation function for one number; cpu/isa/activation.h has the vectorized version.
template <typename T>
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE ActivationResult<T> activation_of_number(Activation activation, T x) {
  switch (activation) {
    case Activation::kLinear:
      return {x, T(1)};
    case Activation::kTanh: {
      const T value = std::tanh(x);
      return {value, T(1) - value * value};
    }
    case Activation::kRelu:
      return {x <= T(0) ? T(0) : x, T(x > T(0))};  // NaN stays NaN
    case Activation::kRelu6:
      return {x <= T(0) ? T(0) : (x >= T(6) ? T(6) : x), T(x > T(0) && x < T(6))};
    case Activation::kSoftplus:
      return {(x > T(0) ? x : T(0)) + std::log1p(std::exp(-std::abs(x))), sigmoid_of_number(x)};
    case Activation::kSigmoid: {
      const T value = sigmoid_of_number(x);
      return {value, value * (T(1) - value)};
    }
    case Activation::kGelu: {
      const T scale = T(0.79788456080286535588), cubic = T(0.044715);  // sqrt(2/pi)
      const T square = x * x, y = std::tanh(scale * x * (T(1) + cubic * square));
      return {T(0.5) * x * (T(1) + y),
              T(0.5) * ((T(1) + y) + x * (T(1) - y * y) * (scale * (T(1) + 3 * cubic * square)))};
    }
    case Activation::kSilu: {
      const T share = sigmoid_of_number(x), value = x * share;
      return {value, share + value * (T(1) - share)};
    }
  }
  return {x, T(1)};
}

}  // namespace deepmd
