#pragma once

#include <memory>
#include <vector>

#include "deepmd/model_deviation.h"
#include "deviation_file.h"
#include "pair.h"
#include "settings.h"

namespace LAMMPS_NS {

/// `pair_style deepmd`: one potential for the dynamics, and optionally others for the model deviation.
///
/// Every rank evaluates its own atoms as centers, with its own atoms and ghosts as neighbors. LAMMPS communicates the
/// forces and virials of ghosts to their owners.
class PairDeepMD : public Pair {
 public:
  explicit PairDeepMD(LAMMPS* lmp);
  ~PairDeepMD() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void compute(int eflag, int vflag) override;
  int pack_reverse_comm(int n, int first, double* buf) override;
  void unpack_reverse_comm(int n, int* list, double* buf) override;
  double memory_usage() override;

 private:
  void allocate();
  void check_parameters() const;
  void update_types();
  void update_list();
  deepmd::Domain<double> domain();
  void evaluate(const deepmd::Domain<double>& domain, size_t model);
  void add_to_lammps();
  void warn_of_sel();
  void write_deviation();
  std::vector<double> sorted_by_tag(const std::vector<double>& values) const;
  std::string closest_atoms() const;

  deepmd::PairSettings settings_;
  std::unique_ptr<deepmd::ModelDeviation> models_;
  std::unique_ptr<deepmd::DeviationFile> deviation_file_;  // only on the first rank
  std::vector<int> map_;                                   // [ntypes], type in the model of each LAMMPS type
  double scale_ = 1;                                       // LAMMPS energy units per eV

  std::vector<int> type_;             // [nall], types in the model
  std::vector<int64_t> list_splits_;  // [nlocal + 1]
  std::vector<int32_t> neighbor_;
  std::vector<double> aparam_;                           // [nlocal, numb_aparam]
  std::vector<deepmd::Prediction<double>> predictions_;  // one per model
  bool warned_ = false;
};

}  // namespace LAMMPS_NS
