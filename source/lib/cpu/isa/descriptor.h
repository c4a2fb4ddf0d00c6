// Included by variant.cc once for every instruction set, inside its namespace. A lane of a vector is a center. The rows
// of packed squares are counted here, because the linker would merge the functions of PackedSquare.

/// Number of components of t that are kept in registers in the backward pass.
#if defined(__AVX512F__)
constexpr int kHeld = 2;
#else
constexpr int kHeld = 1;
#endif

/// Computes to [size, lanes] = scale * transpose of from [count, size]; lanes without a center are zero.
template <typename T>
void to_lanes(int64_t count, int64_t size, T scale, const T* from, T* to) {
  constexpr int lanes = Lanes<T>::count;
  for (int64_t k = 0; k < size; ++k) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      to[k * lanes + lane] = lane < count ? scale * from[lane * size + k] : T(0);
    }
  }
}

/// Applies the transpose of to_lanes.
template <typename T>
void from_lanes(int64_t count, int64_t size, T scale, const T* from, T* to) {
  constexpr int lanes = Lanes<T>::count;
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t k = 0; k < size; ++k) to[lane * size + k] = scale * from[k * lanes + lane];
  }
}

/// One component of t or of its gradient, [4] vectors.
template <typename T>
struct Component {
  using V = typename Lanes<T>::type;
  static constexpr int lanes = Lanes<T>::count;
  V value[4];

  DEEPMD_ALWAYS_INLINE Component(const T* x, int64_t columns, int64_t m) {
    for (int c = 0; c < 4; ++c) value[c] = load<V>(x + (c * columns + m) * lanes);
  }
};

template <typename T>
void square(const SquareShape& shape, const T* t, T scale, T* work, T* d, int64_t stride) {
  using V = typename Lanes<T>::type;
  constexpr int lanes = Lanes<T>::count;
  const PackedSquare& packed = shape.packed;
  const int64_t columns = packed.columns, size = 4 * columns;
  for (int64_t i = 0; i < shape.count; i += lanes) {
    to_lanes(shape.count - i < lanes ? shape.count - i : lanes, size, scale, t + i * size, work);
    T* out = d + i;
    for (int64_t m = 0; m < columns; ++m) {
      const Component<T> own(work, columns, m);
      const int64_t length = m < packed.axis ? m + 1 : packed.axis;
      for (int64_t a = 0; a < length; ++a) {
        const Component<T> other(work, columns, a);
        V sum = own.value[0] * other.value[0];
        for (int c = 1; c < 4; ++c) sum += own.value[c] * other.value[c];
        store(out, sum);
        out += stride;
      }
    }
  }
}

/// Adds the gradients from the products of the rows [first, last) with the components a .. a + Held - 1.
template <int Held, typename T>
void add_square_grad(const PackedSquare& packed, int64_t a, int64_t first, int64_t last, const T* x, const T* d_grad,
                     int64_t stride, T* gradient) {
  using V = typename Lanes<T>::type;
  constexpr int lanes = Lanes<T>::count;
  const int64_t columns = packed.columns;
  V held[Held][4], sum[Held][4];
  for (int h = 0; h < Held; ++h) {
    for (int c = 0; c < 4; ++c) {
      held[h][c] = load<V>(x + (c * columns + a + h) * lanes);
      sum[h][c] = V{};
    }
  }
  for (int64_t m = first; m < last; ++m) {
    const Component<T> own(x, columns, m);
    const int64_t triangle = packed.axis * (packed.axis + 1) / 2;
    const int64_t row = m < packed.axis ? m * (m + 1) / 2 : triangle + (m - packed.axis) * packed.axis;
    V g[Held];
    for (int h = 0; h < Held; ++h) g[h] = load<V>(d_grad + (row + a + h) * stride);
    for (int c = 0; c < 4; ++c) {
      T* place = gradient + (c * columns + m) * lanes;
      V to = load<V>(place);
      for (int h = 0; h < Held; ++h) {
        to += g[h] * held[h][c];
        sum[h][c] += g[h] * own.value[c];
      }
      store(place, to);
    }
  }
  for (int h = 0; h < Held; ++h) {
    for (int c = 0; c < 4; ++c) {
      T* place = gradient + (c * columns + a + h) * lanes;
      store(place, load<V>(place) + sum[h][c]);
    }
  }
}

template <typename T>
void square_grad(const SquareShape& shape, const T* t, T scale, T* work, const T* d_grad, int64_t stride, T* t_grad) {
  constexpr int lanes = Lanes<T>::count;
  const PackedSquare& packed = shape.packed;
  const int64_t columns = packed.columns, size = 4 * columns;
  T* gradient = work + size * lanes;
  for (int64_t i = 0; i < shape.count; i += lanes) {
    const int64_t count = shape.count - i < lanes ? shape.count - i : lanes;
    to_lanes(count, size, scale, t + i * size, work);
    for (int64_t k = 0; k < size * lanes; ++k) gradient[k] = 0;
    int64_t a = 0;
    for (; a + kHeld <= packed.axis; a += kHeld) {
      // Rows with only some of the components, then those with all.
      if (kHeld > 1) add_square_grad<1>(packed, a, a, a + 1, work, d_grad + i, stride, gradient);
      add_square_grad<kHeld>(packed, a, a + kHeld - 1, columns, work, d_grad + i, stride, gradient);
    }
    for (; a < packed.axis; ++a) add_square_grad<1>(packed, a, a, columns, work, d_grad + i, stride, gradient);
    from_lanes(count, size, scale, gradient, t_grad + i * size);
  }
}
