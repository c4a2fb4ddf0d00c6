#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deepmd {

/// What a `pair_style deepmd` line says.
struct PairSettings {
  std::vector<std::string> models;
  int64_t out_freq = 100;  ///< steps between lines of model deviation; 0 for none
  std::string out_file = "model_devi.out";
  bool atomic = false;     ///< whether lines also hold the deviation of every atom
  double relative = -1;    ///< added to the force by which deviations are divided, eV/Å; negative: not divided
  double relative_v = -1;  ///< the same of the virial, eV
  std::vector<double> fparam, aparam;
};

/// Decodes the words after `pair_style deepmd`; throws InputError.
PairSettings read_settings(const std::vector<std::string>& words);

/// The model's type of each LAMMPS type from the words after `pair_coeff * *`: names of elements, or none for the order
/// of the type map. Throws InputError where they do not fit.
std::vector<int> map_types(const std::vector<std::string>& names, int ntypes, const std::vector<std::string>& type_map);

/// Throws InputError where the masses (g/mol) [ntypes] of LAMMPS's types say that elements were confused: where that of
/// a type is the mass of another element of the type map and not that of its own. Masses that types of different
/// elements share say nothing.
void check_masses(const std::vector<double>& masses, const std::vector<int>& types,
                  const std::vector<std::string>& type_map);

}  // namespace deepmd
