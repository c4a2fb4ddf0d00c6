#pragma once

#include <cstdint>

#include "cpu/column_product.h"
#include "cpu/pair_chunk.h"
#include "deepmd/activation.h"
#include "deepmd/contraction.h"
#include "deepmd/gemm.h"

namespace deepmd {

/// Shape of the squares T^T T of a few centers.
struct SquareShape {
  PackedSquare packed;
  int64_t count;  ///< number of centers

  /// Returns the size of the work space of a thread: t and its gradient, a vector for each component.
  int64_t work() const { return 2 * 4 * packed.columns * kMaxLanes; }
};

/// Memory for the packed operands of a product.
template <typename T>
struct Packing {
  void* owner;
  T* (*grow)(void* owner, int64_t size);

  T* reserve(int64_t size) const { return grow(owner, size); }
};

/// The inner loops of the kernels, compiled for one instruction set.
struct Loops {
  const char* name;  ///< name of the instruction set

  template <typename T>
  struct Contract {
    /// Adds the contribution of some runs to t [ncenters, 4, columns]; v is null, or [nedge, 4] for the tangent. If the
    /// runs of a cell are consecutive, its part of the table stays in the cache.
    void (*forward)(const Contraction& shape, const int32_t* runs, int64_t count, const double* v, const T* table,
                    T* t);
    /// Computes rows_grad [nedge, 4] of the edges in some runs from t_grad [ncenters, 4, columns].
    void (*to_rows)(const Contraction& shape, const int32_t* runs, int64_t count, const T* t_grad, const T* table,
                    double* rows_grad);
    /// Adds the contribution of some runs of one cell to table_grad [terms, columns].
    void (*to_table)(const Contraction& shape, const int32_t* runs, int64_t count, const double* v, const T* t_grad,
                     T* table_grad);
  };
  Contract<float> contract_float;
  Contract<double> contract_double;

  template <typename T>
  const Contract<T>& contract() const;

  /// c = a b, for row-major blocks with the given row strides.
  template <typename T>
  using Multiply = void (*)(const Product& shape, const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* c,
                            int64_t c_stride, const Packing<T>& packing);
  Multiply<float> multiply_float;
  Multiply<double> multiply_double;

  template <typename T>
  Multiply<T> multiply() const;

  /// See deepmd/activation.h.
  template <typename T>
  using Activate = void (*)(Activation activation, int64_t n, const T* x, T* value, T* slope);
  Activate<float> activate_float;
  Activate<double> activate_double;

  template <typename T>
  Activate<T> activate() const;

  template <typename T>
  struct Square {
    /// Computes d [width of packed, stride], the packed squares of scale * t for t [count, 4, columns]; the columns of
    /// d are centers.
    void (*forward)(const SquareShape& shape, const T* t, T scale, T* work, T* d, int64_t stride);
    /// Applies the transpose of its derivative: d_grad [width of packed, stride] -> t_grad [count, 4, columns].
    void (*backward)(const SquareShape& shape, const T* t, T scale, T* work, const T* d_grad, int64_t stride,
                     T* t_grad);
  };
  Square<float> square_float;
  Square<double> square_double;

  template <typename T>
  const Square<T>& square() const;

  /// See cpu/column_product.h.
  template <typename T>
  using MultiplyColumns = void (*)(const ColumnProduct<T>& product);
  MultiplyColumns<float> multiply_columns_float;
  MultiplyColumns<double> multiply_columns_double;

  template <typename T>
  MultiplyColumns<T> multiply_columns() const;

  struct Pairs {
    /// Computes theta of every pair of a chunk, and the number of its code and panel.
    void (*angles)(const PairChunk& chunk, double* theta, int32_t* bin);
    /// Computes the change of theta of every pair along a change v of the neighbors, three arrays.
    void (*changes)(const PairChunk& chunk, const double* const v[3], double* change);
    /// Adds to g (three arrays) of both neighbors of every pair the weight times the columns of the other neighbor.
    void (*pull)(const PairChunk& chunk, const double* weight, double* const g[3]);
    /// out [terms] += factor sum_p weight_p T(u_p), over n pairs of a cell.
    void (*moments)(const double* theta, const double* weight, int64_t n, const PairPlace& place, int terms,
                    double factor, double* out);
    /// value_p = sum_q c_q T_q(u_p), for n pairs of a cell.
    void (*series)(const double* theta, int64_t n, const PairPlace& place, int terms, const double* c, double* value);
  };
  Pairs pairs;
};

template <>
inline const Loops::Contract<float>& Loops::contract() const {
  return contract_float;
}
template <>
inline const Loops::Contract<double>& Loops::contract() const {
  return contract_double;
}

template <>
inline Loops::Multiply<float> Loops::multiply() const {
  return multiply_float;
}
template <>
inline Loops::Multiply<double> Loops::multiply() const {
  return multiply_double;
}

template <>
inline Loops::Activate<float> Loops::activate() const {
  return activate_float;
}
template <>
inline Loops::Activate<double> Loops::activate() const {
  return activate_double;
}

template <>
inline const Loops::Square<float>& Loops::square() const {
  return square_float;
}
template <>
inline const Loops::Square<double>& Loops::square() const {
  return square_double;
}

template <>
inline Loops::MultiplyColumns<float> Loops::multiply_columns() const {
  return multiply_columns_float;
}
template <>
inline Loops::MultiplyColumns<double> Loops::multiply_columns() const {
  return multiply_columns_double;
}

/// Returns the loops for the newest instruction set that this processor supports, or for that given by DEEPMD_ISA.
const Loops& loops();

/// Compiled loops, from the oldest instruction set to the newest.
const Loops* x86_64_v2();
const Loops* x86_64_v3();
const Loops* x86_64_v4();
const Loops* generic();

}  // namespace deepmd
