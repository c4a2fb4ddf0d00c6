#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "math/cell_bins.h"

namespace deepmd {

/// What lies within the cutoff of one center, and memory to work in; a thread reuses it from center to center.
struct Candidates {
  int count = 0;
  std::vector<double> distance2;  ///< Å^2
  std::vector<int> slot;          ///< where the CellList stores the neighbor
  std::vector<int> image;         ///< index into `shifts`
  std::vector<double> shifts;     ///< [nimages, 3], Å, in ascending order of the image's cell indices

  /// Makes room for `more` entries behind `count`.
  void reserve(size_t more);
};

/// Throws InputError naming the atom unless every coordinate is finite and keeps the digits that a distance needs.
void check_coordinates(int64_t nall, const double* coord);

/// The atoms of one frame sorted into bins, from which the neighbors of one center after another are looked up.
///
/// Bins divide the cell evenly along its periodic axes and the extent of the atoms along the others. The atoms are
/// stored bin by bin, so that the bins along the last axis are one run of memory.
class CellList {
 public:
  /// `cell` null: no axis repeats. Throws InputError naming the atom or axis that cannot be used.
  CellList(int nall, const double* coord, const int* type, const double* cell, const std::array<bool, 3>& periodic,
           double rcut);

  /// Finds the neighbors of a center, in any order.
  void find(int center, Candidates& found) const;

  /// What find() stored of the k-th neighbor of the center: its index and r_j + shift - r_i.
  int neighbor(const Candidates& found, int k) const { return index_[found.slot[k]]; }
  void edge(int center, const Candidates& found, int k, double vec[3]) const;

  /// The type of each atom in stored order, as a place among the types of the frame in ascending order.
  const int* type_rank() const { return type_rank_.data(); }
  const int* index() const { return index_.data(); }
  /// The types of the frame in ascending order.
  const std::vector<int>& types() const { return types_; }
  double rcut() const { return rcut_; }

  /// How many neighbors a center has on average if atoms are spread evenly; zero where no axis is open.
  double expected_neighbors() const { return expected_neighbors_; }

 private:
  void wrap(int nall, const double* coord, std::vector<double>& position, std::vector<double>& frac);
  void choose_bins(int nall, const std::vector<double>& frac);
  void sort_into_bins(int nall, const int* type, const std::vector<double>& position, const std::vector<double>& frac);
  void scan(int64_t first_bin, int64_t last_bin, const double shift[3], int slot, Candidates& found) const;
  static void remove(int slot, Candidates& found);

  std::array<bool, 3> periodic_;
  double rcut_;
  Cell cell_;
  Bins bins_;
  double expected_neighbors_ = 0;
  std::vector<int> bin_begin_;          // [nbins + 1]
  std::vector<int> slot_of_;            // [nall], where an atom is stored
  std::vector<int> index_, type_rank_;  // [nall] in stored order
  std::vector<int> types_;              // different types in the frame
  std::vector<double> x_, y_, z_;       // [nall] in stored order, wrapped into the cell
  std::vector<double> place_;           // [nall, 3] in stored order, in bins
};

}  // namespace deepmd
