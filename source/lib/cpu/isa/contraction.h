// Included by variant.cc once for every instruction set, inside its namespace.

/// t [4, columns] += s [4, terms] c [terms, columns], for `Unroll` of the terms.
template <int Unroll, typename T>
struct AddProduct {
  const T (*s)[kMaxTerms];
  const T* c;
  int64_t columns;
  T* t;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V sum[4][N];
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) sum[a][n] = load<V>(t + a * columns + m + n * lanes);
    }
    for (int q = 0; q < Unroll; ++q) {
      V value[N];
      for (int n = 0; n < N; ++n) value[n] = load<V>(c + q * columns + m + n * lanes);
      for (int a = 0; a < 4; ++a) {
        for (int n = 0; n < N; ++n) sum[a][n] += s[a][q] * value[n];
      }
    }
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) store(t + a * columns + m + n * lanes, sum[a][n]);
    }
  }
};

/// c [terms, columns] += s^T t, for `Unroll` of the terms.
template <int Unroll, typename T>
struct AddOuterProduct {
  const T (*s)[kMaxTerms];
  const T* t;
  int64_t columns;
  T* c;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V value[4][N];
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) value[a][n] = load<V>(t + a * columns + m + n * lanes);
    }
    for (int q = 0; q < Unroll; ++q) {
      V sum[N];
      for (int n = 0; n < N; ++n) sum[n] = load<V>(c + q * columns + m + n * lanes);
      for (int a = 0; a < 4; ++a) {
        for (int n = 0; n < N; ++n) sum[n] += s[a][q] * value[a][n];
      }
      for (int n = 0; n < N; ++n) store(c + q * columns + m + n * lanes, sum[n]);
    }
  }
};

/// t [4, columns] += left^T (right c).
template <int Rank, typename T>
struct AddThinProduct {
  const Thin<T>& thin;
  int terms;
  const T* c;
  int64_t columns;
  T* t;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V g[Rank][N] = {};
    for (int k = 0; k < terms; ++k) {
      for (int n = 0; n < N; ++n) {
        V value = load<V>(c + k * columns + m + n * lanes);
        if constexpr (Rank > 1) hold(value);
        for (int r = 0; r < Rank; ++r) g[r][n] += thin.right[r][k] * value;
      }
    }
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) {
        T* place = t + a * columns + m + n * lanes;
        V sum = load<V>(place);
        for (int r = 0; r < Rank; ++r) sum += thin.left[r][a] * g[r][n];
        store(place, sum);
      }
    }
  }
};

/// c [terms, columns] += right^T (left t).
template <int Rank, typename T>
struct AddThinOuterProduct {
  const Thin<T>& thin;
  int terms;
  const T* t;
  int64_t columns;
  T* c;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V w[Rank][N] = {};
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) {
        const V value = load<V>(t + a * columns + m + n * lanes);
        for (int r = 0; r < Rank; ++r) w[r][n] += thin.left[r][a] * value;
      }
    }
    for (int k = 0; k < terms; ++k) {
      for (int n = 0; n < N; ++n) {
        T* place = c + k * columns + m + n * lanes;
        V sum = load<V>(place);
        for (int r = 0; r < Rank; ++r) sum += thin.right[r][k] * w[r][n];
        store(place, sum);
      }
    }
  }
};

/// t [4, columns] += left^T (right c), where left and right have `rank` rows.
template <typename T>
DEEPMD_ALWAYS_INLINE void add_thin_product(const Thin<T>& thin, int rank, int terms, int64_t columns, const T* c,
                                           T* t) {
  switch (rank) {
    case 1:
      return for_columns<T, Thin<T>::vectors(1)>(columns, AddThinProduct<1, T>{thin, terms, c, columns, t});
    case 2:
      return for_columns<T, Thin<T>::vectors(2)>(columns, AddThinProduct<2, T>{thin, terms, c, columns, t});
    case 3:
      return for_columns<T, Thin<T>::vectors(3)>(columns, AddThinProduct<3, T>{thin, terms, c, columns, t});
  }
}

