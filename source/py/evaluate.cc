#include "deepmd/evaluate.h"

#include <atomic>
#include <memory>
#include <optional>

#include "deepmd/contraction.h"
#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

/// A descriptor with the arrays that it points into.
template <typename T>
struct DescriptorArrays {
  Array<double> avg, std_radial, std_angular;
  Array<int> sel;
  std::optional<Array<bool>> interacting;
  Array<T> table, empty;
  TabulatedDescriptor<T> view;
};

template <typename T>
std::unique_ptr<DescriptorArrays<T>> make_descriptor(double rcut_smth, double rcut, Array<double> avg,
                                                     Array<double> std_radial, Array<double> std_angular,
                                                     Array<int> sel, bool one_side,
                                                     std::optional<Array<bool>> interacting, double lowest, double unit,
                                                     int per_octave, Array<T> table, Array<T> empty, int64_t axis) {
  check_shape("avg", avg, {-1});
  const pb::ssize_t ntypes = avg.size();
  check_shape("std_radial", std_radial, {ntypes});
  check_shape("std_angular", std_angular, {ntypes});
  check_shape("sel", sel, {ntypes});
  if (interacting) check_shape("interacting", *interacting, {ntypes, ntypes});
  check_shape("table", table, {one_side ? ntypes : ntypes * ntypes, -1, -1, -1});
  check_shape("empty", empty, {ntypes, ntypes, table.shape(3)});
  int64_t slots = 0;
  for (pb::ssize_t t = 0; t < ntypes; ++t) slots += sel.data()[t];
  if (slots < 1) throw InputError("sel: expected numbers of slots with a positive sum, got " + std::to_string(slots));
  if (table.shape(1) < 1 || table.shape(2) < 2 || table.shape(2) > kMaxTerms) {
    throw InputError("table: expected at least one panel of 2 to " + std::to_string(kMaxTerms) + " terms");
  }
  if (axis < 1 || axis > table.shape(3)) {
    throw InputError("axis: expected 1 to " + std::to_string(table.shape(3)) + ", got " + std::to_string(axis));
  }
  const Cutoff cutoff{rcut_smth, rcut};
  check_cutoff(cutoff);
  const Codes codes{int(ntypes), one_side, interacting ? interacting->data() : nullptr};
  TabulatedDescriptor<T> view{cutoff,
                              avg.data(),
                              std_radial.data(),
                              std_angular.data(),
                              sel.data(),
                              codes,
                              {lowest, unit, per_octave},
                              table.shape(1),
                              int(table.shape(2)),
                              table.shape(3),
                              table.data(),
                              empty.data(),
                              axis};
  return std::make_unique<DescriptorArrays<T>>(
      DescriptorArrays<T>{std::move(avg), std::move(std_radial), std::move(std_angular), std::move(sel),
                          std::move(interacting), std::move(table), std::move(empty), view});
}

/// A fitting net with the arrays that it points into.
template <typename F>
struct FittingArrays {
  std::vector<Array<F>> matrices, biases;
  std::vector<std::optional<Array<F>>> idts;
  Array<F> extra_matrix, final_matrix;
  Array<double> atom_bias;
  FittingNet<F> view;
};

template <typename F>
std::unique_ptr<FittingArrays<F>> make_fitting(const std::string& activation, std::vector<Array<F>> matrices,
                                               std::vector<Array<F>> biases, std::vector<std::optional<Array<F>>> idts,
                                               Array<F> extra_matrix, Array<F> final_matrix, Array<double> atom_bias) {
  if (matrices.empty() || biases.size() != matrices.size() || idts.size() != matrices.size()) {
    throw InputError("expected at least one layer, and a matrix, a bias and an idt or None of each");
  }
  FittingNet<F> view{};
  view.activation = activation_of(activation);
  check_shape("atom_bias", atom_bias, {-1});
  pb::ssize_t n_in = -1;
  for (size_t k = 0; k < matrices.size(); ++k) {
    check_shape("matrices", matrices[k], {n_in, -1});
    const pb::ssize_t n_out = matrices[k].shape(1);
    if (n_out < 1) throw InputError("matrices: expected layers of at least one neuron");
    check_shape("biases", biases[k], k == 0 ? std::vector<pb::ssize_t>{atom_bias.size(), n_out} : std::vector{n_out});
    if (idts[k]) check_shape("idts", *idts[k], {n_out});
    view.layers.push_back(
        {matrices[k].shape(0), n_out, matrices[k].data(), biases[k].data(), idts[k] ? idts[k]->data() : nullptr});
    n_in = n_out;
  }
  check_shape("extra_matrix", extra_matrix, {-1, matrices[0].shape(1)});
  check_shape("final_matrix", final_matrix, {n_in});
  view.nextra = extra_matrix.shape(0);
  view.extra_matrix = extra_matrix.data();
  view.final_matrix = final_matrix.data();
  view.atom_bias = atom_bias.data();
  return std::make_unique<FittingArrays<F>>(FittingArrays<F>{std::move(matrices), std::move(biases), std::move(idts),
                                                             std::move(extra_matrix), std::move(final_matrix),
                                                             std::move(atom_bias), view});
}

