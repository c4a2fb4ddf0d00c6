#pragma once

#include <cstdint>

#include "deepmd/environment.h"
#include "deepmd/evaluate.h"
#include "gpu/launch.h"
#include "gpu/search_record.h"

namespace deepmd::gpu {

/// The edges of all centers, in rows; every pointer is to memory of the device.
struct RowEdges {
  int64_t ncenters;
  int64_t natoms;
  int64_t nedge;
  const int64_t* splits;    ///< [ncenters + 1]
  const int32_t* neighbor;  ///< [nedge]
  const double* vec;        ///< [nedge, 3], Å
  const int* type;          ///< [natoms]
};

/// A descriptor as kernels take it, by value; every pointer is to memory of the device.
template <typename T>
struct DescriptorTables {
  Cutoff cutoff;
  const double *avg, *std_radial, *std_angular;  ///< [ntypes]
  Codes codes;
  Panels panels;
  int64_t npanels;
  double end;  ///< of the last panel, in s
  int terms;
  int64_t columns, axis;
  const T* table;      ///< [ncodes, npanels, terms, columns]
  const T* empty;      ///< [ntypes, ntypes, columns]
  const T* all_empty;  ///< [ntypes, columns], what a center without neighbors has
  T scale;             ///< 1 / sum(sel)
};

/// The tables on the device; throws InputError where the panels cannot be used.
template <typename T>
DescriptorTables<T> make_tables(const GpuDevice& device, const TabulatedDescriptor<T>& descriptor);

/// all_empty [ntypes, columns] = sum over neighbor types of sel [ntypes], on the device, times `empty`.
template <typename T>
const T* sum_empty(const GpuDevice& device, const DescriptorTables<T>& tables, const int* sel);

/// Centers that go through the model together.
struct Chunk {
  int64_t count;
  const uint32_t* center;  ///< [count], or null for those from `first` on
  int64_t first;

  __device__ __forceinline__ int64_t of(int64_t i) const { return center != nullptr ? int64_t(center[i]) : first + i; }
};

/// t [count, 4, columns] = T and d [count, columns * axis] = T^T T[:, :axis]. The lowest edge that is shorter than the
/// table reaches is noted in `too_near`.
template <typename T, typename F>
void descriptor_forward(const GpuDevice& device, const DescriptorTables<T>& tables, const RowEdges& edges,
                        const Chunk& chunk, T* t, F* d, Number* too_near);

/// d_grad [count, columns * axis] = dE/dD and t -> edge_grad [nedge, 3] = dE/d edge_vec of the edges of these centers;
/// t_grad [count, 4, columns] is worked in.
template <typename T, typename F>
void descriptor_backward(const GpuDevice& device, const DescriptorTables<T>& tables, const RowEdges& edges,
                         const Chunk& chunk, const T* t, const F* d_grad, T* t_grad, double* edge_grad);

}  // namespace deepmd::gpu
