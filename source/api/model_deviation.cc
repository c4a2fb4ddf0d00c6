#include "deepmd/model_deviation.h"

#include <algorithm>
#include <cmath>

namespace deepmd {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

/// Mean, and mean square of the difference from it, of number k of every model.
void spread(const std::vector<const double*>& values, int64_t k, double* mean, double* square) {
  *mean = *square = 0;
  for (const double* each : values) *mean += each[k];
  *mean /= double(values.size());
  for (const double* each : values) *square += (each[k] - *mean) * (each[k] - *mean);
  *square /= double(values.size());
}

}  // namespace

void force_deviation(const std::vector<const double*>& force, int64_t natoms, double relative, double* deviation) {
  for (int64_t i = 0; i < natoms; ++i) {
    double sum = 0, length2 = 0;
    for (int64_t a = 0; a < 3; ++a) {
      double mean, square;
      spread(force, 3 * i + a, &mean, &square);
      sum += square;
      length2 += mean * mean;
    }
    deviation[i] = std::sqrt(sum);
    if (relative >= 0) deviation[i] /= std::sqrt(length2) + relative;
  }
}

Deviation virial_deviation(const std::vector<const double*>& virial, int64_t natoms, double relative) {
  double components[9], sum = 0;
  for (int64_t k = 0; k < 9; ++k) {
    double mean, square;
    spread(virial, k, &mean, &square);
    components[k] = natoms > 0 ? std::sqrt(square) / double(natoms) : 0;
    if (relative >= 0 && natoms > 0) components[k] /= std::abs(mean) / double(natoms) + relative;
    sum += components[k] * components[k];
  }
  Deviation result = summary(components, 9);
  result.mean = std::sqrt(sum / 9);
  return result;
}

Deviation summary(const double* values, int64_t n) {
  if (n == 0) return {};
  Deviation result{values[0], values[0], 0};
  for (int64_t k = 0; k < n; ++k) {
    result.max = std::max(result.max, values[k]);
    result.min = std::min(result.min, values[k]);
    result.mean += values[k];
  }
  result.mean /= double(n);
  return result;
}

ModelDeviation::ModelDeviation(const std::vector<std::string>& paths, const DeepPotOptions& options) {
  for (const std::string& path : paths) {
    models_.emplace_back(path, options);
    const DeepPot &first = models_.front(), &last = models_.back();
    if (last.type_map() != first.type_map()) {
      throw InputError(path + ": type map " + joined(last.type_map()) + ", expected that of " + paths[0] + ", " +
                       joined(first.type_map()));
    }
    if (last.numb_fparam() != first.numb_fparam() || last.numb_aparam() != first.numb_aparam()) {
      throw InputError(path + ": takes " + std::to_string(last.numb_fparam()) + " frame and " +
                       std::to_string(last.numb_aparam()) + " atomic parameters, expected those of " + paths[0] + ", " +
                       std::to_string(first.numb_fparam()) + " and " + std::to_string(first.numb_aparam()));
    }
  }
}

double ModelDeviation::cutoff() const {
  double cutoff = 0;
  for (const DeepPot& model : models_) cutoff = std::max(cutoff, model.cutoff());
  return cutoff;
}

}  // namespace deepmd