/// A fitting net for all types, or one for each.
template <typename F>
using Nets = std::vector<const FittingArrays<F>*>;

/// Both parts of a model, which must fit each other.
template <typename T, typename F>
TabulatedModel<T, F> make_model(const DescriptorArrays<T>& descriptor, const Nets<F>& nets) {
  const pb::ssize_t ntypes = descriptor.avg.size();
  if (nets.size() != 1 && pb::ssize_t(nets.size()) != ntypes) {
    throw InputError("fitting: expected one net, or one for each of " + std::to_string(ntypes) + " types, got " +
                     std::to_string(nets.size()));
  }
  TabulatedModel<T, F> model{descriptor.view, {}};
  for (const FittingArrays<F>* net : nets) {
    check_shape("matrices", net->matrices[0], {descriptor.view.width(), -1});
    check_shape("atom_bias", net->atom_bias, {ntypes});
    if (net->view.nextra != nets[0]->view.nextra) throw InputError("extra_matrix: expected as many rows in all nets");
    model.fitting.push_back(net->view);
  }
  return model;
}

/// The large arrays of a model as the device sees them.
template <typename T, typename F>
void bring(Session& session, const DescriptorArrays<T>& descriptor, const Nets<F>& nets, TabulatedModel<T, F>& model) {
  model.descriptor.table = session.in(descriptor.table);
  model.descriptor.empty = session.in(descriptor.empty);
  for (size_t k = 0; k < nets.size(); ++k) {
    FittingNet<F>& net = model.fitting[k];
    for (size_t layer = 0; layer < net.layers.size(); ++layer) {
      net.layers[layer].matrix = session.in(nets[k]->matrices[layer]);
      net.layers[layer].bias = session.in(nets[k]->biases[layer]);
      if (nets[k]->idts[layer]) net.layers[layer].idt = session.in(*nets[k]->idts[layer]);
    }
    net.extra_matrix = session.in(nets[k]->extra_matrix);
    net.final_matrix = session.in(nets[k]->final_matrix);
  }
}

/// What an evaluation writes.
struct Results {
  Results(Session& session, pb::ssize_t ncenters, pb::ssize_t natoms, pb::ssize_t nframes, pb::ssize_t ntypes)
      : atom_energy(ncenters),
        force({natoms, pb::ssize_t(3)}),
        virial({nframes, pb::ssize_t(9)}),
        atom_virial({natoms, pb::ssize_t(9)}),
        max_neighbors(ntypes),
        view{session.out(atom_energy), session.out(force), session.out(virial), session.out(atom_virial),
             max_neighbors.mutable_data()} {}

  pb::tuple to_tuple() const { return pb::make_tuple(atom_energy, force, virial, atom_virial, max_neighbors); }

  Array<double> atom_energy, force, virial, atom_virial;
  Array<int> max_neighbors;
  Evaluation view;
};

#ifdef DEEPMD_PY_GPU
// How many centers go through a model together, which tests change.
std::atomic<int64_t> centers_at_once{kCentersAtOnce};
#endif

template <typename T, typename F, typename Geometry>
pb::tuple run(Session& session, const TabulatedModel<T, F>& model, const Geometry& geometry, const F* extra,
              const Results& results) {
  session.run([&] {
#ifdef DEEPMD_PY_GPU
    evaluate<T, F>(session.device(), model, geometry, extra, results.view, centers_at_once);
#else
    evaluate<T, F>(session.device(), model, geometry, extra, results.view);
#endif
  });
  return results.to_tuple();
}

