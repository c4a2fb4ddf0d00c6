// Included by variant.cc once for every instruction set, inside its namespace. Eigen provides the kernel. Its namespace
// is renamed in every variant (see CMakeLists.txt), so that the linker cannot merge them.
#ifdef DEEPMD_NO_EIGEN

/// c = a b, for row-major blocks with the given row strides, in plain loops.
template <typename T>
void multiply(const Product& shape, const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* c, int64_t c_stride,
              const Packing<T>&) {
  for (int64_t i = 0; i < shape.m; ++i) {
    for (int64_t j = 0; j < shape.n; ++j) c[i * c_stride + j] = T(0);
    for (int64_t k = 0; k < shape.k; ++k) {
      const T factor = shape.transpose_a ? a[k * a_stride + i] : a[i * a_stride + k];
      for (int64_t j = 0; j < shape.n; ++j) {
        c[i * c_stride + j] += factor * (shape.transpose_b ? b[j * b_stride + k] : b[k * b_stride + j]);
      }
    }
  }
}

#else

/// Eigen's cache blocking, with packing into given memory. By default, Eigen allocates the memory in every product, and
/// the page faults take as long as the packing.
template <typename T>
struct Blocking : Eigen::internal::level3_blocking<T, T> {
  Blocking(Eigen::Index rows, Eigen::Index columns, Eigen::Index depth, const Packing<T>& packing) {
    this->m_mc = rows;
    this->m_nc = columns;
    this->m_kc = depth;
    Eigen::internal::computeProductBlockingSizes<T, T, 1>(this->m_kc, this->m_mc, this->m_nc, Eigen::Index(1));
    const int64_t line = 64 / sizeof(T), first = (this->m_mc * this->m_kc + line - 1) / line * line;
    this->m_blockA = packing.reserve(first + this->m_kc * this->m_nc);
    this->m_blockB = this->m_blockA + first;
  }
};

/// c^T += b^T a^T in Eigen's column-major order.
template <typename T, int OrderB, int OrderA>
void multiply_transposed(const Product& shape, const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* c,
                         int64_t c_stride, const Packing<T>& packing) {
  Blocking<T> blocking(shape.n, shape.m, shape.k, packing);
  Eigen::internal::general_matrix_matrix_product<Eigen::Index, T, OrderB, false, T, OrderA, false, Eigen::ColMajor,
                                                 1>::run(shape.n, shape.m, shape.k, b, b_stride, a, a_stride, c, 1,
                                                         c_stride, T(1), blocking);
}

/// c = a b, for row-major blocks with the given row strides.
template <typename T>
void multiply(const Product& shape, const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* c, int64_t c_stride,
              const Packing<T>& packing) {
  for (int64_t i = 0; i < shape.m; ++i) {
    for (int64_t j = 0; j < shape.n; ++j) c[i * c_stride + j] = T(0);
  }
  if (shape.m == 0 || shape.n == 0 || shape.k == 0) return;
  constexpr int by_columns = Eigen::ColMajor, by_rows = Eigen::RowMajor;
  const auto run = [&](auto product) { product(shape, a, a_stride, b, b_stride, c, c_stride, packing); };
  if (shape.transpose_a) {
    run(shape.transpose_b ? multiply_transposed<T, by_rows, by_rows> : multiply_transposed<T, by_columns, by_rows>);
  } else {
    run(shape.transpose_b ? multiply_transposed<T, by_rows, by_columns>
                          : multiply_transposed<T, by_columns, by_columns>);
  }
}

#endif
