// Included by variant.cc once for every instruction set, inside its namespace. Eigen has the kernel; its namespace is
// another one in every variant (see CMakeLists.txt), so that the linker cannot mix them.

template <typename T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;

template <typename T>
using Operand = Eigen::Map<const RowMajor<T>, 0, Stride>;

/// c = a b, or c += a b, of row-major blocks with the given distances between rows.
template <typename T>
void multiply(const Product& shape, const T* a, int64_t a_stride, const T* b, int64_t b_stride, bool accumulate, T* c,
              int64_t c_stride) {
  const Operand<T> left(a, shape.transpose_a ? shape.k : shape.m, shape.transpose_a ? shape.m : shape.k,
                        Stride(a_stride));
  const Operand<T> right(b, shape.transpose_b ? shape.n : shape.k, shape.transpose_b ? shape.k : shape.n,
                         Stride(b_stride));
  Eigen::Map<RowMajor<T>, 0, Stride> out(c, shape.m, shape.n, Stride(c_stride));
  if (!accumulate) out.setZero();
  if (shape.transpose_a && shape.transpose_b) {
    out.noalias() += left.transpose() * right.transpose();
  } else if (shape.transpose_a) {
    out.noalias() += left.transpose() * right;
  } else if (shape.transpose_b) {
    out.noalias() += left * right.transpose();
  } else {
    out.noalias() += left * right;
  }
}
