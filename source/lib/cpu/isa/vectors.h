// Included by variant.cc once for every instruction set, inside its namespace.

/// Size of a vector register (bytes).
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <typename T>
struct Lanes {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  static constexpr int count = kVectorBytes / sizeof(T);
};

// Four doubles: the four components of a row, such as a column of R or T.
typedef double Quad __attribute__((vector_size(32)));

template <typename V, typename T>
DEEPMD_ALWAYS_INLINE V load(const T* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

template <typename V, typename T>
DEEPMD_ALWAYS_INLINE void store(T* to, V value) {
  __builtin_memcpy(to, &value, sizeof(V));
}

/// Keeps a value in a register; otherwise the compiler loads it again for every product.
template <typename V>
DEEPMD_ALWAYS_INLINE void hold(V& value) {
#if defined(__x86_64__)
  asm("" : "+v"(value));
#endif
}

/// Vector of half the length.
template <typename T, typename V>
struct Half {
  static constexpr int count = sizeof(V) / sizeof(T) / 2;
  typedef T type __attribute__((vector_size(sizeof(V) / 2)));
};

/// Calls body for the last columns, fewer than a vector V: with half a vector, a quarter, then single columns.
template <typename T, typename V, typename Body>
DEEPMD_ALWAYS_INLINE void for_last_columns(int64_t m, int64_t columns, Body body) {
  constexpr int half = Half<T, V>::count;
  if constexpr (half > 1) {
    using H = typename Half<T, V>::type;
    if (m + half <= columns) {
      body.template operator()<H, 1>(m);
      m += half;
    }
    for_last_columns<T, H>(m, columns, body);
  } else {
    if (m < columns) body.template operator()<T, 1>(m);
  }
}

/// Calls body for all columns, with the number of vectors and the first column. It first passes `MaxVectors` vectors at
/// a time, which share their factors, then single vectors, then shorter ones.
template <typename T, int MaxVectors = 2, typename Body>
DEEPMD_ALWAYS_INLINE void for_columns(int64_t columns, Body body) {
  using V = typename Lanes<T>::type;
  constexpr int count = Lanes<T>::count;
  int64_t m = 0;
  for (; m + MaxVectors * count <= columns; m += MaxVectors * count) body.template operator()<V, MaxVectors>(m);
  for (; m + count <= columns; m += count) body.template operator()<V, 1>(m);
  for_last_columns<T, V>(m, columns, body);
}

/// Returns the sums over the lanes of each of four vectors.
template <typename T, typename V>
DEEPMD_ALWAYS_INLINE Quad sum_lanes(const V& v0, const V& v1, const V& v2, const V& v3) {
  constexpr int count = sizeof(V) / sizeof(T);
  if constexpr (count > 4) {
    using H = typename Half<T, V>::type;
    const auto folded = [](const V& v) {
      H halves[2];
      __builtin_memcpy(halves, &v, sizeof(V));
      return H(halves[0] + halves[1]);
    };
    return sum_lanes<T, H>(folded(v0), folded(v1), folded(v2), folded(v3));
  } else if constexpr (count == 4) {
    const V u0 = __builtin_shufflevector(v0, v1, 0, 4, 2, 6) + __builtin_shufflevector(v0, v1, 1, 5, 3, 7);
    const V u1 = __builtin_shufflevector(v2, v3, 0, 4, 2, 6) + __builtin_shufflevector(v2, v3, 1, 5, 3, 7);
    const V sums = __builtin_shufflevector(u0, u1, 0, 1, 4, 5) + __builtin_shufflevector(u0, u1, 2, 3, 6, 7);
    return __builtin_convertvector(sums, Quad);
  } else {
    return Quad{double(v0[0] + v0[1]), double(v1[0] + v1[1]), double(v2[0] + v2[1]), double(v3[0] + v3[1])};
  }
}
