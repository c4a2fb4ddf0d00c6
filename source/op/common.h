#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/error.h"
#include "deepmd/slots.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace deepmd::op {

/// TensorFlow's own thread pool as the device of a kernel.
CpuDevice make_device(tensorflow::OpKernelContext* context);

/// Throws InputError unless the tensor has this shape; -1 stands for any length.
void check_shape(const char* name, const tensorflow::Tensor& tensor, std::initializer_list<int64_t> expected);

/// Throws InputError unless the tensor is the int64 splits of rows of compressed storage: from 0, never falling, to
/// `end`.
void check_splits(const char* name, const tensorflow::Tensor& splits, int64_t end);

/// What natoms [ntypes + 2] says: nloc, nall, then the number of atoms of each type.
struct Sizes {
  int nloc;
  int nall;
  int ntypes;
};
Sizes read_natoms(const tensorflow::Tensor& natoms);

/// What the length of `mesh` stands for in graphs of this format.
enum class Boundary { kOpen, kPeriodic };
Boundary read_mesh(const tensorflow::Tensor& mesh);

/// The attribute `name` as slots per neighbour type, or InvalidArgument; nnei is their sum. `Context` is one of an op's
/// construction or of shape inference.
absl::Status check_sel(const char* name, const std::vector<int>& sel, int* nnei);
template <typename Context>
absl::Status read_sel(Context* context, const char* name, std::vector<int>* sel, int* nnei) {
  TF_RETURN_IF_ERROR(context->GetAttr(name, sel));
  return check_sel(name, *sel, nnei);
}

/// Runs the body of an op; an InputError becomes InvalidArgument.
template <typename Body>
void run(tensorflow::OpKernelContext* context, const Body& body) {
  try {
    body();
  } catch (const InputError& error) {
    context->CtxFailure(absl::Status(absl::StatusCode::kInvalidArgument, error.what()));
  } catch (const std::bad_alloc&) {
    context->CtxFailure(absl::Status(absl::StatusCode::kResourceExhausted, "out of memory"));
  }
}

/// Allocates an output, or throws InputError where its size is beyond what TensorFlow can hold.
tensorflow::Tensor* allocate(tensorflow::OpKernelContext* context, int index, std::initializer_list<int64_t> shape);

/// A dimension known when natoms is a constant: natoms[index] * factor.
tensorflow::shape_inference::DimensionHandle natoms_dim(tensorflow::shape_inference::InferenceContext* context,
                                                        int natoms_input, int index, int64_t factor);

}  // namespace deepmd::op
