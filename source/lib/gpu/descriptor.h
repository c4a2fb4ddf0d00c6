#pragma once

#include <cstdint>

#include "deepmd/environment.h"
#include "deepmd/evaluate.h"
#include "gpu/launch.h"
#include "gpu/search_record.h"

namespace deepmd::gpu {

/// Edges of all centers in rows. All pointers are device pointers.
struct RowEdges {
  int64_t ncenters;
  int64_t natoms;
  int64_t nedge;
  const int64_t* splits;    ///< [ncenters + 1]
  const int32_t* neighbor;  ///< [nedge]
  const double* vec;        ///< [nedge, 3], Å
  const int* type;          ///< [natoms]
};

/// Descriptor parameters, passed to kernels by value. All pointers are device pointers.
template <typename T>
struct DescriptorTables {
  Cutoff cutoff;
  const double *avg, *std_radial, *std_angular;  ///< [ntypes]
  Codes codes;
  Panels panels;
  int64_t npanels;
  double end;  ///< end of the last panel, in s
  int terms;
  int64_t columns, axis;
  const T* table;      ///< [ncodes, npanels, terms, columns]
  const T* empty;      ///< [ntypes, ntypes, columns]
  const T* all_empty;  ///< [ntypes, columns], value for a center without neighbors
  T scale;             ///< 1 / sum(sel)
};

/// Copies the tables to the device. Throws InputError if the panels cannot be used.
template <typename T>
DescriptorTables<T> make_tables(const GpuDevice& device, const TabulatedDescriptor<T>& descriptor);

/// Computes all_empty [ntypes, columns], the sum over the neighbor types of sel [ntypes] times `empty`. `sel` is on the
/// device.
template <typename T>
const T* sum_empty(const GpuDevice& device, const DescriptorTables<T>& tables, const int* sel);

/// Centers that are evaluated together.
struct Chunk {
  int64_t count;
  const uint32_t* center;  ///< [count], or null for `count` centers starting at `first`
  int64_t first;

  __device__ __forceinline__ int64_t of(int64_t i) const { return center != nullptr ? int64_t(center[i]) : first + i; }
};

/// Computes t [count, 4, columns] = T and d [count, columns * axis] = T^T T[:, :axis]. `too_near` receives the lowest
/// index of an edge that is too short for the table.
template <typename T, typename F>
void descriptor_forward(const GpuDevice& device, const DescriptorTables<T>& tables, const RowEdges& edges,
                        const Chunk& chunk, T* t, F* d, Number* too_near);

/// Computes edge_grad [nedge, 3] = dE/d edge_vec for the edges of these centers from d_grad [count, columns * axis]
/// = dE/dD and t. t_grad [count, 4, columns] is work space.
template <typename T, typename F>
void descriptor_backward(const GpuDevice& device, const DescriptorTables<T>& tables, const RowEdges& edges,
                         const Chunk& chunk, const T* t, const F* d_grad, T* t_grad, double* edge_grad);

}  // namespace deepmd::gpu
