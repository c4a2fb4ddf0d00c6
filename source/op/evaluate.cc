// EvaluateModel: energies, forces and virials of a batch by a whole model, some centers at a time.
#include "deepmd/evaluate.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>

#include "common.h"
#include "deepmd/contraction.h"
#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

constexpr int64_t kMaxTypes = 1 << 12;
constexpr int64_t kMaxSlots = 1 << 24;
constexpr int64_t kMaxPerOctave = 1 << 16;

const tf::Tensor& get(tf::OpKernelContext* context, const char* name) {
  const tf::Tensor* tensor = nullptr;
  const absl::Status status = context->input(name, &tensor);
  if (!status.ok()) throw InputError(std::string(status.message()));
  return *tensor;
}

template <typename T>
const T* get(tf::OpKernelContext* context, const char* name, std::initializer_list<int64_t> shape) {
  const tf::Tensor& tensor = get(context, name);
  check_shape(name, tensor, shape);
  return tensor.flat<T>().data();
}

template <typename T>
T get_scalar(tf::OpKernelContext* context, const char* name) {
  return read_scalar<T>(name, get(context, name));
}

tf::OpInputList get_list(tf::OpKernelContext* context, const char* name) {
  tf::OpInputList list;
  const absl::Status status = context->input_list(name, &list);
  if (!status.ok()) throw InputError(std::string(status.message()));
  return list;
}

/// The attributes, decoded.
struct Attributes {
  bool one_side = true;
  std::vector<int> exclude_types;
  int axis = 0;
  Activation activation = Activation::kTanh;

  absl::Status read(tf::OpKernelConstruction* context) {
    std::string name;
    TF_RETURN_IF_ERROR(context->GetAttr("one_side", &one_side));
    TF_RETURN_IF_ERROR(context->GetAttr("exclude_types", &exclude_types));
    TF_RETURN_IF_ERROR(context->GetAttr("axis_neuron", &axis));
    TF_RETURN_IF_ERROR(context->GetAttr("activation", &name));
    try {
      activation = activation_of(name);
    } catch (const InputError& error) {
      return absl::Status(absl::StatusCode::kInvalidArgument, error.what());
    }
    if (exclude_types.size() % 2 == 0) return absl::Status();
    return absl::Status(absl::StatusCode::kInvalidArgument, "exclude_types: expected pairs of types");
  }

  std::unique_ptr<bool[]> interacting(int ntypes) const {
    std::unique_ptr<bool[]> result(new bool[size_t(ntypes) * ntypes]);
    std::fill_n(result.get(), size_t(ntypes) * ntypes, true);
    for (size_t k = 0; k < exclude_types.size(); k += 2) {
      const int a = exclude_types[k], b = exclude_types[k + 1];
      if (a < 0 || a >= ntypes || b < 0 || b >= ntypes) {
        throw InputError("exclude_types: expected types in [0, " + std::to_string(ntypes) + "), got " +
                         std::to_string(a) + " and " + std::to_string(b));
      }
      result[a * ntypes + b] = result[b * ntypes + a] = false;
    }
    return result;
  }
};

int read_ntypes(tf::OpKernelContext* context) {
  const tf::Tensor& avg = get(context, "avg");
  check_shape("avg", avg, {-1});
  if (avg.dim_size(0) < 1 || avg.dim_size(0) > kMaxTypes) {
    throw InputError("avg: expected 1 to " + std::to_string(kMaxTypes) + " types, got " +
                     std::to_string(avg.dim_size(0)));
  }
  return int(avg.dim_size(0));
}

const int* read_sel(tf::OpKernelContext* context, int ntypes) {
  const int* sel = get<int>(context, "sel", {ntypes});
  int64_t sum = 0;
  for (int t = 0; t < ntypes; ++t) {
    if (sel[t] < 0) throw InputError("sel: expected numbers of slots, got " + std::to_string(sel[t]));
    sum += sel[t];
  }
  if (sum < 1 || sum > kMaxSlots) {
    throw InputError("sel: expected 1 to " + std::to_string(kMaxSlots) + " slots, got " + std::to_string(sum));
  }
  return sel;
}

