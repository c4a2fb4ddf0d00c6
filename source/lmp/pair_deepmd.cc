#include "pair_deepmd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

namespace LAMMPS_NS {

using deepmd::InputError;

PairDeepMD::PairDeepMD(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_AVAIL;
  unit_convert_flag = utils::get_supported_conversions(utils::ENERGY);
}

PairDeepMD::~PairDeepMD() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairDeepMD::allocate() {
  allocated = 1;
  const int n = atom->ntypes;
  memory->create(setflag, n + 1, n + 1, "pair:setflag");
  memory->create(cutsq, n + 1, n + 1, "pair:cutsq");
  for (int i = 1; i <= n; ++i) {
    for (int j = 1; j <= n; ++j) setflag[i][j] = 0;
  }
}

void PairDeepMD::settings(int narg, char** arg) {
  if (strcmp(update->unit_style, "metal") == 0) {
    scale_ = 1;
  } else if (strcmp(update->unit_style, "real") == 0) {
    scale_ = utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
  } else {
    error->all(FLERR, "pair_style deepmd: expected units metal or real, got " + std::string(update->unit_style));
  }
  try {
    settings_ = deepmd::read_settings({arg, arg + narg});
    deepmd::DeepPotOptions options;
    options.threads = comm->nthreads;
    models_ = std::make_unique<deepmd::ModelDeviation>(settings_.models, options);
    check_parameters();
    deviation_file_.reset();
    if (models_->size() > 1 && settings_.out_freq > 0 && comm->me == 0) {
      deviation_file_ = std::make_unique<deepmd::DeviationFile>(settings_.out_file, settings_.atomic);
    }
  } catch (const InputError& problem) {
    error->all(FLERR, "pair_style deepmd: " + std::string(problem.what()));
  }
  comm_reverse = 3 * int(models_->size());
  predictions_.resize(models_->size());
  if (comm->me == 0) {
    for (size_t k = 0; k < models_->size(); ++k) {
      const deepmd::DeepPot& model = (*models_)[k];
      std::string text = "deepmd: " + settings_.models[k] + ", elements";
      for (const std::string& name : model.type_map()) text += " " + name;
      text += ", cutoff " + std::to_string(model.cutoff()) + ", " + std::to_string(comm->nthreads) + " thread(s), ";
      text += model.native() ? "native" : "by TensorFlow, as " + model.why_not_native();
      utils::logmesg(lmp, text + "\n");
    }
  }
}

void PairDeepMD::check_parameters() const {
  const deepmd::DeepPot& model = (*models_)[0];
  const auto check = [](const char* name, size_t given, int expected) {
    if (int(given) == expected) return;
    throw InputError(std::string(name) + ": the model takes " + std::to_string(expected) + " numbers, got " +
                     std::to_string(given));
  };
  check("fparam", settings_.fparam.size(), model.numb_fparam());
  check("aparam", settings_.aparam.size(), model.numb_aparam());
}

void PairDeepMD::coeff(int narg, char** arg) {
  if (!allocated) allocate();
  try {
    // LAMMPS has already checked that * * come first.
    map_ = deepmd::map_types({arg + 2, arg + narg}, atom->ntypes, (*models_)[0].type_map());
  } catch (const InputError& problem) {
    error->all(FLERR, "pair_coeff: " + std::string(problem.what()));
  }
  for (int i = 1; i <= atom->ntypes; ++i) {
    for (int j = 1; j <= atom->ntypes; ++j) setflag[i][j] = 1;
  }
}

void PairDeepMD::init_style() {
  if (force->newton_pair == 0) error->all(FLERR, "pair_style deepmd requires newton on");
  if (atom->tag_enable == 0) error->all(FLERR, "pair_style deepmd requires atom IDs");
  // LAMMPS excludes some bonded neighbors from its lists; energies would be wrong without a warning.
  const bool bonded = atom->molecular != 0 && (atom->nbonds > 0 || atom->molecular == 2);
  for (int k = 1; bonded && k < 4; ++k) {
    if (force->special_lj[k] == 0.0 && force->special_coul[k] == 0.0) {
      error->all(FLERR,
                 "pair_style deepmd: special_bonds takes bonded neighbors away; set special_bonds lj/coul 1 1 1");
    }
  }
  if (atom->mass != nullptr && atom->rmass == nullptr) {
    try {
      deepmd::check_masses({atom->mass + 1, atom->mass + 1 + atom->ntypes}, map_, (*models_)[0].type_map());
    } catch (const InputError& problem) {
      error->all(FLERR, "pair_coeff: " + std::string(problem.what()));
    }
  }
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairDeepMD::init_one(int i, int j) {
  if (setflag[i][j] == 0) error->all(FLERR, "pair_style deepmd: pair_coeff * * is missing");
  return models_->cutoff();
}

void PairDeepMD::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  const size_t nall = size_t(atom->nlocal + atom->nghost);
  if (neighbor->ago == 0 || type_.size() != nall || list_splits_.size() != size_t(atom->nlocal) + 1) update_list();
  update_types();
  const deepmd::Domain<double> here = domain();
  evaluate(here, 0);
  add_to_lammps();
  if (neighbor->ago == 0) warn_of_sel();
  if (models_->size() > 1 && settings_.out_freq > 0 && update->ntimestep % settings_.out_freq == 0) {
    for (size_t k = 1; k < models_->size(); ++k) evaluate(here, k);
    write_deviation();
  }
}

void PairDeepMD::update_types() {
  // Update in every step, because some fixes change types without rebuilding the lists.
  const int nall = atom->nlocal + atom->nghost;
  type_.resize(size_t(nall));
  for (int i = 0; i < nall; ++i) type_[size_t(i)] = map_[size_t(atom->type[i] - 1)];
}

void PairDeepMD::update_list() {
  const int nlocal = atom->nlocal;
  if (list->inum != nlocal) {
    error->one(FLERR, "pair_style deepmd: expected a list of all " + std::to_string(nlocal) + " atoms, got " +
                          std::to_string(list->inum) +
                          "; it cannot be a part of pair_style hybrid for some types only");
  }
  list_splits_.assign(1, 0);
  for (int i = 0; i < nlocal; ++i) list_splits_.push_back(list_splits_.back() + list->numneigh[i]);
  neighbor_.resize(size_t(list_splits_.back()));
  for (int i = 0; i < nlocal; ++i) {
    const int* from = list->firstneigh[i];
    int32_t* to = neighbor_.data() + list_splits_[size_t(i)];
    for (int k = 0; k < list->numneigh[i]; ++k) to[k] = from[k] & NEIGHMASK;
  }
}

deepmd::Domain<double> PairDeepMD::domain() {
  deepmd::Domain<double> result;
  result.nloc = atom->nlocal;
  result.nall = atom->nlocal + atom->nghost;
  result.coord = result.nall > 0 ? atom->x[0] : nullptr;
  result.type = type_.data();
  result.list_splits = list_splits_.data();
  result.neighbor = neighbor_.data();
  result.fparam = settings_.fparam.data();
  const size_t width = settings_.aparam.size();
  aparam_.resize(size_t(atom->nlocal) * width);
  for (size_t k = 0; k < aparam_.size(); ++k) aparam_[k] = settings_.aparam[k % width];
  result.aparam = aparam_.data();
  return result;
}

void PairDeepMD::evaluate(const deepmd::Domain<double>& domain, size_t model) {
  try {
    (*models_)[model].evaluate(domain, predictions_[model]);
  } catch (const InputError& problem) {
    error->one(FLERR, "pair_style deepmd: " + std::string(problem.what()) + closest_atoms());
  }
}

void PairDeepMD::add_to_lammps() {
  const deepmd::Prediction<double>& from = predictions_[0];
  const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
  double* f = nall > 0 ? atom->f[0] : nullptr;
  for (int k = 0; k < 3 * nall; ++k) f[k] += scale_ * from.force[size_t(k)];
  if (eflag_global) eng_vdwl += scale_ * from.energy[0];
  if (eflag_atom) {
    for (int i = 0; i < nlocal; ++i) eatom[i] += scale_ * from.atom_energy[size_t(i)];
  }
  // Component 3a + b is force_a r_b. The order of r_a force_b in LAMMPS is xx yy zz xy xz yz yx zx zy.
  constexpr int kOrder[9] = {0, 4, 8, 3, 6, 7, 1, 2, 5};
  if (vflag_global) {
    for (int k = 0; k < 6; ++k) virial[k] += scale_ * from.virial[size_t(kOrder[k])];
  }
  for (int i = 0; i < nall; ++i) {
    const double* v = from.atom_virial.data() + 9 * size_t(i);
    if (vflag_atom) {
      for (int k = 0; k < 6; ++k) vatom[i][k] += scale_ * v[kOrder[k]];
    }
    if (cvflag_atom) {
      for (int k = 0; k < 9; ++k) cvatom[i][k] += scale_ * v[kOrder[k]];
    }
  }
}

void PairDeepMD::warn_of_sel() {
  const deepmd::DeepPot& model = (*models_)[0];
  const std::vector<int>& max_neighbors = predictions_[0].max_neighbors;
  if (warned_ || model.counts_all_neighbors() || model.sel().size() != max_neighbors.size()) return;
  for (size_t t = 0; t < max_neighbors.size(); ++t) {
    if (max_neighbors[t] <= model.sel()[t]) continue;
    warned_ = true;
    error->warning(FLERR, "pair_style deepmd: an atom has " + std::to_string(max_neighbors[t]) + " neighbors " +
                              model.type_map()[t] + " but this portable graph takes " + std::to_string(model.sel()[t]) +
                              " and leaves out the farthest; a native graph does not");
  }
}

void PairDeepMD::write_deviation() {
  comm->reverse_comm(this, comm_reverse);
  const size_t nmodels = models_->size();
  const int64_t nlocal = atom->nlocal;
  std::vector<const double*> forces, virials;
  std::vector<double> virial_sums(9 * nmodels), own(9 * nmodels);
  for (size_t m = 0; m < nmodels; ++m) {
    forces.push_back(predictions_[m].force.data());
    virials.push_back(virial_sums.data() + 9 * m);
    std::copy_n(predictions_[m].virial.data(), 9, own.data() + 9 * m);
  }
  MPI_Allreduce(own.data(), virial_sums.data(), int(9 * nmodels), MPI_DOUBLE, MPI_SUM, world);
  std::vector<double> deviation(static_cast<size_t>(nlocal));
  deepmd::force_deviation(forces, nlocal, settings_.relative, deviation.data());

  const deepmd::Deviation here = deepmd::summary(deviation.data(), nlocal);
  const double largest[2] = {nlocal > 0 ? here.max : -HUGE_VAL, nlocal > 0 ? -here.min : -HUGE_VAL};
  const double sum = here.mean * double(nlocal);
  double extremes[2], total;
  MPI_Reduce(largest, extremes, 2, MPI_DOUBLE, MPI_MAX, 0, world);
  MPI_Reduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, 0, world);
  const std::vector<double> atoms = settings_.atomic ? sorted_by_tag(deviation) : std::vector<double>();
  if (!deviation_file_) return;
  try {
    deviation_file_->write(update->ntimestep, deepmd::virial_deviation(virials, atom->natoms, settings_.relative_v),
                           {extremes[0], -extremes[1], total / double(atom->natoms)}, atoms);
  } catch (const InputError& problem) {
    error->one(FLERR, "pair_style deepmd: " + std::string(problem.what()));
  }
}

