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
  /// Begins the file, whose lines will end with the deviation of every atom if `atomic`; throws InputError where it
  /// cannot be written.
  DeviationFile(const std::string& path, bool atomic);

  /// Adds a line.
  void write(int64_t step, const Deviation& virial, const Deviation& force, const std::vector<double>& atoms);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace deepmd
