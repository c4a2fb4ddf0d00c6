#include "deepmd/evaluate.h"

#include <atomic>
#include <string>
#include <type_traits>

#include "deepmd/model_reader.h"
#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

/// A dict of the inputs and attributes of EvaluateModel by name, as a source of a model (see deepmd/model_reader.h).
/// Inputs that the device reads are copied to its memory.
class DictSource {
 public:
  DictSource(const pb::dict& values, Session& session) : values_(values), session_(session) {}

  ModelAttributes attributes() const {
    ModelAttributes result;
    result.one_side = value("one_side").cast<bool>();
    for (const pb::handle pair : value("exclude_types")) {
      for (const pb::handle type : pair) result.exclude_types.push_back(type.cast<int64_t>());
    }
    result.axis_neuron = value("axis_neuron").cast<int64_t>();
    result.activation = value("activation").cast<std::string>();
    return result;
  }

  size_t count(const char* name) const { return model_input(name).is_list() ? pb::len(value(name)) : 1; }

  std::vector<int64_t> shape(const char* name, size_t index) const {
    const pb::array array = pb::array::ensure(entry(name, index));
    if (!array) fail(input_place(name, index) + ": expected an array");
    return std::vector<int64_t>(array.shape(), array.shape() + array.ndim());
  }

  template <typename V>
  const V* data(const char* name, size_t index) {
    const pb::object object = entry(name, index);
    Array<V> array(std::vector<pb::ssize_t>{});
    if (shape(name, index).empty()) {
      *array.mutable_data() = object.cast<V>();
    } else {
      array = array_of<V>(input_place(name, index), object);
    }
    held_.push_back(array);
    return model_input(name).memory == InputMemory::DEVICE ? session_.in(array) : array.data();
  }

  /// Whether the elements of the first array of an input are float32.
  bool is_float(const char* name) const { return count(name) > 0 && pb::isinstance<Array<float>>(entry(name, 0)); }

  template <typename V>
  Array<V> array_of(const std::string& name, const pb::object& object) const {
    if (!pb::isinstance<Array<V>>(object)) {
      fail(name + ": expected a contiguous array of " + pb::str(pb::dtype::of<V>()).template cast<std::string>());
    }
    return object.cast<Array<V>>();
  }

  [[noreturn]] void fail(const std::string& message) const { throw InputError(message); }

 private:
  pb::object value(const char* name) const {
    if (!values_.contains(name)) fail(std::string(name) + " is missing");
    return values_[name];
  }

  pb::object entry(const char* name, size_t index) const {
    return model_input(name).is_list() ? pb::object(value(name)[pb::int_(index)]) : value(name);
  }

  const pb::dict& values_;
  Session& session_;
  std::vector<pb::array> held_;
};

/// Outputs of an evaluation.
struct Results {
  Results(Session& session, pb::ssize_t ncenters, pb::ssize_t natoms, pb::ssize_t nframes, pb::ssize_t ntypes)
      : atom_energy(ncenters),
        force({natoms, pb::ssize_t(3)}),
        virial({nframes, pb::ssize_t(9)}),
        atom_virial({natoms, pb::ssize_t(9)}),
        max_neighbors(ntypes) {
    view.atom_energy = session.out(atom_energy);
    view.force = session.out(force);
    view.virial = session.out(virial);
    view.atom_virial = session.out(atom_virial);
    view.max_neighbors = max_neighbors.mutable_data();
  }

  pb::tuple to_tuple() const { return pb::make_tuple(atom_energy, force, virial, atom_virial, max_neighbors); }

  Array<double> atom_energy, force, virial, atom_virial;
  Array<int> max_neighbors;
  Evaluation view{};
};

#ifdef DEEPMD_PY_GPU
// Number of centers that go through a model together; tests change it.
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

/// Reads the model and calls body(model, extra) in its precisions. extra [ncenters, nextra] is in memory of the device.
template <typename Body>
pb::tuple with_model(Session& session, const pb::dict& inputs, const pb::object& extra, pb::ssize_t ncenters,
                     const Body& body) {
  DictSource source(inputs, session);
  return with_precisions(source.is_float("table"), source.is_float("first_matrix"), [&](auto t, auto f) {
    using F = decltype(f);
    const auto read = read_model<decltype(t), F>(source, source.attributes());
    const Array<F> extra_array = source.array_of<F>("extra", extra);
    check_shape("extra", extra_array, {ncenters, pb::ssize_t(read.model.fitting[0].nextra)});
    return body(read.model, session.in(extra_array));
  });
}

pb::tuple batch(const pb::dict& inputs, const Array<double>& coord, const Array<int>& type,
                const Array<int>& frame_splits, const Array<double>& cell, const Array<bool>& periodic,
                const pb::object& extra, int threads) {
  Session session(threads);
  return with_model(session, inputs, extra, type.size(), [&](const auto& model, const auto* extra_in) {
    FrameBatch frames = make_batch(coord, type, frame_splits, cell, periodic, model.descriptor.codes.ntypes);
    frames.coord = session.in(coord);
    frames.type = session.in(type);
    return run(session, model, frames, extra_in,
               Results(session, type.size(), type.size(), frames.nframes, frames.ntypes));
  });
}

pb::tuple listed(const pb::dict& inputs, const Array<double>& coord, const Array<int>& type,
                 const Array<int64_t>& list_splits, const Array<int32_t>& list_neighbor, const pb::object& extra,
                 int threads) {
  Session session(threads);
  const pb::ssize_t ncenters = count_rows("list_splits", list_splits.size());
  return with_model(session, inputs, extra, ncenters, [&](const auto& model, const auto* extra_in) {
    NeighborList list = make_list(coord, type, list_splits, list_neighbor, model.descriptor.codes.ntypes);
    list.coord = session.in(coord);
    list.type = session.in(type);
    list.list_splits = session.in(list_splits);
    list.neighbor = session.in(list_neighbor);
    return run(session, model, list, extra_in, Results(session, list.nloc, list.nall, 1, list.ntypes));
  });
}

}  // namespace

void bind_evaluate(pb::module_& module) {
  using pb::arg;
  module.def("evaluate_batch", &batch, arg("model"), arg("coord"), arg("type"), arg("frame_splits"), arg("cell"),
             arg("periodic"), arg("extra"), arg("threads") = 1,
             "a dict of the inputs and attributes of EvaluateModel that are parameters of the model, frames as "
             "neighbors_batch takes them, extra [natoms, nextra] -> (atom_energy [natoms], force [natoms, 3], virial "
             "[nframes, 9], atom_virial [natoms, 9], max_neighbors [ntypes])");
  module.def("evaluate_listed", &listed, arg("model"), arg("coord"), arg("type"), arg("list_splits"),
             arg("list_neighbor"), arg("extra"), arg("threads") = 1,
             "a model as evaluate_batch takes it, atoms as neighbors_listed takes them, extra [nloc, nextra] -> as "
             "evaluate_batch, atom_energy [nloc], force and atom_virial of all atoms");
#ifdef DEEPMD_PY_GPU
  module.def(
      "evaluate_at_once", [](int64_t centers) { centers_at_once = centers; }, pb::arg("centers") = kCentersAtOnce,
      "Set the number of centers that go through a model together.");
#endif
}

}  // namespace deepmd::py
