// Bytes as a frozen graph: read, and where it is a native model, evaluated on a small frame.
#include "graph_file.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "deepmd/error.h"
#include "native_model.h"

namespace {

constexpr int kAtoms = 4;
constexpr int kMaxTypes = 64;

void evaluate(deepmd::Backend& model, const deepmd::GraphFacts& facts) {
  const double coord[3 * kAtoms] = {0, 0, 0, 1, 0, 0, 0, 1.2, 0, 2.5, 2.5, 2.5}, cell[9] = {5, 0, 0, 0, 5, 0, 0, 0, 5};
  const int splits[2] = {0, kAtoms};
  const bool periodic = true;
  int type[kAtoms];
  for (int i = 0; i < kAtoms; ++i) type[i] = i % facts.ntypes();
  const std::vector<double> fparam(size_t(facts.numb_fparam), 0.5), aparam(size_t(kAtoms * facts.numb_aparam), 0.5);
  std::vector<double> energy(kAtoms), force(3 * kAtoms), virial(9), atom_virial(9 * kAtoms);
  std::vector<int> most(size_t(facts.ntypes()));
  model.evaluate(deepmd::FrameBatch{1, splits, coord, type, cell, &periodic, facts.ntypes()},
                 deepmd::Parameters{fparam.data(), aparam.data()},
                 deepmd::Evaluation{energy.data(), force.data(), virial.data(), atom_virial.data(), most.data()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const deepmd::GraphFile graph("fuzz.pb", std::vector<char>(data, data + size));
    const deepmd::GraphFacts facts(graph);
    std::string why_not;
    const auto model = deepmd::read_native_model(graph, facts, 1, &why_not);
    if (model && facts.ntypes() <= kMaxTypes && facts.cutoff < 10) evaluate(*model, facts);
  } catch (const deepmd::InputError&) {
  }
  return 0;
}