template <typename T, typename F>
pb::tuple batch(const DescriptorArrays<T>& descriptor, const Nets<F>& fitting, const Array<double>& coord,
                const Array<int>& type, const Array<int>& frame_splits, const Array<double>& cell,
                const Array<bool>& periodic, const Array<F>& extra, int threads) {
  TabulatedModel<T, F> model = make_model(descriptor, fitting);
  FrameBatch frames = make_batch(coord, type, frame_splits, cell, periodic, model.descriptor.codes.ntypes);
  check_shape("extra", extra, {type.size(), model.fitting[0].nextra});
  Session session(threads);
  bring(session, descriptor, fitting, model);
  frames.coord = session.in(coord);
  frames.type = session.in(type);
  const F* extra_in = session.in(extra);
  return run(session, model, frames, extra_in,
             Results(session, type.size(), type.size(), frames.nframes, frames.ntypes));
}

template <typename T, typename F>
pb::tuple listed(const DescriptorArrays<T>& descriptor, const Nets<F>& fitting, const Array<double>& coord,
                 const Array<int>& type, const Array<int64_t>& list_splits, const Array<int32_t>& list_neighbor,
                 const Array<F>& extra, int threads) {
  TabulatedModel<T, F> model = make_model(descriptor, fitting);
  NeighborList list = make_list(coord, type, list_splits, list_neighbor, model.descriptor.codes.ntypes);
  check_shape("extra", extra, {list.nloc, model.fitting[0].nextra});
  Session session(threads);
  bring(session, descriptor, fitting, model);
  list.coord = session.in(coord);
  list.type = session.in(type);
  list.list_splits = session.in(list_splits);
  list.neighbor = session.in(list_neighbor);
  const F* extra_in = session.in(extra);
  return run(session, model, list, extra_in, Results(session, list.nloc, list.nall, 1, list.ntypes));
}

template <typename T>
void bind_descriptor(pb::module_& module, const char* name) {
  using pb::arg;
  pb::class_<DescriptorArrays<T>>(module, name, pb::module_local());
  module.def("tabulated_descriptor", &make_descriptor<T>, pb::kw_only(), arg("rcut_smth"), arg("rcut"), arg("avg"),
             arg("std_radial"), arg("std_angular"), arg("sel"), arg("one_side"), arg("interacting") = pb::none(),
             arg("lowest"), arg("unit"), arg("per_octave"), arg("table").noconvert(), arg("empty").noconvert(),
             arg("axis"), "The descriptor of a model in the precision of table [ncodes, npanels, terms, columns].");
}

template <typename F>
void bind_fitting(pb::module_& module, const char* name) {
  using pb::arg;
  pb::class_<FittingArrays<F>>(module, name, pb::module_local());
  module.def("fitting_net", &make_fitting<F>, pb::kw_only(), arg("activation"), arg("matrices").noconvert(),
             arg("biases").noconvert(), arg("idts").noconvert(), arg("extra_matrix").noconvert(),
             arg("final_matrix").noconvert(), arg("atom_bias"),
             "The fitting net of a model: matrices and biases of its layers, idts or None.");
}

template <typename T, typename F>
void bind_evaluation(pb::module_& module) {
  using pb::arg;
  module.def("evaluate_batch", &batch<T, F>, arg("descriptor"), arg("fitting"), arg("coord"), arg("type"),
             arg("frame_splits"), arg("cell"), arg("periodic"), arg("extra").noconvert(), arg("threads") = 1,
             "a descriptor and a list of fitting nets, frames as neighbors_batch takes them, extra [natoms, nextra] -> "
             "(atom_energy [natoms], force [natoms, 3], virial [nframes, 9], atom_virial [natoms, 9], max_neighbors "
             "[ntypes])");
  module.def(
      "evaluate_listed", &listed<T, F>, arg("descriptor"), arg("fitting"), arg("coord"), arg("type"),
      arg("list_splits"), arg("list_neighbor"), arg("extra").noconvert(), arg("threads") = 1,
      "a descriptor and a list of fitting nets, atoms as neighbors_listed takes them, extra [nloc, nextra] -> as "
      "evaluate_batch, atom_energy [nloc], force and atom_virial of all atoms");
}

}  // namespace

void bind_evaluate(pb::module_& module) {
  bind_descriptor<float>(module, "TabulatedDescriptorFloat");
  bind_descriptor<double>(module, "TabulatedDescriptorDouble");
  bind_fitting<float>(module, "FittingNetFloat");
  bind_fitting<double>(module, "FittingNetDouble");
  bind_evaluation<float, float>(module);
  bind_evaluation<float, double>(module);
  bind_evaluation<double, float>(module);
  bind_evaluation<double, double>(module);
#ifdef DEEPMD_PY_GPU
  module.def(
      "evaluate_at_once", [](int64_t centers) { centers_at_once = centers; }, pb::arg("centers") = kCentersAtOnce,
      "From now on so many centers go through a model together");
#endif
}

}  // namespace deepmd::py
