#include "native_model.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "deepmd/contraction.h"
#include "deepmd/error.h"
#include "model_inputs.h"
#include "thread_pool.h"
#include "wire.h"

namespace deepmd {
namespace {

constexpr int64_t kMaxSlots = 1 << 24;
constexpr int64_t kMaxPerOctave = 1 << 16;

/// Which pairs of types interact.
std::unique_ptr<bool[]> read_interacting(const ModelInputs& inputs, int ntypes) {
  std::unique_ptr<bool[]> result(new bool[size_t(ntypes) * ntypes]);
  std::fill_n(result.get(), size_t(ntypes) * ntypes, true);
  const std::vector<int64_t> pairs = inputs.graph().integers(inputs.node(), "exclude_types");
  if (pairs.size() % 2 != 0) inputs.fail("exclude_types: expected pairs of types");
  for (size_t k = 0; k < pairs.size(); k += 2) {
    const int64_t a = pairs[k], b = pairs[k + 1];
    if (a < 0 || a >= ntypes || b < 0 || b >= ntypes) inputs.fail("exclude_types: expected types of the model");
    result[size_t(a * ntypes + b)] = result[size_t(b * ntypes + a)] = false;
  }
  return result;
}

const int* read_sel(ModelInputs& inputs, int ntypes) {
  const int* sel = inputs.values<int32_t>("sel", {ntypes});
  int64_t sum = 0;
  for (int t = 0; t < ntypes; ++t) {
    if (sel[t] < 0) inputs.fail("sel: expected numbers of slots, got " + std::to_string(sel[t]));
    sum += sel[t];
  }
  if (sum < 1 || sum > kMaxSlots) {
    inputs.fail("sel: expected 1 to " + std::to_string(kMaxSlots) + " slots, got " + std::to_string(sum));
  }
  return sel;
}

template <typename T>
TabulatedDescriptor<T> read_descriptor(ModelInputs& inputs, int ntypes, const bool* interacting) {
  TabulatedDescriptor<T> result{};
  const bool one_side = inputs.graph().integer(inputs.node(), "one_side") != 0;
  result.cutoff = {inputs.scalar<double>("rcut_smth"), inputs.scalar<double>("rcut")};
  check_cutoff(result.cutoff);
  result.avg = inputs.values<double>("avg", {ntypes});
  result.std_radial = inputs.values<double>("std_radial", {ntypes});
  result.std_angular = inputs.values<double>("std_angular", {ntypes});
  result.sel = read_sel(inputs, ntypes);
  result.codes = {ntypes, one_side, interacting};
  result.panels = {inputs.scalar<double>("lowest"), inputs.scalar<double>("unit"),
                   inputs.scalar<int32_t>("per_octave")};
  if (result.panels.per_octave < 1 || result.panels.per_octave > kMaxPerOctave) inputs.fail("per_octave: not a count");
  const Tensor& table = inputs.tensor("table");
  result.table = inputs.values<T>("table", table, {one_side ? ntypes : int64_t(ntypes) * ntypes, -1, -1, -1});
  if (table.shape[1] < 1 || table.shape[2] < 2 || table.shape[2] > kMaxTerms || table.shape[3] < 1 ||
      table.shape[0] * table.shape[1] > std::numeric_limits<int32_t>::max()) {
    inputs.fail("table: expected [codes, panels, 2 to " + std::to_string(kMaxTerms) + " terms, columns], got " +
                shape_text(table.shape));
  }
  result.npanels = table.shape[1];
  result.terms = int(table.shape[2]);
  result.columns = table.shape[3];
  result.empty = inputs.values<T>("empty", {ntypes, ntypes, result.columns});
  result.axis = inputs.graph().integer(inputs.node(), "axis_neuron");
  if (result.axis < 1 || result.axis > result.columns) {
    inputs.fail("axis_neuron: expected 1 to " + std::to_string(result.columns) + ", got " +
                std::to_string(result.axis));
  }
  return result;
}

/// A factor of a layer's output, or null for a tensor without entries.
template <typename F>
const F* read_idt(const ModelInputs& inputs, const Tensor& idt, int64_t width) {
  if (idt.shape == std::vector<int64_t>{0}) return nullptr;
  return inputs.values<F>("idts", idt, {width});
}

/// The weights of all fitting nets, net after net.
struct FittingInputs {
  explicit FittingInputs(ModelInputs& inputs)
      : first(inputs.list("first_matrix")),
        extra(inputs.list("extra_matrix")),
        final_matrix(inputs.list("final_matrix")),
        matrices(inputs.list("matrices")),
        biases(inputs.list("biases")),
        idts(inputs.list("idts")) {}

  size_t later() const { return matrices.size() / first.size(); }  ///< layers after the first

  /// Throws InputError unless there is one net for all types or one for each, all of as many layers.
  void check(const ModelInputs& inputs, int ntypes) const {
    const size_t nets = first.size();
    if (nets != 1 && nets != size_t(ntypes)) {
      inputs.fail("first_matrix: expected one net or one for each of " + std::to_string(ntypes) + " types, got " +
                  std::to_string(nets));
    }
    if (matrices.size() % nets != 0 || biases.size() != matrices.size() || idts.size() != matrices.size() + nets) {
      inputs.fail("expected as many biases as matrices, " + std::to_string(matrices.size()) +
                  ", and one more of idts for each of " + std::to_string(nets) + " nets, got " +
                  std::to_string(biases.size()) + " and " + std::to_string(idts.size()));
    }
  }

