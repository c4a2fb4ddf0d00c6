#include "graph_session.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>

#include "deepmd/error.h"
#include "tensorflow.h"
#include "wire.h"

namespace deepmd {
namespace {

constexpr const char* kOutputs[] = {"o_atom_energy", "o_force", "o_virial", "o_atom_virial"};
// Ops of the field that find neighbors have each one of ours, of this longer name, that also counts them, a further
// output.
constexpr const char* kSearches[] = {"ProdEnvMatA", "ProdEnvMatR"};
constexpr const char* kCounted = "Counted";
constexpr int kCounts = 4;

/// A status that lives as long as it is looked at.
class Status {
 public:
  explicit Status(const TensorFlow& tf) : tf_(tf), status_(tf.TF_NewStatus()) {}
  ~Status() { tf_.TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  TF_Status* get() const { return status_; }

  /// Throws InputError with the first line of what is wrong, if anything.
  void check(const std::string& path) const {
    if (tf_.TF_GetCode(status_) == 0) return;
    const std::string message = tf_.TF_Message(status_);
    throw InputError(path + ": " + printable(message.substr(0, message.find('\n'))));
  }

 private:
  const TensorFlow& tf_;
  TF_Status* status_;
};

/// Tensors that are deleted together.
class Tensors {
 public:
  explicit Tensors(const TensorFlow& tf) : tf_(tf) {}
  ~Tensors() {
    for (TF_Tensor* tensor : all) {
      if (tensor != nullptr) tf_.TF_DeleteTensor(tensor);
    }
  }
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  template <typename T>
  T* add(int64_t count) {
    const int type = int(std::is_same_v<T, double> ? DataType::kDouble : DataType::kInt32);
    all.push_back(tf_.TF_AllocateTensor(type, &count, 1, sizeof(T) * size_t(count)));
    return static_cast<T*>(tf_.TF_TensorData(all.back()));
  }

  std::vector<TF_Tensor*> all;

 private:
  const TensorFlow& tf_;
};

void append_varint(std::vector<char>& bytes, uint64_t value) {
  for (; value > 127; value >>= 7) bytes.push_back(char(value | 128));
  bytes.push_back(char(value));
}

void append_bytes(std::vector<char>& bytes, int field, std::string_view value) {
  append_varint(bytes, uint64_t(field) << 3 | 2);
  append_varint(bytes, value.size());
  bytes.insert(bytes.end(), value.begin(), value.end());
}

/// The message GraphDef with searches replaced by those that count.
std::vector<char> counting(const GraphFile& graph, std::vector<std::string>* searches) {
  std::vector<char> bytes;
  for (const GraphNode& node : graph.nodes()) {
    if (std::find(std::begin(kSearches), std::end(kSearches), node.op) == std::end(kSearches)) {
      append_bytes(bytes, 1, node.message);
      continue;
    }
    // The last value of a field holds.
    std::vector<char> message(node.message.begin(), node.message.end());
    append_bytes(message, 2, std::string(node.op) + kCounted);
    append_bytes(bytes, 1, {message.data(), message.size()});
    searches->emplace_back(node.name);
  }
  append_bytes(bytes, 4, graph.versions());
  return bytes;
}

/// The order in which a graph takes the atoms: centers by type, ghosts as they are.
struct Order {
  Order(const int* type, int64_t nloc, int64_t nall, int ntypes) : atoms(size_t(nall)), natoms(size_t(ntypes) + 2, 0) {
    std::iota(atoms.begin(), atoms.end(), 0);
    std::stable_sort(atoms.begin(), atoms.begin() + nloc, [type](int a, int b) { return type[a] < type[b]; });
    natoms[0] = int(nloc);
    natoms[1] = int(nall);
    for (int64_t i = 0; i < nloc; ++i) ++natoms[size_t(type[i]) + 2];
  }

  std::vector<int> atoms;   // [nall], the caller's index of each
  std::vector<int> natoms;  // [ntypes + 2], as the graph is told
};

class GraphSession : public Backend {
 public:
  GraphSession(const GraphFile& graph, const GraphFacts& facts, int threads)
      : tf_(TensorFlow::get()), path_(graph.path()), facts_(facts), graph_(tf_.TF_NewGraph()) {
    try {
      import(graph);
      open(threads);
      takes_ghosts_ = std::none_of(graph.nodes().begin(), graph.nodes().end(),
                                   [](const GraphNode& node) { return node.op == "FlatFrames"; });
    } catch (...) {
      close();
      throw;
    }
  }
  ~GraphSession() override { close(); }
  GraphSession(const GraphSession&) = delete;
  GraphSession& operator=(const GraphSession&) = delete;

