#include "deviation_file.h"

#include <iomanip>

namespace deepmd {
namespace {
constexpr int kStepWidth = 12, kWidth = 19;
}

DeviationFile::DeviationFile(const std::string& path, bool atomic) : path_(path), file_(path) {
  if (!file_) throw InputError("out_file: cannot write " + path);
  file_ << std::scientific << '#' << std::setw(kStepWidth - 1) << "step";
  for (const char* name : {"max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f"}) {
    file_ << std::setw(kWidth) << name;
  }
  if (atomic) file_ << std::setw(kWidth) << "atm_devi_f(N)";
  file_ << std::endl;
}

void DeviationFile::write(int64_t step, const Deviation& virial, const Deviation& force,
                          const std::vector<double>& atoms) {
  file_ << std::setw(kStepWidth) << step;
  for (const Deviation& each : {virial, force}) {
    file_ << std::setw(kWidth) << each.max << std::setw(kWidth) << each.min << std::setw(kWidth) << each.mean;
  }
  for (const double atom : atoms) file_ << std::setw(kWidth) << atom;
  file_ << std::endl;
  if (!file_) throw InputError("out_file: cannot write " + path_);
}

}  // namespace deepmd