  std::vector<const Tensor*> first, extra, final_matrix, matrices, biases, idts;
};

/// Net number n, on descriptors of this width.
template <typename F>
FittingNet<F> read_net(ModelInputs& inputs, const FittingInputs& from, size_t n, int ntypes, int64_t width) {
  FittingNet<F> net{};
  net.activation = activation_of(inputs.graph().text(inputs.node(), "activation"));
  const F* first_matrix = inputs.values<F>("first_matrix", *from.first[n], {width, -1});
  const int64_t n1 = from.first[n]->shape[1];
  net.extra_matrix = inputs.values<F>("extra_matrix", *from.extra[n], {-1, n1});
  net.nextra = from.extra[n]->shape[0];
  const size_t later = from.later(), first_idt = n * (later + 1);
  net.layers.push_back({width, n1, first_matrix, inputs.values<F>("first_bias", {ntypes, n1}),
                        read_idt<F>(inputs, *from.idts[first_idt], n1)});
  for (size_t k = 0; k < later; ++k) {
    const Tensor &matrix = *from.matrices[n * later + k], &bias = *from.biases[n * later + k];
    const int64_t n_in = net.layers.back().n_out;
    const F* values = inputs.values<F>("matrices", matrix, {n_in, -1});
    const int64_t n_out = matrix.shape[1];
    net.layers.push_back({n_in, n_out, values, inputs.values<F>("biases", bias, {n_out}),
                          read_idt<F>(inputs, *from.idts[first_idt + 1 + k], n_out)});
  }
  for (const DenseLayer<F>& layer : net.layers) {
    if (layer.n_out < 1) inputs.fail("expected layers of at least one neuron");
  }
  net.final_matrix = inputs.values<F>("final_matrix", *from.final_matrix[n], {net.layers.back().n_out, 1});
  net.atom_bias = inputs.values<double>("atom_bias", {ntypes});
  return net;
}

template <typename F>
std::vector<FittingNet<F>> read_fitting(ModelInputs& inputs, int ntypes, int64_t width, int64_t nextra) {
  const FittingInputs from(inputs);
  from.check(inputs, ntypes);
  std::vector<FittingNet<F>> nets;
  for (size_t n = 0; n < from.first.size(); ++n) {
    nets.push_back(read_net<F>(inputs, from, n, ntypes, width));
    if (nets.back().nextra == nextra) continue;
    inputs.fail("extra_matrix: expected " + std::to_string(nextra) + " rows for frame and atomic parameters, got " +
                std::to_string(nets.back().nextra));
  }
  return nets;
}

/// How frame and atomic parameters enter the net: (value - mean) / std, frame parameters first.
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
      if (node == nullptr) graph.fail("the graph lacks the constant " + constant);
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
      : interacting_(read_interacting(inputs, facts.ntypes())),
        standard_(inputs.graph(), facts),
        pool_(threads),
        device_(pool_.device()) {
    model_.descriptor = read_descriptor<T>(inputs, facts.ntypes(), interacting_.get());
    model_.fitting = read_fitting<F>(inputs, facts.ntypes(), model_.descriptor.width(), standard_.width());
    tensors_ = inputs.take_tensors();
  }

  void evaluate(const FrameBatch& batch, const Parameters& parameters, const Evaluation& out) override {
    const int64_t natoms = batch.frame_splits[batch.nframes];
    extra_.resize(size_t(natoms * standard_.width()));
    for (int f = 0; f < batch.nframes; ++f) {
      set_extra(parameters, f, batch.frame_splits[f], batch.frame_splits[f + 1]);
    }
    deepmd::evaluate<T, F>(device_, model_, batch, extra_.data(), out);
  }

  void evaluate(const NeighborList& list, const Parameters& parameters, const Evaluation& out) override {
    extra_.resize(size_t(list.nloc * standard_.width()));
    set_extra(parameters, 0, 0, list.nloc);
    deepmd::evaluate<T, F>(device_, model_, list, extra_.data(), out);
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

  std::deque<Tensor> tensors_;  // what the model points to
  std::unique_ptr<bool[]> interacting_;
  Standard standard_;
  TabulatedModel<T, F> model_;
  ThreadPool pool_;
  CpuDevice device_;
  std::vector<F> extra_;
};

/// Why the outputs of the graph are not those of the operation; empty when they are.
std::string difference(const GraphFile& graph, const GraphNode& node) {
  constexpr const char* kOutputs[] = {"o_atom_energy", "o_force", nullptr, "o_atom_virial"};
  for (int k = 0; k < 4; ++k) {
    if (kOutputs[k] == nullptr) continue;
    const GraphNode* output = graph.find(kOutputs[k]);
    if (output == nullptr) return std::string("the graph lacks the output ") + kOutputs[k];
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
  const bool float_table = is_float("T"), float_net = is_float("F");
  if (float_table && float_net) return std::make_unique<NativeModel<float, float>>(inputs, facts, threads);
  if (float_table) return std::make_unique<NativeModel<float, double>>(inputs, facts, threads);
  if (float_net) return std::make_unique<NativeModel<double, float>>(inputs, facts, threads);
  return std::make_unique<NativeModel<double, double>>(inputs, facts, threads);
}

}  // namespace deepmd
