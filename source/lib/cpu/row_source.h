#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "checks/search.h"
#include "cpu/cell_list.h"
#include "cpu/row_blocks.h"
#include "deepmd/neighbors.h"

namespace deepmd {

/// Finds the neighbors of one center after another, in any order and by several threads at once.
class RowSource {
 public:
  virtual ~RowSource() = default;

  /// Number of centers.
  virtual int64_t centers() const = 0;

  /// Appends the row of a center to the block, which will have about as many `rows` of that length; returns its length.
  virtual int64_t append(int64_t center, int64_t rows, RowScratch& scratch, RowBlock& block) const = 0;
};

/// One frame of a search, however its caller describes it.
struct SearchFrame {
  int64_t first_atom;    ///< in coord and type
  int64_t first_center;  ///< among the rows
  int nall;
  int nloc;
  const double* cell;  ///< null where nothing repeats
  std::array<bool, 3> periodic;
  int64_t offset;  ///< added to the index of an atom in its frame to give `neighbor`
};

/// The frames of a search and what it shall do.
struct Search {
  std::vector<SearchFrame> frames;
  int64_t centers;
  const double* coord;
  const int* type;
  double rcut;
  int ntypes;              ///< to count neighbors of
  bool refuse_coincident;  ///< whether two atoms at one position are an error
};

/// Every atom of the batch is a center; types have been checked.
Search make_search(const FrameBatch& batch, double rcut);

/// Rows found by a search in the cells of the frames.
class SearchedRows : public RowSource {
 public:
  /// Sorts the atoms of all frames into bins; throws InputError where that cannot be done.
  SearchedRows(const CpuDevice& device, Search search);

  int64_t centers() const override { return search_.centers; }
  int64_t append(int64_t center, int64_t rows, RowScratch& scratch, RowBlock& block) const override;

  /// Throws InputError where all rows together are too many to be held.
  void check_edges() const;

 private:
  Search search_;
  std::vector<int64_t> first_center_;  // of each frame
  std::vector<std::unique_ptr<CellList>> lists_;
};

/// Rows taken from a list.
class ListedRows : public RowSource {
 public:
  /// Throws InputError where the list cannot be used.
  ListedRows(const NeighborList& list, double rcut);

  int64_t centers() const override { return list_.nloc; }
  int64_t append(int64_t center, int64_t rows, RowScratch& scratch, RowBlock& block) const override;

 private:
  NeighborList list_;
  double rcut_;
  std::vector<int> index_;  // [nall], of every atom its own
};

}  // namespace deepmd
