#include "deepmd/slots.h"

#include "deepmd/force.h"
#include "deepmd/virial.h"
#include "session.h"

namespace deepmd::py {
namespace {

template <int kColumns, typename T>
SlotShape make_shape(const Array<T>& in_deriv, const Array<int>& nlist, int nall) {
  check_shape("nlist", nlist, {-1, -1, -1});
  check_shape("in_deriv", in_deriv, {nlist.shape(0), nlist.shape(1), nlist.shape(2), kColumns, 3});
  const SlotShape shape{int(nlist.shape(0)), int(nlist.shape(1)), nall, int(nlist.shape(2))};
  if (nall < shape.nloc) throw InputError("nall: expected at least nloc, got " + std::to_string(nall));
  check_nlist(shape, nlist.data());
  return shape;
}

template <typename T, int kColumns>
Array<T> force(const Array<T>& net_deriv, const Array<T>& in_deriv, const Array<int>& nlist, int nall, int threads) {
  const SlotShape shape = make_shape<kColumns>(in_deriv, nlist, nall);
  check_shape("net_deriv", net_deriv, {shape.nframes, shape.nloc, shape.nnei, kColumns});
  Array<T> out({shape.nframes, nall, 3});
  Session session(threads);
  const T *net = session.in(net_deriv), *in = session.in(in_deriv);
  const int* list = session.in(nlist);
  T* result = session.out(out);
  session.run([&] { slot_force<T, kColumns>(session.device(), shape, net, in, list, result); });
  return out;
}

template <typename T, int kColumns>
Array<T> force_grad(const Array<T>& grad, const Array<T>& in_deriv, const Array<int>& nlist, int threads) {
  check_shape("grad", grad, {-1, -1, 3});
  const SlotShape shape = make_shape<kColumns>(in_deriv, nlist, int(grad.shape(1)));
  check_shape("grad", grad, {shape.nframes, shape.nall, 3});
  Array<T> out({shape.nframes, shape.nloc, shape.nnei, kColumns});
  Session session(threads);
  const T *atoms = session.in(grad), *in = session.in(in_deriv);
  const int* list = session.in(nlist);
  T* result = session.out(out);
  session.run([&] { slot_force_grad<T, kColumns>(session.device(), shape, atoms, in, list, result); });
  return out;
}

template <typename T, int kColumns>
pb::tuple virial(const Array<T>& net_deriv, const Array<T>& in_deriv, const Array<T>& rij, const Array<int>& nlist,
                 int nall, int threads) {
  const SlotShape shape = make_shape<kColumns>(in_deriv, nlist, nall);
  check_shape("net_deriv", net_deriv, {shape.nframes, shape.nloc, shape.nnei, kColumns});
  check_shape("rij", rij, {shape.nframes, shape.nloc, shape.nnei, 3});
  Array<T> total({shape.nframes, 9}), atoms({shape.nframes, nall, 9});
  Session session(threads);
  const T *net = session.in(net_deriv), *in = session.in(in_deriv), *vec = session.in(rij);
  const int* list = session.in(nlist);
  T *of_frames = session.out(total), *of_atoms = session.out(atoms);
  session.run([&] { slot_virial<T, kColumns>(session.device(), shape, net, in, vec, list, of_frames, of_atoms); });
  return pb::make_tuple(total, atoms);
}

template <typename T, int kColumns>
Array<T> virial_grad(const Array<T>& grad, const Array<T>& grad_atom, const Array<T>& in_deriv, const Array<T>& rij,
                     const Array<int>& nlist, int threads) {
  check_shape("grad_atom", grad_atom, {-1, -1, 9});
  const SlotShape shape = make_shape<kColumns>(in_deriv, nlist, int(grad_atom.shape(1)));
  check_shape("grad", grad, {shape.nframes, 9});
  check_shape("grad_atom", grad_atom, {shape.nframes, shape.nall, 9});
  check_shape("rij", rij, {shape.nframes, shape.nloc, shape.nnei, 3});
  Array<T> out({shape.nframes, shape.nloc, shape.nnei, kColumns});
  Session session(threads);
  const T *of_frames = session.in(grad), *of_atoms = session.in(grad_atom);
  const T *in = session.in(in_deriv), *vec = session.in(rij);
  const int* list = session.in(nlist);
  T* result = session.out(out);
  session.run(
      [&] { slot_virial_grad<T, kColumns>(session.device(), shape, of_frames, of_atoms, in, vec, list, result); });
  return out;
}

/// The functions of a descriptor "a" or "r", whose slots hold these columns.
template <typename T, int kColumns>
void bind(pb::module_& module, const std::string& descriptor) {
  using pb::arg;
  const std::string force_name = "force_se_" + descriptor, virial_name = "virial_se_" + descriptor;
  module.def(force_name.c_str(), &force<T, kColumns>, arg("net_deriv").noconvert(), arg("in_deriv").noconvert(),
             arg("nlist"), arg("nall"), arg("threads") = 1,
             "net_deriv [nframes, nloc, nnei, columns], in_deriv [nframes, nloc, nnei, columns, 3] -> force [nframes, "
             "nall, 3]; 4 columns for a, 1 for r");
  module.def((force_name + "_grad").c_str(), &force_grad<T, kColumns>, arg("grad").noconvert(),
             arg("in_deriv").noconvert(), arg("nlist"), arg("threads") = 1,
             "grad [nframes, nall, 3] -> grad_net [nframes, nloc, nnei, columns]");
  module.def(
      virial_name.c_str(), &virial<T, kColumns>, arg("net_deriv").noconvert(), arg("in_deriv").noconvert(),
      arg("rij").noconvert(), arg("nlist"), arg("nall"), arg("threads") = 1,
      "As force_se_*, and rij [nframes, nloc, nnei, 3] -> (virial [nframes, 9], atom_virial [nframes, nall, 9])");
  module.def((virial_name + "_grad").c_str(), &virial_grad<T, kColumns>, arg("grad").noconvert(),
             arg("grad_atom").noconvert(), arg("in_deriv").noconvert(), arg("rij").noconvert(), arg("nlist"),
             arg("threads") = 1,
             "grad [nframes, 9], grad_atom [nframes, nall, 9] -> grad_net [nframes, nloc, nnei, columns]");
}

}  // namespace

void bind_slots(pb::module_& module) {
  bind<double, kFullRow>(module, "a");
  bind<float, kFullRow>(module, "a");
  bind<double, kRadialRow>(module, "r");
  bind<float, kRadialRow>(module, "r");
}

}  // namespace deepmd::py
