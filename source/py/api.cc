// deepmd_tf._api: the C++ API on NumPy arrays.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>

#include "deepmd/deep_pot.h"
#include "deepmd/model_deviation.h"

namespace deepmd::py {
namespace {

namespace pb = pybind11;

template <typename T>
using Array = pb::array_t<T, pb::array::c_style | pb::array::forcecast>;

template <typename T>
const T* data_of(const char* name, const std::optional<Array<T>>& array, pb::ssize_t size) {
  if (!array) return nullptr;
  if (array->size() != size) {
    throw InputError(std::string(name) + ": expected " + std::to_string(size) + " numbers, got " +
                     std::to_string(array->size()));
  }
  return array->data();
}

template <typename T>
pb::array_t<T> copied(const std::vector<T>& values, std::vector<pb::ssize_t> shape) {
  return pb::array_t<T>(std::move(shape), values.data());
}

template <typename T>
pb::dict to_dict(const Prediction<T>& prediction, pb::ssize_t nframes, pb::ssize_t ncenters, pb::ssize_t natoms) {
  pb::dict result;
  result["energy"] = copied(prediction.energy, {nframes});
  result["force"] = copied(prediction.force, {nframes, natoms, 3});
  result["virial"] = copied(prediction.virial, {nframes, 9});
  result["atom_energy"] = copied(prediction.atom_energy, {nframes, ncenters});
  result["atom_virial"] = copied(prediction.atom_virial, {nframes, natoms, 9});
  result["max_neighbors"] = prediction.max_neighbors;
  return result;
}

template <typename T>
pb::dict evaluate_frames(const DeepPot& potential, const Array<T>& coord, const Array<int>& type,
                         const std::optional<Array<T>>& box, const std::optional<Array<T>>& fparam,
                         const std::optional<Array<T>>& aparam) {
  Frames<T> frames;
  frames.natoms = type.size();
  const pb::ssize_t width = 3 * std::max<pb::ssize_t>(frames.natoms, 1);
  if (coord.size() % width != 0) throw InputError("coord: expected [nframes, natoms, 3]");
  frames.nframes = coord.size() / width;
  frames.coord = coord.data();
  frames.type = type.data();
  frames.box = data_of("box", box, 9 * frames.nframes);
  frames.fparam = data_of("fparam", fparam, frames.nframes * potential.numb_fparam());
  frames.aparam = data_of("aparam", aparam, frames.nframes * frames.natoms * potential.numb_aparam());
  Prediction<T> prediction;
  {
    pb::gil_scoped_release release;
    potential.evaluate(frames, prediction);
  }
  return to_dict(prediction, frames.nframes, frames.natoms, frames.natoms);
}

template <typename T>
pb::dict evaluate_domain(const DeepPot& potential, const Array<T>& coord, const Array<int>& type,
                         const Array<int64_t>& list_splits, const Array<int32_t>& neighbor,
                         const std::optional<Array<T>>& fparam, const std::optional<Array<T>>& aparam) {
  if (list_splits.size() < 1) throw InputError("list_splits: expected at least one number");
  Domain<T> domain;
  domain.nall = type.size();
  domain.nloc = list_splits.size() - 1;
  if (coord.size() != 3 * domain.nall) throw InputError("coord: expected [nall, 3]");
  if (neighbor.size() != list_splits.at(domain.nloc)) throw InputError("neighbor: expected list_splits[nloc] numbers");
  domain.coord = coord.data();
  domain.type = type.data();
  domain.list_splits = list_splits.data();
  domain.neighbor = neighbor.data();
  domain.fparam = data_of("fparam", fparam, potential.numb_fparam());
  domain.aparam = data_of("aparam", aparam, domain.nloc * potential.numb_aparam());
  Prediction<T> prediction;
  {
    pb::gil_scoped_release release;
    potential.evaluate(domain, prediction);
  }
  return to_dict(prediction, 1, domain.nloc, domain.nall);
}

pb::dict to_dict(const Deviation& deviation) {
  pb::dict result;
  result["max"] = deviation.max;
  result["min"] = deviation.min;
  result["mean"] = deviation.mean;
  return result;
}

std::vector<const double*> rows(const Array<double>& values, pb::ssize_t width) {
  std::vector<const double*> result;
  for (pb::ssize_t k = 0; k < values.size() / width; ++k) result.push_back(values.data() + k * width);
  return result;
}

void bind_potential(pb::module_& module) {
  using pb::arg;
  pb::class_<DeepPot>(module, "DeepPot", "A frozen graph; native ones without TensorFlow (deepmd/deep_pot.h).")
      .def(pb::init([](const std::string& path, int threads) {
             DeepPotOptions options;
             options.threads = threads;
             return DeepPot(path, options);
           }),
           arg("path"), arg("threads") = 1)
      .def_property_readonly("type_map", &DeepPot::type_map)
      .def_property_readonly("cutoff", &DeepPot::cutoff)
      .def_property_readonly("sel", &DeepPot::sel)
      .def_property_readonly("numb_fparam", &DeepPot::numb_fparam)
      .def_property_readonly("numb_aparam", &DeepPot::numb_aparam)
      .def_property_readonly("native", &DeepPot::native)
      .def_property_readonly("why_not_native", &DeepPot::why_not_native)
      .def_property_readonly("counts_all_neighbors", &DeepPot::counts_all_neighbors)
      .def("evaluate", &evaluate_frames<double>, arg("coord"), arg("type"), arg("box") = pb::none(),
           arg("fparam") = pb::none(), arg("aparam") = pb::none(),
           "coord [nframes, natoms, 3], type [natoms], box [nframes, 9] -> dict of arrays")
      .def("evaluate_float", &evaluate_frames<float>, arg("coord"), arg("type"), arg("box") = pb::none(),
           arg("fparam") = pb::none(), arg("aparam") = pb::none(), "The same in float32.")
      .def("evaluate_domain", &evaluate_domain<double>, arg("coord"), arg("type"), arg("list_splits"), arg("neighbor"),
           arg("fparam") = pb::none(), arg("aparam") = pb::none(),
           "coord [nall, 3], type [nall], list_splits [nloc + 1], neighbor -> dict of arrays")
      .def("evaluate_domain_float", &evaluate_domain<float>, arg("coord"), arg("type"), arg("list_splits"),
           arg("neighbor"), arg("fparam") = pb::none(), arg("aparam") = pb::none(), "The same in float32.");
}

void bind_deviation(pb::module_& module) {
  using pb::arg;
  module.def(
      "force_deviation",
      [](const Array<double>& force, double relative) {
        if (force.ndim() != 3 || force.shape(2) != 3) throw InputError("force: expected [nmodels, natoms, 3]");
        Array<double> result(force.shape(1));
        force_deviation(rows(force, 3 * force.shape(1)), force.shape(1), relative, result.mutable_data());
        return result;
      },
      arg("force"), arg("relative") = -1.0, "force [nmodels, natoms, 3] -> deviation [natoms]");
  module.def(
      "virial_deviation",
      [](const Array<double>& virial, int64_t natoms, double relative) {
        return to_dict(virial_deviation(rows(virial, 9), natoms, relative));
      },
      arg("virial"), arg("natoms"), arg("relative") = -1.0, "virial [nmodels, 9] -> dict of max, min, mean");
  pb::class_<ModelDeviation>(module, "ModelDeviation", "Several graphs (deepmd/model_deviation.h).")
      .def(pb::init([](const std::vector<std::string>& paths) { return ModelDeviation(paths); }), arg("paths"))
      .def_property_readonly("cutoff", &ModelDeviation::cutoff)
      .def("__len__", &ModelDeviation::size);
}

}  // namespace
}  // namespace deepmd::py

PYBIND11_MODULE(_api, module) {
  namespace pb = pybind11;
  module.doc() = "The C++ API on NumPy arrays; input errors are deepmd_tf.errors.InputError.";
  pb::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const deepmd::InputError& error) {
      const pb::object type = pb::module_::import("deepmd_tf.errors").attr("InputError");
      PyErr_SetString(type.ptr(), error.what());
    }
  });
  deepmd::py::bind_potential(module);
  deepmd::py::bind_deviation(module);
}
