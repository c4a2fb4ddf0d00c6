#pragma once

#include <cstdint>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/column_product.h"
#include "cpu/row_blocks.h"
#include "deepmd/contraction.h"
#include "deepmd/edges.h"
#include "deepmd/evaluate.h"

namespace deepmd {

/// The neighbors of a few centers.
struct BlockEdges {
  int64_t ncenters;
  const int32_t* center;         ///< [ncenters], which atoms they are
  const int* type;               ///< of all atoms of the batch
  std::vector<int> center_type;  ///< [ncenters]
  std::vector<int64_t> splits;   ///< [ncenters + 1]
  RowBlock rows;

  int64_t nedge() const { return splits.back(); }
};

/// What all blocks share: the descriptor, and what follows from it.
template <typename T>
struct DescriptorPlan {
  /// Throws InputError where the panels cannot be used.
  DescriptorPlan(const TabulatedDescriptor<T>& descriptor, const FrameSplits& frames);

  const TabulatedDescriptor<T>& descriptor;
  PackedSquare packed;               ///< how descriptors are held
  FrameSplits frames;                ///< to name atoms with
  std::vector<double> start, width;  ///< [ncodes * npanels], of the cells
  double end;                        ///< of the last panel
  std::vector<T> all_empty;          ///< [ntypes, columns], what a center without neighbors has
  T scale;                           ///< 1 / sum(sel)
};

/// Descriptors of the centers of a block, and the way back to their edges; memory is reused from block to block.
template <typename T>
class BlockDescriptor {
 public:
  /// Writes packed descriptors [width of plan.packed, padded(ncenters)]: a column is a center.
  void forward(const DescriptorPlan<T>& plan, const BlockEdges& edges, T* descriptors);

  /// Of the block last gone forward: grad = dE/d descriptors, of the same form -> edge_grad [nedge, 3] = dE/d edge_vec.
  void backward(const DescriptorPlan<T>& plan, const BlockEdges& edges, const T* grad, double* edge_grad);

 private:
  void find_rows(const DescriptorPlan<T>& plan, const BlockEdges& edges);
  void find_runs(const DescriptorPlan<T>& plan, const BlockEdges& edges, int64_t center);
  void add_empty(const DescriptorPlan<T>& plan, int center_type, T* t) const;
  void sort_runs(const DescriptorPlan<T>& plan);
  Contraction shape(const DescriptorPlan<T>& plan, const BlockEdges& edges) const;

  Buffer<double> rows_, rows_grad_;  // [nedge, 4]
  std::vector<int64_t> run_edges_;   // [nrun, 2]
  std::vector<int32_t> run_cell_;    // [nrun]
  std::vector<int32_t> run_center_;  // [nrun]
  std::vector<int32_t> by_cell_;     // [nrun], runs sorted by cell
  std::vector<int32_t> cell_begin_;  // [ncell + 1]
  std::vector<uint8_t> cell_terms_;  // [ncell], once a cell has had runs
  std::vector<int32_t> filled_;      // [ntypes], slots that a center fills
  Buffer<T> t_, t_grad_;             // [ncenters, 4, columns]
  Buffer<T> work_;
};

}  // namespace deepmd
