#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deepmd/error.h"

namespace deepmd {

/// Frames of one composition, all of them periodic or none. Atoms may lie outside the cell and come in any order.
template <typename T>
struct Frames {
  int64_t nframes = 1;
  int64_t natoms = 0;
  const T* coord = nullptr;   ///< [nframes, natoms, 3], Å
  const int* type = nullptr;  ///< [natoms], in [0, ntypes), as in the type map
  const T* box = nullptr;     ///< [nframes, 9], Å, rows are the cell vectors; null: nothing repeats
  const T* fparam = nullptr;  ///< [nframes, numb_fparam], where the model takes them
  const T* aparam = nullptr;  ///< [nframes, natoms, numb_aparam]
};

/// Atoms of a domain and ghosts, with a list of neighbors from outside; nothing repeats.
template <typename T>
struct Domain {
  int64_t nloc = 0;                      ///< centers: the first nloc atoms
  int64_t nall = 0;                      ///< all atoms: centers, then ghosts that are neighbors only
  const T* coord = nullptr;              ///< [nall, 3], Å
  const int* type = nullptr;             ///< [nall], in [0, ntypes)
  const int64_t* list_splits = nullptr;  ///< [nloc + 1]; the list of center i begins at list_splits[i]
  const int32_t* neighbor = nullptr;     ///< [list_splits[nloc]], in [0, nall): all within the cutoff, may be more;
                                         ///< a pair of centers is in the lists of both
  const T* fparam = nullptr;             ///< [numb_fparam]
  const T* aparam = nullptr;             ///< [nloc, numb_aparam]
};

/// What a potential says. Vectors are brought to their size and their memory is used again.
template <typename T>
struct Prediction {
  std::vector<double> energy;      ///< [nframes], eV; of a domain that of its centers
  std::vector<T> force;            ///< [nframes, natoms, 3], eV/Å; of a domain [nall, 3], to be sent home from ghosts
  std::vector<T> virial;           ///< [nframes, 9], eV; pressure = trace / 3V; component 3a + b is force_a r_b
  std::vector<T> atom_energy;      ///< [nframes, natoms] or [nloc], eV
  std::vector<T> atom_virial;      ///< [nframes, natoms, 9] or [nall, 9], eV
  std::vector<int> max_neighbors;  ///< [ntypes], the largest number of neighbors of each type that any center has
};

struct DeepPotOptions {
  int threads = 1;  ///< that work on one evaluation, the caller's among them
};

/// A potential in a frozen graph that this package or DeePMD-kit wrote.
///
/// Native graphs (`dp freeze`) are evaluated by the kernels alone. Others need TensorFlow, whose library is loaded when
/// the first of them is: that of pip's package beside this one, or in the directory that the environment variable
/// DEEPMD_TENSORFLOW names, with the op library that DEEPMD_OP_LIBRARY names or that of this package.
///
/// An object owns its memory and its threads and gives them back when it ends. Several objects may be used by several
/// threads at once, each by one. Results do not depend on the number of threads. What cannot be used is an InputError.
class DEEPMD_API DeepPot {
 public:
  explicit DeepPot(const std::string& path, const DeepPotOptions& options = {});
  ~DeepPot();
  DeepPot(DeepPot&&) noexcept;
  DeepPot& operator=(DeepPot&&) noexcept;

  const std::vector<std::string>& type_map() const;
  double cutoff() const;  ///< Å
  /// Slots of each neighbor type; empty when the graph does not tell.
  const std::vector<int>& sel() const;
  int numb_fparam() const;
  int numb_aparam() const;
  /// Whether the kernels evaluate the graph, without TensorFlow.
  bool native() const;
  /// Why not; empty for a native graph.
  const std::string& why_not_native() const;
  /// Whether neighbors beyond sel count; else the farthest are left out.
  bool counts_all_neighbors() const;

  template <typename T>
  void evaluate(const Frames<T>& frames, Prediction<T>& prediction) const;
  template <typename T>
  void evaluate(const Domain<T>& domain, Prediction<T>& prediction) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deepmd