  bool counts_all_neighbors() const override { return searches_.empty(); }

  void evaluate(const FrameBatch& batch, const Parameters& parameters, const Evaluation& out) override {
    const int64_t natoms = batch.frame_splits[1];
    const bool periodic = batch.nframes > 0 && batch.periodic[0];
    run({batch.nframes, natoms, natoms, batch.coord, batch.type, periodic ? batch.cells : nullptr}, parameters, out);
  }

  void evaluate(const NeighborList& list, const Parameters& parameters, const Evaluation& out) override {
    if (!takes_ghosts_) {
      throw InputError(path_ +
                       ": this native graph is evaluated by TensorFlow and then takes no ghost atoms; freeze it "
                       "with --portable for molecular dynamics in domains");
    }
    run({1, list.nloc, list.nall, list.coord, list.type, nullptr}, parameters, out);
  }

 private:
  struct Atoms {
    int64_t nframes, nloc, nall;
    const double* coord;
    const int* type;
    const double* cells;  // null where nothing repeats
  };

  void import(const GraphFile& graph) {
    const std::vector<char> bytes = counting(graph, &searches_);
    const TF_Buffer buffer{bytes.data(), bytes.size(), nullptr};
    TF_ImportGraphDefOptions* options = tf_.TF_NewImportGraphDefOptions();
    const Status status(tf_);
    tf_.TF_GraphImportGraphDef(graph_, &buffer, options, status.get());
    tf_.TF_DeleteImportGraphDefOptions(options);
    status.check(path_ + ": the graph is inconsistent");
  }

  void open(int threads) {
    // The message ConfigProto: intra_op_parallelism_threads, inter_op_parallelism_threads.
    std::vector<char> config;
    append_varint(config, 2 << 3);
    append_varint(config, uint64_t(threads));
    append_varint(config, 5 << 3);
    append_varint(config, 1);
    TF_SessionOptions* options = tf_.TF_NewSessionOptions();
    const Status status(tf_);
    tf_.TF_SetConfig(options, config.data(), config.size(), status.get());
    if (tf_.TF_GetCode(status.get()) == 0) session_ = tf_.TF_NewSession(graph_, options, status.get());
    tf_.TF_DeleteSessionOptions(options);
    status.check(path_);
  }

  void close() {
    const Status status(tf_);
    if (session_ != nullptr) {
      tf_.TF_CloseSession(session_, status.get());
      tf_.TF_DeleteSession(session_, status.get());
      session_ = nullptr;
    }
    if (graph_ != nullptr) tf_.TF_DeleteGraph(graph_);
    graph_ = nullptr;
  }

  TF_Output output(const std::string& name, int index = 0) const {
    TF_Operation* operation = tf_.TF_GraphOperationByName(graph_, name.c_str());
    if (operation == nullptr) throw InputError(path_ + ": the graph lacks the node " + name);
    return {operation, index};
  }

  void run(const Atoms& atoms, const Parameters& parameters, const Evaluation& out) {
    const Order order(atoms.type, atoms.nloc, atoms.nall, facts_.ntypes());
    std::vector<TF_Output> names;
    Tensors feeds(tf_), results(tf_);
    feed(atoms, order, parameters, names, feeds);
    std::vector<TF_Output> wanted;
    for (const char* name : kOutputs) wanted.push_back(output(name));
    for (const std::string& name : searches_) wanted.push_back(output(name, kCounts));
    results.all.assign(wanted.size(), nullptr);
    const Status status(tf_);
    tf_.TF_SessionRun(session_, nullptr, names.data(), feeds.all.data(), int(names.size()), wanted.data(),
                      results.all.data(), int(wanted.size()), nullptr, 0, nullptr, status.get());
    status.check(path_);
    copy_atoms(results.all[0], order, atoms.nframes, atoms.nloc, 1, out.atom_energy);
    copy_atoms(results.all[1], order, atoms.nframes, atoms.nall, 3, out.force);
    std::copy_n(values<double>(results.all[2], 9 * atoms.nframes), 9 * atoms.nframes, out.virial);
    copy_atoms(results.all[3], order, atoms.nframes, atoms.nall, 9, out.atom_virial);
    std::fill_n(out.max_neighbors, facts_.ntypes(), 0);
    for (size_t k = std::size(kOutputs); k < results.all.size(); ++k) {
      const int* counts = values<int>(results.all[k], facts_.ntypes());
      for (int t = 0; t < facts_.ntypes(); ++t) out.max_neighbors[t] = std::max(out.max_neighbors[t], counts[t]);
    }
  }

