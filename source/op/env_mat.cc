// ProdEnvMatA and ProdEnvMatR: neighbour search and environment matrix of a batch of frames, whole rows or their radial
// column.
#include "deepmd/env_mat.h"

#include <algorithm>
#include <vector>

#include "common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

/// What the attributes are called.
template <int kColumns>
constexpr const char* kSel = kColumns == kFullRow ? "sel_a" : "sel";
template <int kColumns>
constexpr const char* kRcut = kColumns == kFullRow ? "rcut_r" : "rcut";
template <int kColumns>
constexpr const char* kRcutSmth = kColumns == kFullRow ? "rcut_r_smth" : "rcut_smth";

template <int kColumns>
absl::Status infer_shapes(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle coord, type, box, natoms, mesh, table;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 2, &coord));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 2, &type));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 1, &natoms));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(3), 2, &box));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(4), 1, &mesh));
  std::vector<int> sel;
  int nnei = 0;
  TF_RETURN_IF_ERROR(read_sel(context, kSel<kColumns>, &sel, &nnei));
  const int64_t width = int64_t(nnei) * kColumns;
  const tf::shape_inference::ShapeHandle expected = context->Matrix(int64_t(sel.size()), width);
  TF_RETURN_IF_ERROR(context->Merge(context->input(5), expected, &table));
  TF_RETURN_IF_ERROR(context->Merge(context->input(6), expected, &table));
  tf::shape_inference::DimensionHandle frames;
  TF_RETURN_IF_ERROR(context->Merge(context->Dim(coord, 0), context->Dim(type, 0), &frames));
  const int64_t widths[4] = {width, width * 3, int64_t(nnei) * 3, nnei};
  for (int k = 0; k < 4; ++k) context->set_output(k, context->Matrix(frames, natoms_dim(context, 2, 0, widths[k])));
  if (context->num_outputs() == 5) context->set_output(4, context->Vector(int64_t(sel.size())));
  return absl::Status();
}

template <typename T, int kColumns, bool kCounted>
class ProdEnvMat : public tf::OpKernel {
 public:
  explicit ProdEnvMat(tf::OpKernelConstruction* context) : OpKernel(context) {
    float rcut = 0, rcut_smth = 0;
    OP_REQUIRES_OK(context, context->GetAttr(kRcut<kColumns>, &rcut));
    OP_REQUIRES_OK(context, context->GetAttr(kRcutSmth<kColumns>, &rcut_smth));
    OP_REQUIRES_OK(context, read_sel(context, kSel<kColumns>, &sel_, &nnei_));
    if constexpr (kColumns == kFullRow) {
      std::vector<int> sel_r;
      OP_REQUIRES_OK(context, context->GetAttr("sel_r", &sel_r));
      for (const int count : sel_r) {
        OP_REQUIRES(context, count == 0, invalid("sel_r: expected zeros, got " + std::to_string(count)));
      }
    }
    cutoff_ = {rcut_smth, rcut};
    try {
      check_cutoff(cutoff_);
    } catch (const InputError& error) {
      context->CtxFailure(invalid(error.what()));
    }
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] { compute(context); });
  }

 private:
  static absl::Status invalid(const std::string& message) {
    return absl::Status(absl::StatusCode::kInvalidArgument, message);
  }

  void compute(tf::OpKernelContext* context) {
    const tf::Tensor &coord = context->input(0), &type = context->input(1), &box = context->input(3);
    const Sizes sizes = read_natoms(context->input(2));
    const Boundary boundary = read_mesh(context->input(4));
    check_inputs(context, sizes, boundary);
    const int64_t nframes = coord.dim_size(0);
    const std::vector<double> positions = to_double(coord);
    const Atoms atoms{int(nframes), sizes.nloc, sizes.nall, positions.data(), type.flat<int>().data()};
    check_types(atoms, sizes.ntypes);

    const CpuDevice device = make_device<CpuDevice>(context);
    Neighbors neighbors;
    if (boundary == Boundary::kPeriodic) {
      const std::vector<double> cells = to_double(box);
      neighbors = periodic_neighbors(device, atoms, {cells.data(), {true, true, true}}, cutoff_.rcut);
    } else {
      neighbors = open_neighbors(device, atoms, cutoff_.rcut);
    }

    const int64_t slots = int64_t(sizes.nloc) * nnei_;
    const EnvMat<T> out{allocate(context, 0, {nframes, slots * kColumns})->template flat<T>().data(),
                        allocate(context, 1, {nframes, slots * kColumns * 3})->template flat<T>().data(),
                        allocate(context, 2, {nframes, slots * 3})->template flat<T>().data(),
                        allocate(context, 3, {nframes, slots})->template flat<int>().data()};
    env_mat<T, kColumns>(device, atoms, neighbors,
                         {cutoff_, sel_, context->input(5).flat<T>().data(), context->input(6).flat<T>().data()}, out);
    if constexpr (kCounted) {
      const std::vector<int> most = max_neighbors(atoms, neighbors, sizes.ntypes);
      std::copy(most.begin(), most.end(), allocate(context, 4, {sizes.ntypes})->template flat<int>().data());
    }
  }

  void check_inputs(tf::OpKernelContext* context, const Sizes& sizes, Boundary boundary) const {
    const int64_t ntypes = sel_.size();
    if (sizes.ntypes != ntypes) {
      throw InputError("natoms: expected " + std::to_string(ntypes + 2) + " numbers for the " + std::to_string(ntypes) +
                       " types of " + kSel<kColumns> + ", got " + std::to_string(sizes.ntypes + 2));
    }
    const int64_t nframes = context->input(0).dims() > 0 ? context->input(0).dim_size(0) : -1;
    check_shape("coord", context->input(0), {nframes, int64_t(sizes.nall) * 3});
    check_shape("type", context->input(1), {nframes, sizes.nall});
    if (boundary == Boundary::kPeriodic) check_shape("box", context->input(3), {nframes, 9});
    check_shape("davg", context->input(5), {ntypes, int64_t(nnei_) * kColumns});
    check_shape("dstd", context->input(6), {ntypes, int64_t(nnei_) * kColumns});
  }

  static std::vector<double> to_double(const tf::Tensor& tensor) {
    const auto values = tensor.flat<T>();
    return std::vector<double>(values.data(), values.data() + values.size());
  }

  std::vector<int> sel_;
  int nnei_ = 0;
  Cutoff cutoff_{};
};

}  // namespace

