#include "tensorflow.h"

#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "deepmd/error.h"

namespace deepmd {
namespace {

constexpr const char* kLibrary = "libtensorflow_cc.so.2";
constexpr const char* kDirectoryVariable = "DEEPMD_TENSORFLOW";
constexpr const char* kOpsVariable = "DEEPMD_OP_LIBRARY";

/// The directory of the library that this code is in.
std::string own_directory() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&own_directory), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path(info.dli_fname);
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string variable_or(const char* variable, const std::string& otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// "2.21" of "2.21.0".
std::string minor_version(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

/// The version of TensorFlow that the op library was built for, from the file beside it; empty when there is none.
std::string built_for(const std::string& ops) {
  std::ifstream file(ops.substr(0, ops.rfind('/') + 1) + "build_info.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string key = "\"tensorflow_version\": \"";
  const size_t begin = text.find(key);
  if (begin == std::string::npos) return "";
  return text.substr(begin + key.size(), text.find('"', begin + key.size()) - begin - key.size());
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw InputError(std::string(kLibrary) + ": no function " + name);
}

}  // namespace

const TensorFlow& TensorFlow::get() {
  static const TensorFlow functions;
  return functions;
}

TensorFlow::TensorFlow() {
  // As in Python: without them TensorFlow writes lines about itself and loses nothing.
  setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
  setenv("TF_ENABLE_ONEDNN_OPTS", "0", 0);
  const std::string path = variable_or(kDirectoryVariable, own_directory() + "/../../tensorflow") + "/" + kLibrary;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw InputError("this graph needs TensorFlow, whose library cannot be loaded: " +
                     std::string(reason ? reason : path.c_str()) + "; set " + kDirectoryVariable +
                     " to the directory of pip's package tensorflow, or use a native graph (`dp freeze` without "
                     "--portable), which needs none");
  }
#define DEEPMD_FIND(NAME) find(library, #NAME, NAME)
  DEEPMD_FIND(TF_Version);
  DEEPMD_FIND(TF_NewStatus);
  DEEPMD_FIND(TF_DeleteStatus);
  DEEPMD_FIND(TF_GetCode);
  DEEPMD_FIND(TF_Message);
  DEEPMD_FIND(TF_NewGraph);
  DEEPMD_FIND(TF_DeleteGraph);
  DEEPMD_FIND(TF_NewImportGraphDefOptions);
  DEEPMD_FIND(TF_DeleteImportGraphDefOptions);
  DEEPMD_FIND(TF_GraphImportGraphDef);
  DEEPMD_FIND(TF_GraphOperationByName);
  DEEPMD_FIND(TF_NewSessionOptions);
  DEEPMD_FIND(TF_DeleteSessionOptions);
  DEEPMD_FIND(TF_SetConfig);
  DEEPMD_FIND(TF_NewSession);
  DEEPMD_FIND(TF_CloseSession);
  DEEPMD_FIND(TF_DeleteSession);
  DEEPMD_FIND(TF_SessionRun);
  DEEPMD_FIND(TF_AllocateTensor);
  DEEPMD_FIND(TF_DeleteTensor);
  DEEPMD_FIND(TF_TensorData);
  DEEPMD_FIND(TF_TensorByteSize);
  DEEPMD_FIND(TF_TensorType);
  DEEPMD_FIND(TF_LoadLibrary);
#undef DEEPMD_FIND
  const std::string ops = variable_or(kOpsVariable, own_directory() + "/../ops/libdeepmd_op.so");
  const std::string built = built_for(ops), version = TF_Version();
  if (!built.empty() && minor_version(built) != minor_version(version)) {
    throw InputError(ops + " was built for TensorFlow " + minor_version(built) + " but " + path + " is " + version);
  }
  TF_Status* status = TF_NewStatus();
  TF_LoadLibrary(ops.c_str(), status);
  const std::string message = TF_GetCode(status) == 0 ? "" : TF_Message(status);
  TF_DeleteStatus(status);
  if (!message.empty()) {
    throw InputError("this graph needs the compiled ops for TensorFlow, which cannot be loaded: " + message + "; set " +
                     kOpsVariable + " to the file libdeepmd_op.so");
  }
}

}  // namespace deepmd
