#pragma once

#include <cstdint>

#include "cpu/column_product.h"
#include "cpu/pair_chunk.h"
#include "deepmd/activation.h"
#include "deepmd/contraction.h"
#include "deepmd/gemm.h"

namespace deepmd {

/// The squares of a few centers.
struct SquareShape {
  PackedSquare packed;
  int64_t count;  ///< centers

  /// Numbers that a thread works in: t and its gradient, a vector of each component.
  int64_t work() const { return 2 * 4 * packed.columns * kMaxLanes; }
};

/// Memory that a product packs its operands into.
template <typename T>
struct Packing {
  void* owner;
  T* (*grow)(void* owner, int64_t size);

  T* reserve(int64_t size) const { return grow(owner, size); }
};

/// The inner loops of the kernels, compiled for one instruction set.
struct Loops {
  const char* name;  ///< of the instruction set

  template <typename T>
  struct Contract {
    /// Adds what some runs give to t [ncenters, 4, columns]; v is null, or [nedge, 4] for the tangent. Runs of one cell
    /// after another find its part of the table near.
    void (*forward)(const Contraction& shape, const int32_t* runs, int64_t count, const double* v, const T* table,
                    T* t);
    /// rows_grad [nedge, 4] of the edges in some runs, with t_grad [ncenters, 4, columns].
    void (*to_rows)(const Contraction& shape, const int32_t* runs, int64_t count, const T* t_grad, const T* table,
                    double* rows_grad);
    /// Adds what some runs of one cell give to table_grad [terms, columns].
    void (*to_table)(const Contraction& shape, const int32_t* runs, int64_t count, const double* v, const T* t_grad,
                     T* table_grad);
  };
  Contract<float> contract_float;
  Contract<double> contract_double;

  template <typename T>
  const Contract<T>& contract() const;

  /// c = a b, of row-major blocks with the given distances between rows.
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
    /// d [width of packed, stride] = the packed squares of scale * t for t [count, 4, columns]; columns of d are
    /// centers.
    void (*forward)(const SquareShape& shape, const T* t, T scale, T* work, T* d, int64_t stride);
    /// The transpose of its derivative: d_grad [width of packed, stride] -> t_grad [count, 4, columns].
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
    /// theta of every pair of a chunk, and what its code and panel are numbered.
    void (*angles)(const PairChunk& chunk, double* theta, int32_t* bin);
    /// Change of theta of every pair along a change v of the neighbors, three arrays.
    void (*changes)(const PairChunk& chunk, const double* const v[3], double* change);
    /// g, three arrays, of both neighbors of every pair += weight times the other's columns.
    void (*pull)(const PairChunk& chunk, const double* weight, double* const g[3]);
    /// out [terms] += factor sum_p weight_p T(u_p) over n pairs of a cell.
    void (*moments)(const double* theta, const double* weight, int64_t n, const PairPlace& place, int terms,
                    double factor, double* out);
    /// value_p = sum_q c_q T_q(u_p) for n pairs of a cell.
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

/// The loops for the best instruction set that this processor has, or the one that DEEPMD_ISA names.
const Loops& loops();

/// The loops that were compiled, from the plainest.
const Loops* x86_64_v2();
const Loops* x86_64_v3();
const Loops* x86_64_v4();
const Loops* generic();

}  // namespace deepmd
