#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "math/cell.h"

namespace deepmd {

/// One neighbour of a centre.
struct Found {
  double distance2;  ///< Å^2
  int type;
  int neighbor;
  int order;  ///< place among all found: of two images of one atom at equal distance, the lower comes first
  double vec[3];
};

/// Memory that a thread reuses from centre to centre.
struct Scratch {
  std::vector<Found> found;
  std::vector<int> sorted;  ///< indices of `found` in the order of the row
};

/// The atoms of one frame sorted into bins, from which the neighbours of one centre after another are looked up.
///
/// Bins divide the cell evenly along its periodic axes and the extent of the atoms along the others. The atoms are stored
/// bin by bin, so that the bins along the last axis are one run of memory.
class CellList {
 public:
  /// `cell` null: no axis repeats. Throws InputError naming the atom or axis that cannot be used.
  CellList(int nall, const double* coord, const int* type, const double* cell, const std::array<bool, 3>& periodic,
           double rcut);

  /// Finds the neighbours of a centre and sorts them by type, distance and index.
  void find(int centre, Scratch& scratch) const;

  /// How many neighbours a centre has on average if atoms are spread evenly; zero where no axis is open.
  double expected_neighbors() const { return expected_neighbors_; }

 private:
  struct Range {
    int64_t low;
    int64_t high;
  };

  void set_cell(const double* cell);
  void wrap(int nall, const double* coord, std::vector<double>& position, std::vector<double>& frac);
  void choose_bins(int nall, const std::vector<double>& frac);
  void sort_into_bins(int nall, const int* type, const std::vector<double>& position, const std::vector<double>& frac);
  Range reach(int axis, double place) const;
  void scan(int64_t first_bin, int64_t last_bin, const double shift[3], bool home, int slot, Scratch& scratch) const;

  std::array<bool, 3> periodic_;
  double rcut_;
  Cell cell_;
  double origin_[3] = {0, 0, 0};         // fractional coordinate where the bins of an axis begin
  double bins_per_fraction_[3];          // bins per unit of the fractional coordinate
  double reach_[3];                      // rcut in bins
  int64_t nbins_[3] = {1, 1, 1};
  double expected_neighbors_ = 0;
  std::vector<int> bin_begin_;           // [nbins + 1]
  std::vector<int> slot_of_;             // [nall], where an atom is stored
  std::vector<int> index_, type_;        // [nall] in stored order
  std::vector<double> x_, y_, z_;        // [nall] in stored order, wrapped into the cell
  std::vector<double> place_;            // [nall, 3] in stored order, in bins
};

}  // namespace deepmd
