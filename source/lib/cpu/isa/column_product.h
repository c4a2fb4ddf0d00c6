// Included by variant.cc once for every instruction set, inside its namespace.

/// Size of the tile of the product that is kept in registers: rows of a times vectors of columns of b.
#if defined(__AVX512F__)
constexpr int kTileRows = 8;
#else
constexpr int kTileRows = 4;
#endif
constexpr int kTileVectors = 3;
/// Number of terms of the sums per block, so that its part of b stays in the cache.
constexpr int64_t kTileTerms = 256;

/// Computes a tile of c = a b, of `Rows` rows and `N` vectors. Meanwhile, it prefetches the part of a for the next
/// tile.
template <int Rows, int N, typename T>
DEEPMD_ALWAYS_INLINE void multiply_tile(const ColumnProduct<T>& p, int64_t row, int64_t column, int64_t begin,
                                        int64_t end, bool accumulate, const T* next, int64_t next_step) {
  using V = typename Lanes<T>::type;
  constexpr int lanes = Lanes<T>::count;
  V sum[Rows][N];
  T* c = p.c + row * p.stride + column;
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < N; ++n) sum[r][n] = accumulate ? load<V>(c + r * p.stride + n * lanes) : V{};
  }
  const T* a = p.a + row * p.a_row + begin * p.a_term;
  const T* b = p.b + begin * p.stride + column;
  for (int64_t k = begin; k < end; ++k) {
    V value[N];
    for (int n = 0; n < N; ++n) value[n] = load<V>(b + n * lanes);
    for (int r = 0; r < Rows; ++r) {
      const T factor = a[r * p.a_row];
      for (int n = 0; n < N; ++n) sum[r][n] += factor * value[n];
    }
    __builtin_prefetch(next);
    a += p.a_term;
    b += p.stride;
    next += next_step;
  }
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < N; ++n) store(c + r * p.stride + n * lanes, sum[r][n]);
  }
}

/// Computes all rows of N vectors of columns, for terms [begin, end).
template <int N, typename T>
void multiply_columns(const ColumnProduct<T>& p, int64_t column, int64_t begin, int64_t end, bool accumulate) {
  // Prefetch the next rows if a is row-major, and the next terms if it is column-major.
  const bool in_rows = p.a_term == 1;
  const int64_t step = in_rows ? kTileRows : p.a_row == 1 ? p.a_term : 0;
  int64_t row = 0;
  for (; row + kTileRows <= p.m; row += kTileRows) {
    const T* next = in_rows ? p.a + (row + kTileRows) * p.a_row : p.a + row * p.a_row + end * p.a_term;
    multiply_tile<kTileRows, N>(p, row, column, begin, end, accumulate, next, step);
  }
  for (; row < p.m; ++row) multiply_tile<1, N>(p, row, column, begin, end, accumulate, p.a, 0);
}

template <typename T>
void column_product(const ColumnProduct<T>& p) {
  constexpr int lanes = Lanes<T>::count;
  const int64_t blocks = (p.k + kTileTerms - 1) / kTileTerms;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = p.k * block / blocks, end = p.k * (block + 1) / blocks;
    const bool accumulate = p.accumulate || block > 0;
    int64_t column = 0;
    for (; column + (kTileVectors - 1) * lanes < p.n; column += kTileVectors * lanes) {
      multiply_columns<kTileVectors>(p, column, begin, end, accumulate);
    }
    for (; column < p.n; column += lanes) multiply_columns<1>(p, column, begin, end, accumulate);
  }
}
