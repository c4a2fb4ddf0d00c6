#include "deepmd/environment.h"

#include <cmath>
#include <string>

#include "deepmd/error.h"
#include "math/cell.h"
#include "math/environment_row.h"

namespace deepmd {

void environment_rows(const CpuDevice& device, int64_t nedge, const double* edge_vec, const Cutoff& cutoff,
                      double* rows, double* derivative) {
  check_cutoff(cutoff);
  device.parallel_for(nedge, 30, [&](int64_t begin, int64_t end) {
    double discarded[12];
    for (int64_t e = begin; e < end; ++e) {
      const double* d = edge_vec + 3 * e;
      const double r = std::sqrt(dot(d, d));
      if (!(r > 0) || !std::isfinite(r)) {
        throw InputError("edge " + std::to_string(e) + ": expected a finite length above zero, got " +
                         std::to_string(r));
      }
      environment_row(d, r, cutoff.rcut_smth, cutoff.rcut, rows + 4 * e, derivative ? derivative + 12 * e : discarded);
    }
  });
}

}  // namespace deepmd
