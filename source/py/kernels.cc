#include "session.h"

// _kernels, or, with the kernels of a GPU, _gpu.
PYBIND11_MODULE(DEEPMD_PY_MODULE, module) {
  namespace pb = pybind11;
  module.doc() =
      "The kernels on NumPy arrays. Arrays must have the exact dtype; input errors are deepmd_tf.errors.InputError.";
  pb::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const deepmd::InputError& error) {
      const pb::object type = pb::module_::import("deepmd_tf.errors").attr("InputError");
      PyErr_SetString(type.ptr(), error.what());
    }
  });
  deepmd::py::bind_activation(module);
  deepmd::py::bind_contraction(module);
  deepmd::py::bind_edges(module);
  deepmd::py::bind_evaluate(module);
  deepmd::py::bind_geometry(module);
  deepmd::py::bind_neighbors(module);
  deepmd::py::bind_pairs(module);
  deepmd::py::bind_slots(module);
#ifdef DEEPMD_PY_GPU
  deepmd::py::bind_device(module);
#endif
}