std::vector<double> PairDeepMD::sorted_by_tag(const std::vector<double>& values) const {
  const int nlocal = atom->nlocal;
  std::vector<int> counts(size_t(comm->nprocs)), begins(size_t(comm -> nprocs), 0);
  MPI_Gather(&nlocal, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  std::partial_sum(counts.begin(), counts.end() - 1, begins.begin() + 1);
  const size_t total = comm->me == 0 ? size_t(atom->natoms) : 0;
  std::vector<tagint> tags(total);
  std::vector<double> all(total), sorted(total);
  MPI_Gatherv(atom->tag, nlocal, MPI_LMP_TAGINT, tags.data(), counts.data(), begins.data(), MPI_LMP_TAGINT, 0, world);
  MPI_Gatherv(values.data(), nlocal, MPI_DOUBLE, all.data(), counts.data(), begins.data(), MPI_DOUBLE, 0, world);
  std::vector<size_t> order(total);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&tags](size_t a, size_t b) { return tags[a] < tags[b]; });
  for (size_t k = 0; k < total; ++k) sorted[k] = all[order[k]];
  return sorted;
}

int PairDeepMD::pack_reverse_comm(int n, int first, double* buf) {
  int m = 0;
  for (int i = first; i < first + n; ++i) {
    for (const deepmd::Prediction<double>& each : predictions_) {
      for (int a = 0; a < 3; ++a) buf[m++] = each.force[size_t(3 * i + a)];
    }
  }
  return m;
}