  void feed(const Atoms& atoms, const Order& order, const Parameters& parameters, std::vector<TF_Output>& names,
            Tensors& feeds) const {
    double* coord = feeds.add<double>(3 * atoms.nframes * atoms.nall);
    int* type = feeds.add<int>(atoms.nframes * atoms.nall);
    for (int64_t f = 0; f < atoms.nframes; ++f) {
      for (int64_t i = 0; i < atoms.nall; ++i) {
        const int from = order.atoms[size_t(i)];
        std::copy_n(atoms.coord + 3 * (f * atoms.nall + from), 3, coord + 3 * (f * atoms.nall + i));
        type[f * atoms.nall + i] = atoms.type[from];
      }
    }
    std::copy(order.natoms.begin(), order.natoms.end(), feeds.add<int>(int64_t(order.natoms.size())));
    double* box = feeds.add<double>(9 * atoms.nframes);
    for (int64_t k = 0; k < 9 * atoms.nframes; ++k) box[k] = atoms.cells ? atoms.cells[k] : (k % 9 % 4 == 0);
    const int64_t mesh = atoms.cells ? 6 : 0;
    std::fill_n(feeds.add<int>(mesh), mesh, 0);
    for (const char* name : {"t_coord", "t_type", "t_natoms", "t_box", "t_mesh"}) names.push_back(output(name));
    if (facts_.numb_fparam > 0) {
      const int64_t count = atoms.nframes * facts_.numb_fparam;
      std::copy_n(parameters.fparam, count, feeds.add<double>(count));
      names.push_back(output("t_fparam"));
    }
    if (facts_.numb_aparam > 0) {
      const int64_t width = facts_.numb_aparam;
      double* aparam = feeds.add<double>(atoms.nframes * atoms.nloc * width);
      for (int64_t k = 0; k < atoms.nframes * atoms.nloc; ++k) {
        const int64_t from = k / atoms.nloc * atoms.nloc + order.atoms[size_t(k % atoms.nloc)];
        std::copy_n(parameters.aparam + from * width, width, aparam + k * width);
      }
      names.push_back(output("t_aparam"));
    }
  }

  template <typename T>
  const T* values(const TF_Tensor* tensor, int64_t count) const {
    const int type = int(std::is_same_v<T, double> ? DataType::kDouble : DataType::kInt32);
    if (tf_.TF_TensorType(tensor) != type || tf_.TF_TensorByteSize(tensor) != size_t(count) * sizeof(T)) {
      throw InputError(path_ + ": an output of the graph is not of the expected size and type");
    }
    return static_cast<const T*>(tf_.TF_TensorData(tensor));
  }

  /// Puts the rows of the atoms of all frames back into the caller's order.
  void copy_atoms(const TF_Tensor* tensor, const Order& order, int64_t nframes, int64_t count, int64_t width,
                  double* out) const {
    const double* in = values<double>(tensor, nframes * count * width);
    for (int64_t f = 0; f < nframes; ++f) {
      for (int64_t i = 0; i < count; ++i) {
        std::copy_n(in + (f * count + i) * width, width, out + (f * count + order.atoms[size_t(i)]) * width);
      }
    }
  }

  const TensorFlow& tf_;
  std::string path_;
  GraphFacts facts_;
  TF_Graph* graph_;
  TF_Session* session_ = nullptr;
  std::vector<std::string> searches_;  // nodes that count neighbors
  bool takes_ghosts_ = true;
};

}  // namespace

std::unique_ptr<Backend> open_session(const GraphFile& graph, const GraphFacts& facts, int threads) {
  return std::make_unique<GraphSession>(graph, facts, threads);
}

}  // namespace deepmd