template <typename T>
TabulatedDescriptor<T> read_descriptor(tf::OpKernelContext* context, const Attributes& attributes, int ntypes,
                                       const bool* interacting) {
  TabulatedDescriptor<T> result{};
  result.cutoff = {get_scalar<double>(context, "rcut_smth"), get_scalar<double>(context, "rcut")};
  check_cutoff(result.cutoff);
  result.avg = get<double>(context, "avg", {ntypes});
  result.std_radial = get<double>(context, "std_radial", {ntypes});
  result.std_angular = get<double>(context, "std_angular", {ntypes});
  result.sel = read_sel(context, ntypes);
  result.codes = {ntypes, attributes.one_side, interacting};
  result.panels = {get_scalar<double>(context, "lowest"), get_scalar<double>(context, "unit"),
                   get_scalar<int>(context, "per_octave")};
  if (result.panels.per_octave < 1 || result.panels.per_octave > kMaxPerOctave) {
    throw InputError("per_octave: expected 1 to " + std::to_string(kMaxPerOctave) + ", got " +
                     std::to_string(result.panels.per_octave));
  }
  const tf::Tensor& table = get(context, "table");
  check_shape("table", table, {attributes.one_side ? ntypes : ntypes * ntypes, -1, -1, -1});
  if (table.dim_size(1) < 1 || table.dim_size(2) < 2 || table.dim_size(2) > kMaxTerms || table.dim_size(3) < 1 ||
      table.dim_size(0) * table.dim_size(1) > std::numeric_limits<int32_t>::max()) {
    throw InputError("table: expected [codes, panels, 2 to " + std::to_string(kMaxTerms) + " terms, columns], got " +
                     table.shape().DebugString());
  }
  result.npanels = table.dim_size(1);
  result.terms = int(table.dim_size(2));
  result.columns = table.dim_size(3);
  result.table = table.flat<T>().data();
  result.empty = get<T>(context, "empty", {ntypes, ntypes, result.columns});
  result.axis = attributes.axis;
  if (result.axis < 1 || result.axis > result.columns) {
    throw InputError("axis_neuron: expected 1 to " + std::to_string(result.columns) + ", the width of the table, got " +
                     std::to_string(result.axis));
  }
  return result;
}

/// A factor of a layer's output, or null for a tensor without entries.
template <typename F>
const F* read_idt(const std::string& name, const tf::Tensor& idt, int64_t width) {
  if (idt.dims() == 1 && idt.dim_size(0) == 0) return nullptr;
  check_shape(name.c_str(), idt, {width});
  return idt.flat<F>().data();
}

/// The weights of all fitting nets, net after net.
struct FittingInputs {
  explicit FittingInputs(tf::OpKernelContext* context)
      : first(get_list(context, "first_matrix")),
        extra(get_list(context, "extra_matrix")),
        final_matrix(get_list(context, "final_matrix")),
        matrices(get_list(context, "matrices")),
        biases(get_list(context, "biases")),
        idts(get_list(context, "idts")) {}

  int nets() const { return first.size(); }
  int later() const { return matrices.size() / nets(); }  ///< layers after the first

  /// Throws InputError unless there is one net for all types or one for each, all of as many layers.
  void check(int ntypes) const {
    if (nets() != 1 && nets() != ntypes) {
      throw InputError("first_matrix: expected one net or one for each of " + std::to_string(ntypes) + " types, got " +
                       std::to_string(nets()));
    }
    if (matrices.size() % nets() != 0 || biases.size() != matrices.size() || idts.size() != matrices.size() + nets()) {
      throw InputError("expected as many biases as matrices, " + std::to_string(matrices.size()) +
                       ", and one more of idts for each of " + std::to_string(nets()) + " nets, got " +
                       std::to_string(biases.size()) + " and " + std::to_string(idts.size()));
    }
  }

  tf::OpInputList first, extra, final_matrix, matrices, biases, idts;
};

std::string place(const char* name, int index) { return std::string(name) + "[" + std::to_string(index) + "]"; }

