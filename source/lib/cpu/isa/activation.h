// Included by variant.cc once for every instruction set, inside its namespace. Eigen's vectorized exp and log1p are
// accurate to a few units in the last place (ulp), its tanh somewhat less.
#ifdef DEEPMD_NO_EIGEN

/// Evaluates the numbers one by one, with the functions of the C library.
template <typename T>
void activate(Activation activation, int64_t n, const T* x, T* value, T* slope) {
  for (int64_t k = 0; k < n; ++k) {
    const ActivationResult<T> result = activation_of_number(activation, x[k]);
    value[k] = result.value;
    slope[k] = result.slope;
  }
}

#else

/// Number of values that are evaluated together; they fit in the level-1 cache. The last tile is padded, so that all
/// values use the same vector code.
constexpr int kActivationTile = 64;

template <typename T>
using ActivationTile = Eigen::Array<T, kActivationTile, 1>;

/// Returns 1 / (1 + exp(-x)) without overflow for large |x|.
template <typename T>
DEEPMD_ALWAYS_INLINE ActivationTile<T> sigmoid(const ActivationTile<T>& x) {
  const ActivationTile<T> e = (-x.abs()).exp();
  const ActivationTile<T> one = ActivationTile<T>::Ones();
  return (x >= T(0)).select(one, e) / (one + e);
}

/// Returns tanh, accurate to 4 ulp in float64 and to 5 ulp in float32. Eigen's float64 tanh has errors of up to 8 ulp
/// near 1, where this function uses 1 - 2 / (exp(2 |x|) + 1) instead. That is computed only if a value of the tile
/// needs it.
template <typename T>
DEEPMD_ALWAYS_INLINE ActivationTile<T> tanh_of(const ActivationTile<T>& x) {
  constexpr T kNearOne = T(2);
  const ActivationTile<T> size = x.abs();
  ActivationTile<T> value = x.tanh();
  if constexpr (sizeof(T) == sizeof(double)) {
    if ((size > kNearOne).any()) {
      const ActivationTile<T> near_one = T(1) - T(2) / ((T(2) * size.min(T(25))).exp() + T(1));
      value = (size > kNearOne).select((x > T(0)).select(near_one, -near_one), value);
    }
  }
  return value;
}

template <typename T>
void gelu(const ActivationTile<T>& x, ActivationTile<T>& value, ActivationTile<T>& slope) {
  const T scale = T(0.79788456080286535588), cubic = T(0.044715);  // sqrt(2/pi)
  const ActivationTile<T> square = x * x;
  const ActivationTile<T> y = tanh_of<T>(scale * x * (T(1) + cubic * square));
  value = T(0.5) * x * (T(1) + y);
  slope = T(0.5) * ((T(1) + y) + x * (T(1) - y * y) * (scale * (T(1) + 3 * cubic * square)));
}

template <typename T>
void softplus(const ActivationTile<T>& x, ActivationTile<T>& value, ActivationTile<T>& slope) {
  value = x.max(T(0)) + (-x.abs()).exp().log1p();
  slope = sigmoid<T>(x);
}

template <typename T>
void activate_tile(Activation activation, const ActivationTile<T>& x, ActivationTile<T>& value,
                   ActivationTile<T>& slope) {
  const ActivationTile<T> zero = ActivationTile<T>::Zero(), one = ActivationTile<T>::Ones();
  switch (activation) {
    case Activation::kLinear:
      value = x;
      slope = one;
      return;
    case Activation::kTanh:
      value = tanh_of<T>(x);
      slope = T(1) - value * value;
      return;
    case Activation::kRelu:
      value = x.max(T(0));
      slope = (x > T(0)).select(one, zero);
      return;
    case Activation::kRelu6:
      value = x.max(T(0)).min(T(6));
      slope = (x > T(0) && x < T(6)).select(one, zero);
      return;
    case Activation::kSoftplus:
      return softplus(x, value, slope);
    case Activation::kSigmoid:
      value = sigmoid<T>(x);
      slope = value * (T(1) - value);
      return;
    case Activation::kGelu:
      return gelu(x, value, slope);
    case Activation::kSilu:
      slope = sigmoid<T>(x);
      value = x * slope;
      slope += value * (T(1) - slope);
      return;
  }
}

template <typename T>
void activate(Activation activation, int64_t n, const T* x, T* value, T* slope) {
  ActivationTile<T> in, out, derivative;
  for (int64_t k = 0; k < n; k += kActivationTile) {
    const int64_t count = n - k < kActivationTile ? n - k : kActivationTile;
    if (count < kActivationTile) in.setZero();
    __builtin_memcpy(in.data(), x + k, sizeof(T) * count);
    activate_tile(activation, in, out, derivative);
    __builtin_memcpy(value + k, out.data(), sizeof(T) * count);
    __builtin_memcpy(slope + k, derivative.data(), sizeof(T) * count);
  }
}

#endif
