#pragma once

#include <string>

#include "common.h"

namespace deepmd::op {

/// An op on the slots of an environment (see deepmd/env_mat.h). Ops on whole rows read the number of slots of a center
/// from the attributes n_a_sel and n_r_sel; ops on the radial column derive it from the shape of nlist.
template <typename Device, int kColumns>
class SlotOp : public tensorflow::OpKernel {
 public:
  explicit SlotOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    if constexpr (kColumns == kFullRow) {
      int n_r_sel = 0;
      OP_REQUIRES_OK(context, context->GetAttr("n_a_sel", &nnei_));
      OP_REQUIRES_OK(context, context->GetAttr("n_r_sel", &n_r_sel));
      OP_REQUIRES(context, nnei_ >= 0 && n_r_sel == 0,
                  absl::Status(absl::StatusCode::kInvalidArgument,
                               "n_a_sel: expected the number of slots, n_r_sel: expected 0; got " +
                                   std::to_string(nnei_) + " and " + std::to_string(n_r_sel)));
    }
  }

 protected:
  /// The sizes of a batch from nlist [nframes, nloc * nnei], which is checked.
  SlotShape read_slots(const tensorflow::Tensor& nlist, const tensorflow::Tensor& natoms) const {
    const Sizes sizes = read_natoms(natoms);
    check_shape("nlist", nlist, {-1, kColumns == kFullRow ? int64_t(sizes.nloc) * nnei_ : -1});
    int nnei = nnei_;
    if constexpr (kColumns == kRadialRow) {
      const int64_t slots = nlist.dim_size(1);
      nnei = sizes.nloc > 0 ? int(slots / sizes.nloc) : 0;
      if (int64_t(nnei) * sizes.nloc != slots) {
        throw InputError("nlist: expected the same number of slots for each of " + std::to_string(sizes.nloc) +
                         " centers, got " + std::to_string(slots) + " slots");
      }
    }
    const SlotShape shape{int(nlist.dim_size(0)), sizes.nloc, sizes.nall, nnei};
    if constexpr (kOnHost<Device>) check_nlist(shape, nlist.flat<int>().data());
    return shape;
  }

 private:
  int nnei_ = 0;
};

/// A tensor [nframes, nloc * nnei * width] of numbers for each slot, checked.
template <typename T>
const T* read_slot_values(const char* name, const tensorflow::Tensor& tensor, const SlotShape& shape, int width) {
  check_shape(name, tensor, {shape.nframes, int64_t(shape.nloc) * shape.nnei * width});
  return tensor.flat<T>().data();
}

/// A tensor [nframes, nall * width] of numbers for each atom, checked.
template <typename T>
const T* read_atom_values(const char* name, const tensorflow::Tensor& tensor, const SlotShape& shape, int width) {
  check_shape(name, tensor, {shape.nframes, int64_t(shape.nall) * width});
  return tensor.flat<T>().data();
}

/// Returns InvalidArgument unless the inputs are matrices, the last of them nlist, and then natoms.
inline absl::Status check_slot_ranks(tensorflow::shape_inference::InferenceContext* context, int matrices) {
  tensorflow::shape_inference::ShapeHandle shape;
  for (int k = 0; k < matrices; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  return context->WithRank(context->input(matrices), 1, &shape);
}

/// Sets the shape of an output with `columns` numbers for each slot of nlist.
inline absl::Status set_slots_shape(tensorflow::shape_inference::InferenceContext* context, int nlist_input,
                                    int columns) {
  tensorflow::shape_inference::ShapeHandle nlist;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(nlist_input), 2, &nlist));
  tensorflow::shape_inference::DimensionHandle width;
  TF_RETURN_IF_ERROR(context->Multiply(context->Dim(nlist, 1), columns, &width));
  context->set_output(0, context->Matrix(context->Dim(nlist, 0), width));
  return absl::Status();
}

}  // namespace deepmd::op
