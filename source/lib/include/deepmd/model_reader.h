#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/activation.h"
#include "deepmd/checks.h"
#include "deepmd/contraction.h"
#include "deepmd/environment.h"
#include "deepmd/evaluate.h"
#include "deepmd/model_inputs.h"
#include "deepmd/radial_cells.h"

namespace deepmd {

/// The attributes of EvaluateModel.
struct ModelAttributes {
  bool one_side = true;
  std::vector<int64_t> exclude_types;  ///< pairs
  int64_t axis_neuron = 0;
  std::string activation;
};

/// A model and the memory that it points to and no source owns.
template <typename T, typename F>
struct ReadModel {
  TabulatedModel<T, F> model;
  std::unique_ptr<bool[]> interacting;
};

/// Reads and checks the inputs of EvaluateModel that are parameters of the model (see model_inputs.h). Every program
/// that evaluates a whole model reads it here. A `Source` has
///
///     size_t count(name)              length of a list, 1 for an input that is no list
///     std::vector<int64_t> shape(name, index)
///     const V* data<V>(name, index)   the elements, which the source keeps; calls fail unless their type is V
///     [[noreturn]] void fail(message) throws InputError
template <typename T, typename F, typename Source>
class ModelReader {
 public:
  ModelReader(Source& source, const ModelAttributes& attributes) : source_(source), attributes_(attributes) {}

  ReadModel<T, F> read() {
    read_ntypes();
    ReadModel<T, F> result;
    checked([&] { result.interacting = interacting_matrix(ntypes_, attributes_.exclude_types); });
    TabulatedDescriptor<T>& descriptor = result.model.descriptor;
    descriptor.codes = {ntypes_, attributes_.one_side, result.interacting.get()};
    read_normalization(descriptor);
    read_panels(descriptor);
    read_table(descriptor);
    result.model.fitting = read_fitting(descriptor.width());
    return result;
  }

 private:
  using Shape = std::vector<int64_t>;

  static constexpr int64_t kMaxSlots = 1 << 24;
  static constexpr int kMaxPerOctave = 1 << 16;

  /// Runs a check of the library, whose error the source reports.
  template <typename Check>
  void checked(const Check& check) {
    try {
      check();
    } catch (const InputError& error) {
      source_.fail(error.what());
    }
  }

  /// Shape of an input, which must be as expected; a negative length is any length.
  Shape shape(const char* name, const Shape& expected, size_t index = 0) {
    Shape result = source_.shape(name, index);
    checked([&] { check_shape(input_place(name, index), result, expected); });
    return result;
  }

  template <typename V>
  const V* values(const char* name, const Shape& expected, size_t index = 0) {
    shape(name, expected, index);
    return source_.template data<V>(name, index);
  }

  template <typename V>
  V scalar(const char* name) {
    return *values<V>(name, {});
  }

  void check_range(const char* name, int64_t value, int64_t max, const char* unit = "") {
    if (value >= 1 && value <= max) return;
    source_.fail(std::string(name) + ": expected 1 to " + std::to_string(max) + unit + ", got " +
                 std::to_string(value));
  }

  void read_ntypes() {
    const int64_t ntypes = shape("avg", {-1})[0];
    check_range("avg", ntypes, kMaxTypes, " types");
    ntypes_ = int(ntypes);
  }

  void read_normalization(TabulatedDescriptor<T>& descriptor) {
    descriptor.cutoff = {scalar<double>("rcut_smth"), scalar<double>("rcut")};
    checked([&] { check_cutoff(descriptor.cutoff); });
    descriptor.avg = values<double>("avg", {ntypes_});
    descriptor.std_radial = values<double>("std_radial", {ntypes_});
    descriptor.std_angular = values<double>("std_angular", {ntypes_});
    descriptor.sel = values<int32_t>("sel", {ntypes_});
    int64_t slots = 0;
    for (int t = 0; t < ntypes_; ++t) {
      if (descriptor.sel[t] < 0) {
        source_.fail("sel: expected numbers of slots, got " + std::to_string(descriptor.sel[t]));
      }
      slots += descriptor.sel[t];
    }
    check_range("sel", slots, kMaxSlots, " slots");
  }

  void read_panels(TabulatedDescriptor<T>& descriptor) {
    descriptor.panels = {scalar<double>("lowest"), scalar<double>("unit"), scalar<int32_t>("per_octave")};
    check_range("per_octave", descriptor.panels.per_octave, kMaxPerOctave);
  }

