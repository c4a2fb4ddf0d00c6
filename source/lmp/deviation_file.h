#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "deepmd/model_deviation.h"

namespace deepmd {

/// File of model deviations, in the format of DeePMD-kit.
class DeviationFile {
 public:
  /// Creates the file and writes the header. With `atomic`, lines also contain the deviation of every atom. Throws
  /// InputError if the file cannot be written.
  DeviationFile(const std::string& path, bool atomic);

  /// Writes a line.
  void write(int64_t step, const Deviation& virial, const Deviation& force, const std::vector<double>& atoms);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace deepmd
