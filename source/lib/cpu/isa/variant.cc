// Compiled once for each instruction set, with the compiler flags for it and its name in DEEPMD_VARIANT. The
// definitions must not be shared between instruction sets. They are therefore in an anonymous namespace, and this file
// includes no functions that the linker would merge.
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
// These use vectors.h.
#include "cpu/isa/column_product.h"
#include "cpu/isa/descriptor.h"
#include "cpu/isa/moments.h"
#include "cpu/isa/pairs.h"
// These use moments.h.
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
