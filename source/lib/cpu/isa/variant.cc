// Compiled once for each instruction set, with DEEPMD_VARIANT its name and the compiler's flags for it. What this file
// defines must not be shared with the others, so it is in an anonymous namespace and includes nothing that the linker
// would merge.
#ifndef DEEPMD_NO_EIGEN
#include <Eigen/Core>
#endif

#include "cpu/isa/loops.h"
#include "math/activation.h"
#include "math/chebyshev.h"

namespace deepmd {
namespace {

#include "cpu/isa/activation.h"
#include "cpu/isa/gemm.h"
#include "cpu/isa/vectors.h"
// They use vectors.
#include "cpu/isa/column_product.h"
#include "cpu/isa/descriptor.h"
#include "cpu/isa/moments.h"
#include "cpu/isa/pairs.h"
// They use moments.
#include "cpu/isa/contraction.h"
#include "cpu/isa/rows_gradient.h"

#define DEEPMD_STRING_OF(x) #x
#define DEEPMD_STRING(x) DEEPMD_STRING_OF(x)

const Loops kLoops = {DEEPMD_STRING(DEEPMD_VARIANT),
                      {forward<float>, to_rows<float>, to_table<float>},
                      {forward<double>, to_rows<double>, to_table<double>},
                      multiply<float>,
                      multiply<double>,
                      activate<float>,
                      activate<double>,
                      {square<float>, square_grad<float>},
                      {square<double>, square_grad<double>},
                      column_product<float>,
                      column_product<double>,
                      {pair_angles, pair_changes, pair_pull, pair_sums, pair_series}};

}  // namespace

const Loops* DEEPMD_VARIANT() { return &kLoops; }

}  // namespace deepmd