void check_entry(const char* name, const tf::OpInputList& list, int index, std::initializer_list<int64_t> shape) {
  check_shape(place(name, index).c_str(), list[index], shape);
}

/// Net number n, on descriptors of this width.
template <typename F>
FittingNet<F> read_net(tf::OpKernelContext* context, const FittingInputs& inputs, int n, int ntypes, int64_t width) {
  FittingNet<F> net{};
  check_entry("first_matrix", inputs.first, n, {width, -1});
  const int64_t n1 = inputs.first[n].dim_size(1);
  check_entry("extra_matrix", inputs.extra, n, {n == 0 ? -1 : inputs.extra[0].dim_size(0), n1});
  net.nextra = inputs.extra[n].dim_size(0);
  net.extra_matrix = inputs.extra[n].flat<F>().data();
  const int later = inputs.later();
  const auto idt = [&](int layer, int64_t n_out) {
    const int index = n * (later + 1) + layer;
    return read_idt<F>(place("idts", index), inputs.idts[index], n_out);
  };
  net.layers.push_back(
      {width, n1, inputs.first[n].flat<F>().data(), get<F>(context, "first_bias", {ntypes, n1}), idt(0, n1)});
  for (int k = n * later; k < (n + 1) * later; ++k) {
    const int64_t n_in = net.layers.back().n_out;
    check_entry("matrices", inputs.matrices, k, {n_in, -1});
    const int64_t n_out = inputs.matrices[k].dim_size(1);
    check_entry("biases", inputs.biases, k, {n_out});
    net.layers.push_back({n_in, n_out, inputs.matrices[k].flat<F>().data(), inputs.biases[k].flat<F>().data(),
                          idt(k - n * later + 1, n_out)});
  }
  for (const DenseLayer<F>& layer : net.layers) {
    if (layer.n_out < 1) throw InputError("expected layers of at least one neuron");
  }
  check_entry("final_matrix", inputs.final_matrix, n, {net.layers.back().n_out, 1});
  net.final_matrix = inputs.final_matrix[n].flat<F>().data();
  return net;
}

template <typename F>
std::vector<FittingNet<F>> read_fitting(tf::OpKernelContext* context, const Attributes& attributes, int ntypes,
                                        int64_t width) {
  const FittingInputs inputs(context);
  inputs.check(ntypes);
  std::vector<FittingNet<F>> nets;
  for (int n = 0; n < inputs.nets(); ++n) {
    nets.push_back(read_net<F>(context, inputs, n, ntypes, width));
    nets.back().activation = attributes.activation;
    nets.back().atom_bias = get<double>(context, "atom_bias", {ntypes});
  }
  return nets;
}

FrameBatch read_batch(tf::OpKernelContext* context, int ntypes) {
  const tf::Tensor& type = get(context, "type");
  check_shape("type", type, {-1});
  const int64_t natoms = type.dim_size(0);
  const FrameSplits frames = read_frames(get(context, "frame_splits"), natoms);
  return {frames.nframes,
          frames.splits,
          get<double>(context, "coord", {natoms, 3}),
          type.flat<int>().data(),
          get<double>(context, "box", {frames.nframes, 9}),
          get<bool>(context, "periodic", {frames.nframes}),
          ntypes};
}

template <typename Device, typename T, typename F>
class EvaluateModel : public tf::OpKernel {
 public:
  explicit EvaluateModel(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, attributes_.read(context));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const int ntypes = read_ntypes(context);
      const std::unique_ptr<bool[]> interacting = attributes_.interacting(ntypes);
      const auto descriptor = read_descriptor<T>(context, attributes_, ntypes, interacting.get());
      const TabulatedModel<T, F> model{descriptor, read_fitting<F>(context, attributes_, ntypes, descriptor.width())};
      const FrameBatch batch = read_batch(context, ntypes);
      const int64_t natoms = batch.frame_splits[batch.nframes];
      const F* extra = get<F>(context, "extra", {natoms, model.fitting[0].nextra});
      const auto output = [&](int index, std::initializer_list<int64_t> shape) {
        return allocate(context, index, shape)->template flat<double>().data();
      };
      const Evaluation out{output(0, {natoms}), output(1, {natoms, 3}), output(2, {batch.nframes, 9}),
                           output(3, {natoms, 9}), allocate(context, 4, {ntypes})->template flat<int>().data()};
      evaluate<T, F>(make_device<Device>(context), model, batch, extra, out);
    });
  }

 private:
  Attributes attributes_;
};

