# nvcc, where it is; a machine to build on needs no GPU.
include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  # Every GPU since Turing: code for compute capability 8.0 runs on 8.6 and 8.9 too, and the last entry's PTX on newer ones.
  if(NOT CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90)
  endif()
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION}: kernels for GPUs of compute capability ${CMAKE_CUDA_ARCHITECTURES}")
elseif(DEEPMD_CUDA STREQUAL "AUTO")
  message(STATUS "nvcc was not found: no kernels for GPUs")
else()
  message(FATAL_ERROR "DEEPMD_CUDA is ${DEEPMD_CUDA}, but nvcc was not found: put it on the PATH, or give "
                      "-DCMAKE_CUDA_COMPILER=/path/to/nvcc, or build without it with -DDEEPMD_CUDA=OFF")
endif()
