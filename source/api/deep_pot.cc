#include "deepmd/deep_pot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "graph_session.h"
#include "native_model.h"

namespace deepmd {
namespace {

constexpr int kMaxThreads = 1024;

/// Numbers in float64: the array itself, or a copy.
template <typename T>
const double* as_double(const T* values, int64_t count, std::vector<double>& copy) {
  if (values == nullptr) return nullptr;
  if constexpr (std::is_same_v<T, double>) {
    return values;
  } else {
    copy.assign(values, values + count);
    return copy.data();
  }
}

/// The vectors of a prediction in float64: its own, or temporary ones that are copied to it.
template <typename T>
struct Results {
  explicit Results(Prediction<T>& prediction) : prediction(prediction) {}

  std::vector<double>& of(std::vector<T>& vector, std::vector<double>& other) {
    if constexpr (std::is_same_v<T, double>) {
      return vector;
    } else {
      return other;
    }
  }

  Evaluation view(int64_t nframes, int64_t ncenters, int64_t natoms, int ntypes) {
    std::vector<double>* all[4] = {&of(prediction.atom_energy, copies[0]), &of(prediction.force, copies[1]),
                                   &of(prediction.virial, copies[2]), &of(prediction.atom_virial, copies[3])};
    const int64_t sizes[4] = {ncenters, 3 * natoms, 9 * nframes, 9 * natoms};
    for (int k = 0; k < 4; ++k) all[k]->resize(size_t(sizes[k]));
    prediction.max_neighbors.resize(size_t(ntypes));
    Evaluation result{};
    result.atom_energy = all[0]->data();
    result.force = all[1]->data();
    result.virial = all[2]->data();
    result.atom_virial = all[3]->data();
    result.max_neighbors = prediction.max_neighbors.data();
    return result;
  }

  /// Sets everything to zero, for frames without centers.
  void clear() {
    std::fill(prediction.max_neighbors.begin(), prediction.max_neighbors.end(), 0);
    for (std::vector<T>* each : {&prediction.force, &prediction.virial, &prediction.atom_virial}) {
      std::fill(each->begin(), each->end(), T(0));
    }
    for (std::vector<double>& each : copies) std::fill(each.begin(), each.end(), 0.0);
  }

  void finish(int64_t nframes) {
    const std::vector<double>& atom_energy = of(prediction.atom_energy, copies[0]);
    const size_t ncenters = nframes > 0 ? atom_energy.size() / size_t(nframes) : 0;
    prediction.energy.assign(size_t(nframes), 0.0);
    for (size_t k = 0; k < atom_energy.size(); ++k) prediction.energy[k / ncenters] += atom_energy[k];
    if constexpr (!std::is_same_v<T, double>) {
      std::vector<T>* all[4] = {&prediction.atom_energy, &prediction.force, &prediction.virial,
                                &prediction.atom_virial};
      for (int k = 0; k < 4; ++k) all[k]->assign(copies[k].begin(), copies[k].end());
    }
  }

  Prediction<T>& prediction;
  std::vector<double> copies[4];
};

void check_types(const int* type, int64_t count, const std::vector<std::string>& type_map) {
  for (int64_t i = 0; i < count; ++i) {
    if (type[i] >= 0 && type[i] < int(type_map.size())) continue;
    std::string names;
    for (const std::string& name : type_map) names += (names.empty() ? "" : " ") + name;
    throw InputError("atom " + std::to_string(i) + " has type " + std::to_string(type[i]) +
                     ", the model knows types 0 to " + std::to_string(type_map.size() - 1) + " (" + names + ")");
  }
}

void check_given(const char* name, const void* values, int64_t count) {
  if (count > 0 && values == nullptr) throw InputError(std::string(name) + ": expected an array, got null");
}

void check_box(const double* box, int64_t nframes) {
  for (int64_t f = 0; f < nframes; ++f) {
    const double* b = box + 9 * f;
    const double volume =
        b[0] * (b[4] * b[8] - b[5] * b[7]) - b[1] * (b[3] * b[8] - b[5] * b[6]) + b[2] * (b[3] * b[7] - b[4] * b[6]);
    if (!(std::abs(volume) > 1e-8)) {
      throw InputError("box: frame " + std::to_string(f) + ": expected a cell with a volume, got " +
                       std::to_string(volume) + " Å^3; give null for open boundaries");
    }
  }
}

}  // namespace

struct DeepPot::Impl {
  Impl(const GraphFile& graph, const DeepPotOptions& options) : facts(graph) {
    if (options.threads < 1 || options.threads > kMaxThreads) {
      throw InputError("threads: expected 1 to " + std::to_string(kMaxThreads) + ", got " +
                       std::to_string(options.threads));
    }
    backend = read_native_model(graph, facts, options.threads, &why_not_native);
    native = backend != nullptr;
    if (!native) backend = open_session(graph, facts, options.threads);
  }

