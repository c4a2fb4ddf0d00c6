// EvaluateModel: energies, forces and virials of a batch by a whole model, some centers at a time.
#include "deepmd/evaluate.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common.h"
#include "deepmd/model_reader.h"
#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

const tf::Tensor& get(tf::OpKernelContext* context, const char* name) {
  const tf::Tensor* tensor = nullptr;
  const absl::Status status = context->input(name, &tensor);
  if (!status.ok()) throw InputError(std::string(status.message()));
  return *tensor;
}

/// The inputs of the op as a source of a model (see model_reader.h). TensorFlow has checked their types.
class InputSource {
 public:
  explicit InputSource(tf::OpKernelContext* context) : context_(context) {}

  size_t count(const char* name) const { return model_input(name).is_list() ? size_t(list(name).size()) : 1; }

  std::vector<int64_t> shape(const char* name, size_t index) const { return shape_of(tensor(name, index)); }

  template <typename V>
  const V* data(const char* name, size_t index) const {
    return tensor(name, index).flat<V>().data();
  }

  [[noreturn]] void fail(const std::string& message) const { throw InputError(message); }

 private:
  tf::OpInputList list(const char* name) const {
    tf::OpInputList result;
    const absl::Status status = context_->input_list(name, &result);
    if (!status.ok()) fail(std::string(status.message()));
    return result;
  }

  const tf::Tensor& tensor(const char* name, size_t index) const {
    return model_input(name).is_list() ? list(name)[int(index)] : get(context_, name);
  }

  tf::OpKernelContext* context_;
};

absl::Status read_attributes(tf::OpKernelConstruction* context, ModelAttributes* attributes) {
  int axis_neuron = 0;
  TF_RETURN_IF_ERROR(context->GetAttr("one_side", &attributes->one_side));
  TF_RETURN_IF_ERROR(context->GetAttr("exclude_types", &attributes->exclude_types));
  TF_RETURN_IF_ERROR(context->GetAttr("axis_neuron", &axis_neuron));
  TF_RETURN_IF_ERROR(context->GetAttr("activation", &attributes->activation));
  attributes->axis_neuron = axis_neuron;
  return absl::Status();
}

template <typename Device, typename T, typename F>
class EvaluateModel : public tf::OpKernel {
 public:
  explicit EvaluateModel(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_attributes(context, &attributes_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      InputSource source(context);
      const ReadModel<T, F> read = read_model<T, F>(source, attributes_);
      const TabulatedModel<T, F>& model = read.model;
      const int ntypes = model.descriptor.codes.ntypes;
      const FrameBatch batch = read_batch(context, ntypes);
      const int64_t natoms = batch.frame_splits[batch.nframes];
      const tf::Tensor& extra = get(context, "extra");
      check_shape("extra", extra, {natoms, model.fitting[0].nextra});
      Evaluation out{};
      out.atom_energy = make<double>(context, 0, {natoms});
      out.force = make<double>(context, 1, {natoms, 3});
      out.virial = make<double>(context, 2, {batch.nframes, 9});
      out.atom_virial = make<double>(context, 3, {natoms, 9});
      out.max_neighbors = make<int>(context, 4, {ntypes});
      evaluate<T, F>(make_device<Device>(context), model, batch, extra.flat<F>().data(), out);
    });
  }

 private:
  ModelAttributes attributes_;
};

absl::Status infer(tf::shape_inference::InferenceContext* context) {
  // Frames and then avg, whose length is the number of types; the kernel checks the other inputs.
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 2, 1, 2, 1}));
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

#define DEEPMD_NUMBER_ONE
#define DEEPMD_NUMBER_NN "NN * "
#define DEEPMD_NUMBER_N "N * "
#define DEEPMD_NUMBER_NI "NI * "
#define DEEPMD_INPUT(NAME, TYPE, NUMBER, MEMORY, SOURCE) .Input(#NAME ": " DEEPMD_NUMBER_##NUMBER #TYPE)

REGISTER_OP("EvaluateModel")
    .Attr("T: {float, double}")
    .Attr("F: {float, double}")
    .Attr("NN: int >= 1")
    .Attr("N: int >= 0")
    .Attr("NI: int >= 1")
    .Attr("one_side: bool")
    .Attr("exclude_types: list(int)")
    .Attr("axis_neuron: int >= 1")
    .Attr("activation: string") DEEPMD_MODEL_INPUTS(DEEPMD_INPUT)
    .Output("atom_energy: double")
    .Output("force: double")
    .Output("virial: double")
    .Output("atom_virial: double")
    .Output("max_neighbors: int32")
    .SetShapeFn(infer)
    .Doc("Energies, forces and virials of a batch of frames by a whole model whose embedding is tabulated.");

#define DEEPMD_MEMORY_HOST(NAME) .HostMemory(#NAME)
#define DEEPMD_MEMORY_DEVICE(NAME)
#define DEEPMD_MEMORY(NAME, TYPE, NUMBER, MEMORY, SOURCE) DEEPMD_MEMORY_##MEMORY(NAME)

#define DEEPMD_KERNELS(TD, TF)                                                         \
  DEEPMD_REGISTER(Name("EvaluateModel")                                                \
                      .TypeConstraint<TD>("T")                                         \
                      .TypeConstraint<TF>("F")                                         \
                      .HostMemory("max_neighbors") DEEPMD_MODEL_INPUTS(DEEPMD_MEMORY), \
                  EvaluateModel<Device, TD, TF>)
DEEPMD_KERNELS(float, float)
DEEPMD_KERNELS(float, double)
DEEPMD_KERNELS(double, float)
DEEPMD_KERNELS(double, double)

}  // namespace deepmd::op
