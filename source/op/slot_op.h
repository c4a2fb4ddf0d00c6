#pragma once

#include <string>

#include "common.h"

namespace deepmd::op {

/// An op on the slots of an environment (see deepmd/env_mat.h). How many there are to a center, ops on whole rows are
/// told by the attributes n_a_sel and n_r_sel; ops on the radial column see it from nlist.
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

/// The shape of what has `columns` numbers for each slot of nlist.
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
