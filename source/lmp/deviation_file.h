#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "deepmd/model_deviation.h"

namespace deepmd {

/// The file of model deviations, in the columns that DeePMD-kit writes.
class DeviationFile {
 public:
  /// Begins the file; throws InputError where it cannot be written.
  explicit DeviationFile(const std::string& path);

  /// Adds a line, with the deviations of all atoms behind where there are any.
  void write(int64_t step, const Deviation& virial, const Deviation& force, const std::vector<double>& atoms);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace deepmd