  GraphFacts facts;
  std::string why_not_native;
  bool native = false;
  std::unique_ptr<Backend> backend;
};

DeepPot::DeepPot(const std::string& path, const DeepPotOptions& options)
    : impl_(std::make_unique<Impl>(GraphFile(path), options)) {}
DeepPot::~DeepPot() = default;
DeepPot::DeepPot(DeepPot&&) noexcept = default;
DeepPot& DeepPot::operator=(DeepPot&&) noexcept = default;

const std::vector<std::string>& DeepPot::type_map() const { return impl_->facts.type_map; }
double DeepPot::cutoff() const { return impl_->facts.cutoff; }
const std::vector<int>& DeepPot::sel() const { return impl_->facts.sel; }
int DeepPot::numb_fparam() const { return impl_->facts.numb_fparam; }
int DeepPot::numb_aparam() const { return impl_->facts.numb_aparam; }
bool DeepPot::native() const { return impl_->native; }
const std::string& DeepPot::why_not_native() const { return impl_->why_not_native; }
bool DeepPot::counts_all_neighbors() const { return impl_->backend->counts_all_neighbors(); }

template <typename T>
void DeepPot::evaluate(const Frames<T>& frames, Prediction<T>& prediction) const {
  const GraphFacts& facts = impl_->facts;
  const int64_t nframes = frames.nframes, natoms = frames.natoms, total = nframes * natoms;
  if (nframes < 0 || natoms < 0 || nframes > std::numeric_limits<int>::max() ||
      (natoms > 0 && nframes > std::numeric_limits<int>::max() / natoms)) {
    throw InputError("frames: expected at most 2147483647 atoms in all frames, got " + std::to_string(nframes) +
                     " frames of " + std::to_string(natoms) + " atoms");
  }
  check_given("coord", frames.coord, total);
  check_given("type", frames.type, total);
  check_given("fparam", frames.fparam, nframes * facts.numb_fparam);
  check_given("aparam", frames.aparam, total * facts.numb_aparam);
  if (total > 0) check_types(frames.type, natoms, facts.type_map);

  std::vector<double> coord, box, fparam, aparam;
  const double* cells = as_double(frames.box, 9 * nframes, box);
  if (cells != nullptr) check_box(cells, nframes);
  std::vector<int> splits(size_t(nframes) + 1), types(static_cast<size_t>(total));
  for (int64_t f = 0; f <= nframes; ++f) splits[size_t(f)] = int(f * natoms);
  for (int64_t k = 0; k < total; ++k) types[size_t(k)] = frames.type[k % natoms];
  const std::unique_ptr<bool[]> periodic(new bool[size_t(nframes) + 1]);
  std::fill_n(periodic.get(), nframes, cells != nullptr);
  FrameBatch batch{};
  batch.nframes = int(nframes);
  batch.frame_splits = splits.data();
  batch.coord = as_double(frames.coord, 3 * total, coord);
  batch.type = types.data();
  batch.cells = cells;
  batch.periodic = periodic.get();
  batch.ntypes = facts.ntypes();
  Results<T> results(prediction);
  const Evaluation out = results.view(nframes, total, total, facts.ntypes());
  if (total == 0) {
    results.clear();
  } else {
    impl_->backend->evaluate(batch,
                             {as_double(frames.fparam, nframes * facts.numb_fparam, fparam),
                              as_double(frames.aparam, total * facts.numb_aparam, aparam)},
                             out);
  }
  results.finish(nframes);
}

template <typename T>
void DeepPot::evaluate(const Domain<T>& domain, Prediction<T>& prediction) const {
  const GraphFacts& facts = impl_->facts;
  const int64_t nloc = domain.nloc, nall = domain.nall;
  if (nloc < 0 || nall < nloc || nall > std::numeric_limits<int>::max()) {
    throw InputError("expected 0 <= nloc <= nall, got nloc " + std::to_string(nloc) + ", nall " + std::to_string(nall));
  }
  check_given("coord", domain.coord, nall);
  check_given("type", domain.type, nall);
  check_given("list_splits", domain.list_splits, nloc);
  check_given("fparam", domain.fparam, facts.numb_fparam);
  check_given("aparam", domain.aparam, nloc * facts.numb_aparam);
  if (nall > 0) check_types(domain.type, nall, facts.type_map);
  Results<T> results(prediction);
  const Evaluation out = results.view(1, nloc, nall, facts.ntypes());
  if (nloc == 0) {
    results.clear();
  } else {
    std::vector<double> coord, fparam, aparam;
    const int64_t length = domain.list_splits[nloc];
    check_given("neighbor", domain.neighbor, length);
    NeighborList list{};
    list.nloc = nloc;
    list.nall = nall;
    list.coord = as_double(domain.coord, 3 * nall, coord);
    list.type = domain.type;
    list.list_splits = domain.list_splits;
    list.neighbor = domain.neighbor;
    list.list_length = length;
    list.ntypes = facts.ntypes();
    impl_->backend->evaluate(list,
                             {as_double(domain.fparam, facts.numb_fparam, fparam),
                              as_double(domain.aparam, nloc * facts.numb_aparam, aparam)},
                             out);
  }
  results.finish(1);
}

template DEEPMD_API void DeepPot::evaluate(const Frames<float>&, Prediction<float>&) const;
template DEEPMD_API void DeepPot::evaluate(const Frames<double>&, Prediction<double>&) const;
template DEEPMD_API void DeepPot::evaluate(const Domain<float>&, Prediction<float>&) const;
template DEEPMD_API void DeepPot::evaluate(const Domain<double>&, Prediction<double>&) const;

}  // namespace deepmd
