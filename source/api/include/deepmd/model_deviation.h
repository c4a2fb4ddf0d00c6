#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "deepmd/deep_pot.h"

namespace deepmd {

/// Largest, smallest and mean of a deviation.
struct Deviation {
  double max = 0, min = 0, mean = 0;
};

/// How far models disagree, as in DP-GEN (Comput. Phys. Commun. 253, 107206, 2020): with means over the models,
/// of the force on each atom sqrt(mean |F - mean F|^2), eV/Å.
///
/// `force` [nmodels] points to [natoms, 3] each; writes deviation [natoms]. With relative >= 0 each is divided by the
/// length of the mean force plus `relative`.
DEEPMD_API void force_deviation(const std::vector<const double*>& force, int64_t natoms, double relative,
                                double* deviation);

/// Of the nine components of the virial sqrt(mean (V - mean V)^2) / natoms, eV: their largest, smallest and root mean
/// square. `virial` [nmodels] points to [9] each. With relative >= 0 each is divided by the absolute value of the mean
/// component per atom plus `relative`.
DEEPMD_API Deviation virial_deviation(const std::vector<const double*>& virial, int64_t natoms, double relative = -1);

/// Largest, smallest and mean of n numbers; zeros for none.
DEEPMD_API Deviation summary(const double* values, int64_t n);

/// Several potentials of one type map.
class DEEPMD_API ModelDeviation {
 public:
  /// Throws InputError when their type maps or parameters differ.
  explicit ModelDeviation(const std::vector<std::string>& paths, const DeepPotOptions& options = {});

  size_t size() const { return models_.size(); }
  const DeepPot& operator[](size_t k) const { return models_[k]; }
  /// The largest cutoff, Å.
  double cutoff() const;

  /// What every potential says.
  template <typename Geometry>
  void evaluate(const Geometry& geometry, std::vector<Prediction<double>>& predictions) const {
    predictions.resize(models_.size());
    for (size_t k = 0; k < models_.size(); ++k) models_[k].evaluate(geometry, predictions[k]);
  }

 private:
  std::vector<DeepPot> models_;
};

}  // namespace deepmd