#define DEEPMD_ENV_MAT_OP(NAME)               \
  REGISTER_OP(NAME)                           \
      .Attr("T: {float, double} = DT_DOUBLE") \
      .Input("coord: T")                      \
      .Input("type: int32")                   \
      .Input("natoms: int32")                 \
      .Input("box: T")                        \
      .Input("mesh: int32")                   \
      .Input("davg: T")                       \
      .Input("dstd: T")                       \
      .Output("descrpt: T")                   \
      .Output("descrpt_deriv: T")             \
      .Output("rij: T")                       \
      .Output("nlist: int32")

#define DEEPMD_ENV_MAT_A(NAME)    \
  DEEPMD_ENV_MAT_OP(NAME)         \
      .Attr("rcut_a: float")      \
      .Attr("rcut_r: float")      \
      .Attr("rcut_r_smth: float") \
      .Attr("sel_a: list(int)")   \
      .Attr("sel_r: list(int)")   \
      .SetShapeFn(infer_shapes<kFullRow>)
#define DEEPMD_ENV_MAT_R(NAME)  \
  DEEPMD_ENV_MAT_OP(NAME)       \
      .Attr("rcut: float")      \
      .Attr("rcut_smth: float") \
      .Attr("sel: list(int)")   \
      .SetShapeFn(infer_shapes<kRadialRow>)

DEEPMD_ENV_MAT_A("ProdEnvMatA").Doc(R"doc(
The environment matrix of the nearest sel_a[t] neighbours of each type t of each centre, in padded form.
)doc");
DEEPMD_ENV_MAT_R("ProdEnvMatR").Doc("The radial column of ProdEnvMatA alone.");

constexpr const char* kCountedDoc = R"doc(
The op without Counted in its name; max_neighbors [ntypes] is the largest number of neighbours of each type that any
centre has, in sel or not.
)doc";
DEEPMD_ENV_MAT_A("ProdEnvMatACounted").Output("max_neighbors: int32").Doc(kCountedDoc);
DEEPMD_ENV_MAT_R("ProdEnvMatRCounted").Output("max_neighbors: int32").Doc(kCountedDoc);

#define DEEPMD_ENV_MAT_KERNEL(NAME, T, COLUMNS, COUNTED) \
  DEEPMD_REGISTER_CPU(Name(NAME).TypeConstraint<T>("T"), ProdEnvMat<T, COLUMNS, COUNTED>)
#define DEEPMD_ENV_MAT_KERNELS(T)                                \
  DEEPMD_ENV_MAT_KERNEL("ProdEnvMatA", T, kFullRow, false)       \
  DEEPMD_ENV_MAT_KERNEL("ProdEnvMatR", T, kRadialRow, false)     \
  DEEPMD_ENV_MAT_KERNEL("ProdEnvMatACounted", T, kFullRow, true) \
  DEEPMD_ENV_MAT_KERNEL("ProdEnvMatRCounted", T, kRadialRow, true)
DEEPMD_ENV_MAT_KERNELS(float)
DEEPMD_ENV_MAT_KERNELS(double)

}  // namespace deepmd::op