  void read_table(TabulatedDescriptor<T>& descriptor) {
    const int64_t ncodes = attributes_.one_side ? ntypes_ : int64_t(ntypes_) * ntypes_;
    const Shape got = shape("table", {ncodes, -1, -1, -1});
    if (got[1] < 1 || got[2] < 2 || got[2] > kMaxTerms || got[3] < 1 ||
        got[1] > std::numeric_limits<int32_t>::max() / ncodes) {
      source_.fail("table: expected [codes, panels, 2 to " + std::to_string(kMaxTerms) + " terms, columns], got " +
                   shape_text(got));
    }
    descriptor.npanels = got[1];
    descriptor.terms = int(got[2]);
    descriptor.columns = got[3];
    descriptor.table = source_.template data<T>("table", 0);
    descriptor.empty = values<T>("empty", {ntypes_, ntypes_, descriptor.columns});
    descriptor.axis = attributes_.axis_neuron;
    check_range("axis_neuron", descriptor.axis, descriptor.columns, ", the number of columns of the table");
  }

  std::vector<FittingNet<F>> read_fitting(int64_t width) {
    const size_t nnets = source_.count("first_matrix");
    check_lists(nnets);
    std::vector<FittingNet<F>> nets;
    for (size_t n = 0; n < nnets; ++n) nets.push_back(read_net(n, source_.count("matrices") / nnets, width));
    return nets;
  }

  /// One net for all types or one for each, each with as many layers.
  void check_lists(size_t nnets) {
    const size_t matrices = source_.count("matrices"), biases = source_.count("biases"), idts = source_.count("idts");
    if (nnets != 1 && nnets != size_t(ntypes_)) {
      source_.fail("first_matrix: expected one net or one for each of " + std::to_string(ntypes_) + " types, got " +
                   std::to_string(nnets));
    }
    for (const char* name : {"extra_matrix", "final_matrix"}) {
      if (source_.count(name) == nnets) continue;
      source_.fail(std::string(name) + ": expected " + std::to_string(nnets) +
                   " of them, as many as first_matrix, got " + std::to_string(source_.count(name)));
    }
    if (matrices % nnets != 0 || biases != matrices || idts != matrices + nnets) {
      source_.fail("expected as many biases as matrices, " + std::to_string(matrices) +
                   ", and one more of idts for each of " + std::to_string(nnets) + " nets, got " +
                   std::to_string(biases) + " and " + std::to_string(idts));
    }
  }

  /// Net number n with `later` layers after the first, on descriptors of this width.
  FittingNet<F> read_net(size_t n, size_t later, int64_t width) {
    FittingNet<F> net{};
    checked([&] { net.activation = activation_of(attributes_.activation); });
    const int64_t n1 = shape("first_matrix", {width, -1}, n)[1];
    net.nextra = shape("extra_matrix", {n == 0 ? -1 : source_.shape("extra_matrix", 0)[0], n1}, n)[0];
    net.extra_matrix = source_.template data<F>("extra_matrix", n);
    append_layer(net, source_.template data<F>("first_matrix", n), values<F>("first_bias", {ntypes_, n1}), width, n1,
                 n * (later + 1));
    for (size_t k = 0; k < later; ++k) {
      const size_t index = n * later + k;
      const int64_t n_in = net.layers.back().n_out, n_out = shape("matrices", {n_in, -1}, index)[1];
      append_layer(net, source_.template data<F>("matrices", index), values<F>("biases", {n_out}, index), n_in, n_out,
                   n * (later + 1) + 1 + k);
    }
    net.final_matrix = values<F>("final_matrix", {net.layers.back().n_out, 1}, n);
    net.atom_bias = values<double>("atom_bias", {ntypes_});
    return net;
  }

  void append_layer(FittingNet<F>& net, const F* matrix, const F* bias, int64_t n_in, int64_t n_out, size_t idt) {
    if (n_out < 1) source_.fail("expected layers of at least one neuron");
    DenseLayer<F> layer{};
    layer.n_in = n_in;
    layer.n_out = n_out;
    layer.matrix = matrix;
    layer.bias = bias;
    // A layer without idt has an empty one.
    layer.idt = source_.shape("idts", idt) == Shape{0} ? nullptr : values<F>("idts", {n_out}, idt);
    net.layers.push_back(layer);
  }

  Source& source_;
  const ModelAttributes& attributes_;
  int ntypes_ = 0;
};

/// The model in this source.
template <typename T, typename F, typename Source>
ReadModel<T, F> read_model(Source& source, const ModelAttributes& attributes) {
  return ModelReader<T, F, Source>(source, attributes).read();
}

/// Calls body(T(), F()) with the precisions of descriptor and fitting net.
template <typename Body>
auto with_precisions(bool float_descriptor, bool float_fitting, const Body& body) {
  if (float_descriptor && float_fitting) return body(float(), float());
  if (float_descriptor) return body(float(), double());
  if (float_fitting) return body(double(), float());
  return body(double(), double());
}

}  // namespace deepmd
