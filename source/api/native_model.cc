#include "native_model.h"

#include <utility>

#include "deepmd/error.h"
#include "model_inputs.h"
#include "thread_pool.h"
#include "wire.h"

namespace deepmd {
namespace {

/// Standardization of frame and atomic parameters: (value - mean) / std, frame parameters first.
struct Standard {
  std::vector<double> mean, inverse_std;
  int numb_fparam = 0, numb_aparam = 0;

  Standard(const GraphFile& graph, const GraphFacts& facts)
      : numb_fparam(facts.numb_fparam), numb_aparam(facts.numb_aparam) {
    append(graph, "fparam", numb_fparam);
    append(graph, "aparam", numb_aparam);
  }

  void append(const GraphFile& graph, const std::string& name, int width) {
    if (width == 0) return;
    for (const auto& [part, to] : {std::pair{"avg", &mean}, std::pair{"istd", &inverse_std}}) {
      const std::string constant = "fitting_attr/t_" + name + "_" + part;
      const GraphNode* node = graph.find(constant);
      if (node == nullptr) graph.fail("the constant " + constant + " is missing");
      const Tensor tensor = graph.constant(*node);
      const auto* values = std::get_if<Buffer<double>>(&tensor.values);
      if (values == nullptr || int(values->size()) != width) {
        graph.fail("the constant " + constant + " does not hold " + std::to_string(width) + " numbers");
      }
      to->insert(to->end(), values->begin(), values->end());
    }
  }

  int width() const { return numb_fparam + numb_aparam; }

  /// Writes the numbers of one center.
  template <typename F>
  void apply(const double* fparam, const double* aparam, F* out) const {
    for (int k = 0; k < width(); ++k) {
      const double value = k < numb_fparam ? fparam[k] : aparam[k - numb_fparam];
      out[k] = F((value - mean[k]) * inverse_std[k]);
    }
  }
};

template <typename T, typename F>
class NativeModel : public Backend {
 public:
  NativeModel(ModelInputs& inputs, const GraphFacts& facts, int threads)
      : standard_(inputs.graph(), facts),
        model_(read_model<T, F>(inputs, inputs.attributes())),
        tensors_(inputs.take_tensors()),
        pool_(threads),
        device_(pool_.device()) {
    const auto check = [&inputs](const char* name, const char* items, int64_t expected, int64_t got) {
      if (got == expected) return;
      inputs.fail(std::string(name) + ": expected " + std::to_string(expected) + items + ", got " +
                  std::to_string(got));
    };
    check("avg", " types as in model_attr/tmap", facts.ntypes(), model_.model.descriptor.codes.ntypes);
    check("extra_matrix", " rows for frame and atomic parameters", standard_.width(), model_.model.fitting[0].nextra);
  }

  void evaluate(const FrameBatch& batch, const Parameters& parameters, const Evaluation& out) override {
    const int64_t natoms = batch.frame_splits[batch.nframes];
    extra_.resize(size_t(natoms * standard_.width()));
    for (int f = 0; f < batch.nframes; ++f) {
      set_extra(parameters, f, batch.frame_splits[f], batch.frame_splits[f + 1]);
    }
    deepmd::evaluate<T, F>(device_, model_.model, batch, extra_.data(), out);
  }

  void evaluate(const NeighborList& list, const Parameters& parameters, const Evaluation& out) override {
    extra_.resize(size_t(list.nloc * standard_.width()));
    set_extra(parameters, 0, 0, list.nloc);
    deepmd::evaluate<T, F>(device_, model_.model, list, extra_.data(), out);
  }

  bool counts_all_neighbors() const override { return true; }

 private:
  void set_extra(const Parameters& parameters, int64_t frame, int64_t begin, int64_t end) {
    if (standard_.width() == 0) return;
    for (int64_t i = begin; i < end; ++i) {
      standard_.apply(parameters.fparam + frame * standard_.numb_fparam, parameters.aparam + i * standard_.numb_aparam,
                      extra_.data() + i * standard_.width());
    }
  }

  Standard standard_;
  ReadModel<T, F> model_;
  std::deque<Tensor> tensors_;  // to which the model points
  ThreadPool pool_;
  CpuDevice device_;
  std::vector<F> extra_;
};

/// The reason why the outputs of the graph are not those of the operation; empty if they are.
std::string difference(const GraphFile& graph, const GraphNode& node) {
  constexpr const char* kOutputs[] = {"o_atom_energy", "o_force", nullptr, "o_atom_virial"};
  for (int k = 0; k < 4; ++k) {
    if (kOutputs[k] == nullptr) continue;
    const GraphNode* output = graph.find(kOutputs[k]);
    if (output == nullptr) return std::string("the output ") + kOutputs[k] + " is missing";
    const GraphOutput source = graph.source(output->name, true);
    if (source.node != &node || source.index != k) {
      return std::string("the graph computes ") + kOutputs[k] + " from more than the operation EvaluateModel";
    }
  }
  return "";
}

}  // namespace

std::unique_ptr<Backend> read_native_model(const GraphFile& graph, const GraphFacts& facts, int threads,
                                           std::string* why_not) {
  const GraphNode* node = nullptr;
  for (const GraphNode& each : graph.nodes()) {
    if (each.op != "EvaluateModel") continue;
    if (node != nullptr)
      graph.fail("expected one operation EvaluateModel, got " + printable(node->name) + " and " + printable(each.name));
    node = &each;
  }
  if (node == nullptr) {
    *why_not = "it holds no operation EvaluateModel";
    return nullptr;
  }
  *why_not = difference(graph, *node);
  if (!why_not->empty()) return nullptr;
  ModelInputs inputs(graph, *node);
  for (const std::string& name : inputs.not_constant()) {
    *why_not += (why_not->empty() ? "inputs of EvaluateModel are not constants, so freeze it again: " : ", ") + name;
  }
  if (!why_not->empty()) return nullptr;
  const auto is_float = [&](const char* attribute) {
    return graph.integer(*node, attribute) == int64_t(DataType::kFloat);
  };
  return with_precisions(is_float("T"), is_float("F"), [&](auto t, auto f) -> std::unique_ptr<Backend> {
    return std::make_unique<NativeModel<decltype(t), decltype(f)>>(inputs, facts, threads);
  });
}

}  // namespace deepmd