void PairDeepMD::unpack_reverse_comm(int n, int* list, double* buf) {
  int m = 0;
  for (int k = 0; k < n; ++k) {
    for (deepmd::Prediction<double>& each : predictions_) {
      for (int a = 0; a < 3; ++a) each.force[size_t(3 * list[k] + a)] += buf[m++];
    }
  }
}

std::string PairDeepMD::closest_atoms() const {
  double least = HUGE_VAL;
  tagint pair[2] = {0, 0};
  for (int i = 0; i < atom->nlocal; ++i) {
    for (int64_t k = list_splits_[size_t(i)]; k < list_splits_[size_t(i) + 1]; ++k) {
      const double *one = atom->x[i], *other = atom->x[neighbor_[size_t(k)]];
      const double distance = std::hypot(other[0] - one[0], other[1] - one[1], other[2] - one[2]);
      if (!(distance < least)) continue;
      least = distance;
      pair[0] = atom->tag[i];
      pair[1] = atom->tag[neighbor_[size_t(k)]];
    }
  }
  if (pair[0] == 0) return "";
  return " (numbers of atoms are those of this rank; nearest to each other are the atoms with IDs " +
         std::to_string(pair[0]) + " and " + std::to_string(pair[1]) + ", " + std::to_string(least) + " Å apart)";
}

double PairDeepMD::memory_usage() {
  double bytes = Pair::memory_usage();
  bytes += double(neighbor_.capacity() * sizeof(int32_t) + list_splits_.capacity() * sizeof(int64_t));
  for (const deepmd::Prediction<double>& each : predictions_) {
    bytes += double((each.force.capacity() + each.atom_virial.capacity()) * sizeof(double));
  }
  return bytes;
}

}  // namespace LAMMPS_NS
