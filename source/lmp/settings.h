#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deepmd {

/// Settings of a `pair_style deepmd` command.
struct PairSettings {
  std::vector<std::string> models;
  int64_t out_freq = 100;  ///< steps between lines of the model deviation; 0 for no lines
  std::string out_file = "model_devi.out";
  bool atomic = false;     ///< lines also contain the deviation of every atom
  double relative = -1;    ///< deviations are divided by the force plus this, eV/Å; negative: not divided
  double relative_v = -1;  ///< deviations are divided by the virial plus this, eV; negative: not divided
  std::vector<double> fparam, aparam;
};

/// Parses the words after `pair_style deepmd`. Throws InputError if they are invalid.
PairSettings read_settings(const std::vector<std::string>& words);

/// Returns the type in the model of each LAMMPS type. `names` are the words after `pair_coeff * *`: names of elements,
/// or none for the order of the type map. Throws InputError if they do not fit.
std::vector<int> map_types(const std::vector<std::string>& names, int ntypes, const std::vector<std::string>& type_map);

/// Throws InputError if the masses (g/mol) [ntypes] of the LAMMPS types show that elements were confused. This is the
/// case if the mass of a type is that of another element of the type map, and not that of its own element. Masses
/// shared by types of different elements are ignored.
void check_masses(const std::vector<double>& masses, const std::vector<int>& types,
                  const std::vector<std::string>& type_map);

}  // namespace deepmd
