#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

// TensorFlow's C API (tensorflow/c/c_api.h), as far as it is used here. Its library is loaded while the program runs,
// so that programs that use native graphs alone need none.
extern "C" {
struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};
struct TF_Graph;
struct TF_ImportGraphDefOptions;
struct TF_Library;
struct TF_Operation;
struct TF_Session;
struct TF_SessionOptions;
struct TF_Status;
struct TF_Tensor;
struct TF_Output {
  TF_Operation* oper;
  int index;
};
}

namespace deepmd {

/// The functions of the library.
struct TensorFlow {
  /// Loads the library and the ops of this package with the first call; throws InputError that says where they were
  /// looked for.
  static const TensorFlow& get();

  const char* (*TF_Version)();
  TF_Status* (*TF_NewStatus)();
  void (*TF_DeleteStatus)(TF_Status*);
  int (*TF_GetCode)(const TF_Status*);
  const char* (*TF_Message)(const TF_Status*);
  TF_Graph* (*TF_NewGraph)();
  void (*TF_DeleteGraph)(TF_Graph*);
  TF_ImportGraphDefOptions* (*TF_NewImportGraphDefOptions)();
  void (*TF_DeleteImportGraphDefOptions)(TF_ImportGraphDefOptions*);
  void (*TF_GraphImportGraphDef)(TF_Graph*, const TF_Buffer*, const TF_ImportGraphDefOptions*, TF_Status*);
  TF_Operation* (*TF_GraphOperationByName)(TF_Graph*, const char*);
  TF_SessionOptions* (*TF_NewSessionOptions)();
  void (*TF_DeleteSessionOptions)(TF_SessionOptions*);
  void (*TF_SetConfig)(TF_SessionOptions*, const void*, size_t, TF_Status*);
  TF_Session* (*TF_NewSession)(TF_Graph*, const TF_SessionOptions*, TF_Status*);
  void (*TF_CloseSession)(TF_Session*, TF_Status*);
  void (*TF_DeleteSession)(TF_Session*, TF_Status*);
  void (*TF_SessionRun)(TF_Session*, const TF_Buffer*, const TF_Output*, TF_Tensor* const*, int, const TF_Output*,
                        TF_Tensor**, int, const TF_Operation* const*, int, TF_Buffer*, TF_Status*);
  TF_Tensor* (*TF_AllocateTensor)(int, const int64_t*, int, size_t);
  void (*TF_DeleteTensor)(TF_Tensor*);
  void* (*TF_TensorData)(const TF_Tensor*);
  size_t (*TF_TensorByteSize)(const TF_Tensor*);
  int (*TF_TensorType)(const TF_Tensor*);
  TF_Library* (*TF_LoadLibrary)(const char*, TF_Status*);

 private:
  TensorFlow();
};

}  // namespace deepmd
