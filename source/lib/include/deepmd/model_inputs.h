#pragma once

#include <cstring>
#include <string>

// The inputs of the op EvaluateModel, in order. This list is the only declaration of an input in C++: the op, the
// reader of frozen graphs and the Python module take names, types and memory from it. The shapes are in
// model_reader.h, which reads the inputs.
//
//     X(name, type, number, memory, source)
//
// type: T is the precision of the descriptor, F that of the fitting net. number: ONE tensor, or a list whose length is
// the attribute NN, N or NI. memory: HOST if the processor reads the input also in an evaluation on a GPU, else DEVICE.
// source: FRAMES for the inputs of one evaluation, MODEL for the parameters of the model.
#define DEEPMD_MODEL_INPUTS(X)              \
  X(coord, double, ONE, DEVICE, FRAMES)     \
  X(type, int32, ONE, DEVICE, FRAMES)       \
  X(frame_splits, int32, ONE, HOST, FRAMES) \
  X(box, double, ONE, HOST, FRAMES)         \
  X(periodic, bool, ONE, HOST, FRAMES)      \
  X(extra, F, ONE, DEVICE, FRAMES)          \
  X(avg, double, ONE, HOST, MODEL)          \
  X(std_radial, double, ONE, HOST, MODEL)   \
  X(std_angular, double, ONE, HOST, MODEL)  \
  X(rcut, double, ONE, HOST, MODEL)         \
  X(rcut_smth, double, ONE, HOST, MODEL)    \
  X(sel, int32, ONE, HOST, MODEL)           \
  X(lowest, double, ONE, HOST, MODEL)       \
  X(unit, double, ONE, HOST, MODEL)         \
  X(per_octave, int32, ONE, HOST, MODEL)    \
  X(table, T, ONE, DEVICE, MODEL)           \
  X(empty, T, ONE, DEVICE, MODEL)           \
  X(first_matrix, F, NN, DEVICE, MODEL)     \
  X(extra_matrix, F, NN, DEVICE, MODEL)     \
  X(first_bias, F, ONE, DEVICE, MODEL)      \
  X(matrices, F, N, DEVICE, MODEL)          \
  X(biases, F, N, DEVICE, MODEL)            \
  X(idts, F, NI, DEVICE, MODEL)             \
  X(final_matrix, F, NN, DEVICE, MODEL)     \
  X(atom_bias, double, ONE, HOST, MODEL)

namespace deepmd {

enum class InputMemory { HOST, DEVICE };
enum class InputSource { FRAMES, MODEL };

/// An input of EvaluateModel.
struct ModelInput {
  const char* name;
  const char* number;  ///< "ONE", or the attribute that is the length of the list
  InputMemory memory;
  InputSource source;

  bool is_list() const { return std::strcmp(number, "ONE") != 0; }
  /// The smallest length of the list. Only the list of later layers may be empty.
  int min_length() const { return std::strcmp(number, "N") == 0 ? 0 : 1; }
};

#define DEEPMD_MODEL_INPUT(NAME, TYPE, NUMBER, MEMORY, SOURCE) \
  {#NAME, #NUMBER, InputMemory::MEMORY, InputSource::SOURCE},
constexpr ModelInput kModelInputs[] = {DEEPMD_MODEL_INPUTS(DEEPMD_MODEL_INPUT)};
#undef DEEPMD_MODEL_INPUT

/// The input of this name, which must exist.
inline const ModelInput& model_input(const char* name) {
  const ModelInput* input = kModelInputs;
  while (std::strcmp(input->name, name) != 0) ++input;
  return *input;
}

/// Name of one tensor of an input for messages: "avg", or "matrices[2]" in a list.
inline std::string input_place(const char* name, size_t index) {
  return model_input(name).is_list() ? std::string(name) + "[" + std::to_string(index) + "]" : name;
}

}  // namespace deepmd