absl::Status infer(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 2, 1, 2, 1, 1, 1, 0, 0, 1, 0, 0, 0, 4, 3}));
  tf::shape_inference::DimensionHandle natoms, nframes, frames;
  TF_RETURN_IF_ERROR(context->Merge(context->Dim(context->input(0), 0), context->Dim(context->input(1), 0), &natoms));
  TF_RETURN_IF_ERROR(context->Subtract(context->Dim(context->input(2), 0), 1, &frames));
  TF_RETURN_IF_ERROR(context->Merge(frames, context->Dim(context->input(4), 0), &nframes));
  context->set_output(0, context->Vector(natoms));
  context->set_output(1, context->Matrix(natoms, 3));
  context->set_output(2, context->Matrix(nframes, 9));
  context->set_output(3, context->Matrix(natoms, 9));
  context->set_output(4, context->Vector(context->Dim(context->input(6), 0)));
  return absl::Status();
}

}  // namespace

REGISTER_OP("EvaluateModel")
    .Attr("T: {float, double}")
    .Attr("F: {float, double}")
    .Attr("NN: int >= 1")
    .Attr("N: int >= 0")
    .Attr("NI: int >= 1")
    .Attr("one_side: bool")
    .Attr("exclude_types: list(int)")
    .Attr("axis_neuron: int >= 1")
    .Attr("activation: string")
    .Input("coord: double")
    .Input("type: int32")
    .Input("frame_splits: int32")
    .Input("box: double")
    .Input("periodic: bool")
    .Input("extra: F")
    .Input("avg: double")
    .Input("std_radial: double")
    .Input("std_angular: double")
    .Input("rcut: double")
    .Input("rcut_smth: double")
    .Input("sel: int32")
    .Input("lowest: double")
    .Input("unit: double")
    .Input("per_octave: int32")
    .Input("table: T")
    .Input("empty: T")
    .Input("first_matrix: NN * F")
    .Input("extra_matrix: NN * F")
    .Input("first_bias: F")
    .Input("matrices: N * F")
    .Input("biases: N * F")
    .Input("idts: NI * F")
    .Input("final_matrix: NN * F")
    .Input("atom_bias: double")
    .Output("atom_energy: double")
    .Output("force: double")
    .Output("virial: double")
    .Output("atom_virial: double")
    .Output("max_neighbors: int32")
    .SetShapeFn(infer)
    .Doc("Energies, forces and virials of a batch of frames by a whole model whose embedding is tabulated.");

// The tables and weights are on the device, what the host has to know of the model and of the frames is not.
#define DEEPMD_KERNELS(TD, TF)                      \
  DEEPMD_REGISTER(Name("EvaluateModel")             \
                      .TypeConstraint<TD>("T")      \
                      .TypeConstraint<TF>("F")      \
                      .HostMemory("frame_splits")   \
                      .HostMemory("box")            \
                      .HostMemory("periodic")       \
                      .HostMemory("avg")            \
                      .HostMemory("std_radial")     \
                      .HostMemory("std_angular")    \
                      .HostMemory("rcut")           \
                      .HostMemory("rcut_smth")      \
                      .HostMemory("sel")            \
                      .HostMemory("lowest")         \
                      .HostMemory("unit")           \
                      .HostMemory("per_octave")     \
                      .HostMemory("atom_bias")      \
                      .HostMemory("max_neighbors"), \
                  EvaluateModel<Device, TD, TF>)
DEEPMD_KERNELS(float, float)
DEEPMD_KERNELS(float, double)
DEEPMD_KERNELS(double, float)
DEEPMD_KERNELS(double, double)

}  // namespace deepmd::op
