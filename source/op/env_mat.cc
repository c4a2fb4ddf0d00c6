// ProdEnvMatA and ProdEnvMatR: neighbor search and environment matrix of a batch of frames, whole rows or their radial
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

template <typename Device, typename T, int kColumns, bool kCounted>
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
    const tf::Tensor &coord = context->input(0), &box = context->input(3);
    const Sizes sizes = read_natoms(context->input(2));
    const Boundary boundary = read_mesh(context->input(4));
    check_inputs(context, sizes, boundary);
    const std::vector<double> vectors =
        boundary == Boundary::kPeriodic ? to_double(box.flat<T>()) : std::vector<double>();
    const Cells cells{vectors.data(), {true, true, true}};
    const Atoms atoms{int(coord.dim_size(0)), sizes.nloc, sizes.nall, nullptr, context->input(1).flat<int>().data()};
    const auto max_neighbors = fill(context, make_device<Device>(context), atoms,
                                    boundary == Boundary::kPeriodic ? &cells : nullptr, sizes.ntypes);
    if constexpr (kCounted) {
      std::copy(max_neighbors.begin(), max_neighbors.end(),
                allocate(context, 4, {sizes.ntypes})->template flat<int>().data());
    }
  }

  /// Searches, with cells unless they are null, and fills the outputs; returns the largest numbers of neighbors.
  std::vector<int> fill(tf::OpKernelContext* context, const CpuDevice& device, Atoms atoms, const Cells* cells,
                        int ntypes) const {
    const std::vector<double> coord = to_double(context->input(0).flat<T>());
    atoms.coord = coord.data();
    check_types(atoms, ntypes);
    const Neighbors neighbors = cells != nullptr ? periodic_neighbors(device, atoms, *cells, cutoff_.rcut)
                                                 : open_neighbors(device, atoms, cutoff_.rcut);
    env_mat<T, kColumns>(device, atoms, neighbors, spec(context), outputs(context, atoms));
    return kCounted ? max_neighbors(atoms, neighbors, ntypes) : std::vector<int>();
  }

  std::vector<int> fill(tf::OpKernelContext* context, const GpuDevice& device, Atoms atoms, const Cells* cells,
                        int ntypes) const {
    atoms.coord = on_device(device, context->input(0).flat<T>().size(), context->input(0).flat<T>().data());
    std::vector<int> max_neighbors;
    const DeviceNeighbors neighbors =
        cells != nullptr ? periodic_neighbors(device, atoms, *cells, cutoff_.rcut, ntypes, max_neighbors)
                         : open_neighbors(device, atoms, cutoff_.rcut, ntypes, max_neighbors);
    env_mat<T, kColumns>(device, atoms, neighbors, spec(context), outputs(context, atoms));
    return max_neighbors;
  }

  static const double* on_device(const GpuDevice&, int64_t, const double* values) { return values; }
  static const double* on_device(const GpuDevice& device, int64_t n, const float* values) {
    double* wide = device.allocate<double>(n);
    widen(device, n, values, wide);
    return wide;
  }

  EnvMatSpec<T> spec(tf::OpKernelContext* context) const {
    return {cutoff_, sel_, context->input(5).flat<T>().data(), context->input(6).flat<T>().data()};
  }

  EnvMat<T> outputs(tf::OpKernelContext* context, const Atoms& atoms) const {
    const int64_t nframes = atoms.nframes, slots = int64_t(atoms.nloc) * nnei_;
    return {allocate(context, 0, {nframes, slots * kColumns})->template flat<T>().data(),
            allocate(context, 1, {nframes, slots * kColumns * 3})->template flat<T>().data(),
            allocate(context, 2, {nframes, slots * 3})->template flat<T>().data(),
            allocate(context, 3, {nframes, slots})->template flat<int>().data()};
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

  template <typename Values>
  static std::vector<double> to_double(const Values& values) {
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
The environment matrix of the nearest sel_a[t] neighbors of each type t of each center, in padded form.
)doc");
DEEPMD_ENV_MAT_R("ProdEnvMatR").Doc("The radial column of ProdEnvMatA alone.");

constexpr const char* kCountedDoc = R"doc(
The op without Counted in its name; max_neighbors [ntypes] is the largest number of neighbors of each type that any
center has, in sel or not.
)doc";
DEEPMD_ENV_MAT_A("ProdEnvMatACounted").Output("max_neighbors: int32").Doc(kCountedDoc);
DEEPMD_ENV_MAT_R("ProdEnvMatRCounted").Output("max_neighbors: int32").Doc(kCountedDoc);

#define DEEPMD_ENV_MAT_BUILDER(NAME, T) \
  Name(NAME).TypeConstraint<T>("T").HostMemory("natoms").HostMemory("box").HostMemory("mesh")
#define DEEPMD_ENV_MAT_KERNELS(LETTER, COLUMNS, T)                                                       \
  DEEPMD_REGISTER(DEEPMD_ENV_MAT_BUILDER("ProdEnvMat" LETTER, T), ProdEnvMat<Device, T, COLUMNS, false>) \
  DEEPMD_REGISTER(DEEPMD_ENV_MAT_BUILDER("ProdEnvMat" LETTER "Counted", T).HostMemory("max_neighbors"),  \
                  ProdEnvMat<Device, T, COLUMNS, true>)
DEEPMD_ENV_MAT_KERNELS("A", kFullRow, float)
DEEPMD_ENV_MAT_KERNELS("A", kFullRow, double)
DEEPMD_ENV_MAT_KERNELS("R", kRadialRow, float)
DEEPMD_ENV_MAT_KERNELS("R", kRadialRow, double)

}  // namespace deepmd::op