/// c [terms, columns] += right^T (left t), where left and right have `rank` rows.
template <typename T>
DEEPMD_ALWAYS_INLINE void add_thin_outer_product(const Thin<T>& thin, int rank, int terms, int64_t columns, const T* t,
                                                 T* c) {
  switch (rank) {
    case 1:
      return for_columns<T, Thin<T>::vectors(1)>(columns, AddThinOuterProduct<1, T>{thin, terms, t, columns, c});
    case 2:
      return for_columns<T, Thin<T>::vectors(2)>(columns, AddThinOuterProduct<2, T>{thin, terms, t, columns, c});
    case 3:
      return for_columns<T, Thin<T>::vectors(3)>(columns, AddThinOuterProduct<3, T>{thin, terms, t, columns, c});
  }
}

/// Returns s shifted by k terms.
template <typename T>
DEEPMD_ALWAYS_INLINE const T (*from(const T s[4][kMaxTerms], int k))
    [kMaxTerms] { return reinterpret_cast<const T(*)[kMaxTerms]>(&s[0][k]); }

/// t [4, columns] += s c.
template <typename T>
DEEPMD_ALWAYS_INLINE void add_product(const T s[4][kMaxTerms], int terms, int64_t columns, const T* c, T* t) {
  int k = 0;
  for (; k + 4 <= terms; k += 4) {
    for_columns<T>(columns, AddProduct<4, T>{from(s, k), c + k * columns, columns, t});
  }
  for (; k < terms; ++k) for_columns<T>(columns, AddProduct<1, T>{from(s, k), c + k * columns, columns, t});
}

/// c [terms, columns] += s^T t.
template <typename T>
DEEPMD_ALWAYS_INLINE void add_outer_product(const T s[4][kMaxTerms], int terms, int64_t columns, const T* t, T* c) {
  int k = 0;
  for (; k + 4 <= terms; k += 4) {
    for_columns<T>(columns, AddOuterProduct<4, T>{from(s, k), t, columns, c + k * columns});
  }
  for (; k < terms; ++k) for_columns<T>(columns, AddOuterProduct<1, T>{from(s, k), t, columns, c + k * columns});
}

template <typename T>
void forward(const Contraction& shape, const int32_t* runs, int64_t count, const double* v, const T* table, T* t) {
  const int64_t columns = shape.columns;
  T s[4][kMaxTerms];
  Thin<T> thin;
  for (int64_t visit = 0; visit < count; ++visit) {
    const int32_t run = runs[visit];
    const int terms = terms_of(shape, run);
    const T* c = table + int64_t(shape.run_cell[run]) * shape.terms * columns;
    T* out = t + int64_t(shape.run_center[run]) * 4 * columns;
    if (const int rank = thin_rank(shape, run, v)) {
      factorize(shape, run, terms, v, thin);
      add_thin_product(thin, rank, terms, columns, c, out);
    } else {
      moments(shape, run, terms, v, s);
      add_product(s, terms, columns, c, out);
    }
  }
}

template <typename T>
void to_table(const Contraction& shape, const int32_t* runs, int64_t count, const double* v, const T* t_grad,
              T* table_grad) {
  const int64_t columns = shape.columns;
  const int terms = shape.terms;
  T s[4][kMaxTerms];
  Thin<T> thin;
  for (int64_t visit = 0; visit < count; ++visit) {
    const int32_t run = runs[visit];
    const T* t = t_grad + int64_t(shape.run_center[run]) * 4 * columns;
    if (const int rank = thin_rank(shape, run, v)) {
      factorize(shape, run, terms, v, thin);
      add_thin_outer_product(thin, rank, terms, columns, t, table_grad);
    } else {
      moments(shape, run, terms, v, s);
      add_outer_product(s, terms, columns, t, table_grad);
    }
  }
}
