#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace deepmd {

/// What the edges of a few centers add to atoms: force (the negative of its derivative) and virial, for the atoms that
/// they join. A few thousand edges join a few hundred atoms.
class AtomSums {
 public:
  static constexpr int kWidth = 12;  ///< for a = x, y, z: force_a, then virial_ab for b = x, y, z

  /// Starts a new sum for at most `max_atoms` atoms.
  void clear(int64_t max_atoms) {
    atoms_.clear();
    values_.clear();
    size_t size = 16;
    while (int64_t(size) < 2 * max_atoms) size *= 2;
    place_.assign(size, -1);
  }

  /// The sums [kWidth] of an atom, valid until the next call.
  double* of(int32_t atom) {
    const size_t mask = place_.size() - 1;
    size_t k = (uint32_t(atom) * 2654435769u >> 7) & mask;  // Fibonacci hashing
    while (place_[k] >= 0 && atoms_[place_[k]] != atom) k = (k + 1) & mask;
    if (place_[k] < 0) {
      place_[k] = int32_t(atoms_.size());
      atoms_.push_back(atom);
      values_.resize(values_.size() + kWidth, 0.0);
    }
    return values_.data() + size_t(place_[k]) * kWidth;
  }

  /// Adds everything to force [natoms, 3] and atom_virial [natoms, 9].
  void add_to(double* force, double* atom_virial) const {
    for (size_t k = 0; k < atoms_.size(); ++k) {
      const double* sums = values_.data() + k * kWidth;
      double* f = force + 3 * int64_t(atoms_[k]);
      double* v = atom_virial + 9 * int64_t(atoms_[k]);
      for (int a = 0; a < 3; ++a) {
        f[a] += sums[4 * a];
        for (int b = 0; b < 3; ++b) v[3 * a + b] += sums[4 * a + 1 + b];
      }
    }
  }

 private:
  std::vector<int32_t> place_;  // a table of hashes: index into atoms_, or -1
  std::vector<int32_t> atoms_;
  std::vector<double> values_;  // [size of atoms_, kWidth]
};

}  // namespace deepmd
