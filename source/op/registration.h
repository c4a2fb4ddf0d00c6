#pragma once

// DEEPMD_REGISTER(Name("Op").HostMemory("input"), Kernel<Device>) registers a kernel for the processor and, in a build
// with kernels for GPUs, for GPUs; `Device` stands for the one or the other. Inputs and outputs under HostMemory are in
// memory of the processor for both, the others in that of the device.
//
// libdeepmd_op_emulated.so, which is for tests, holds the same source files, built on emulated kernels: its kernels for
// GPUs are registered for the processor with the label "emulated". It registers no ops, those of the op library are
// loaded before it.
#include "deepmd/device.h"
#include "deepmd/gpu_device.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

#define DEEPMD_REGISTER_ON(NAMESPACE, DEVICE, REGISTER, BUILDER, ...) \
  namespace NAMESPACE {                                               \
  using Device [[maybe_unused]] = DEVICE;                             \
  REGISTER(BUILDER, __VA_ARGS__);                                     \
  }

#ifdef DEEPMD_EMULATE_CUDA

#undef SHOULD_REGISTER_OP
#define SHOULD_REGISTER_OP(op) false
#define DEEPMD_REGISTER_CPU(...)
#define DEEPMD_REGISTER_GPU(BUILDER, ...)                                         \
  DEEPMD_REGISTER_ON(on_gpu, ::deepmd::GpuDevice, REGISTER_SYSTEM_KERNEL_BUILDER, \
                     BUILDER.Device(::tensorflow::DEVICE_CPU).Label("emulated"), __VA_ARGS__)

#else

#define DEEPMD_REGISTER_CPU(BUILDER, ...)                                                                            \
  DEEPMD_REGISTER_ON(on_cpu, ::deepmd::CpuDevice, REGISTER_KERNEL_BUILDER, BUILDER.Device(::tensorflow::DEVICE_CPU), \
                     __VA_ARGS__)
#ifdef DEEPMD_OP_GPU
#define DEEPMD_REGISTER_GPU(BUILDER, ...)                                                                            \
  DEEPMD_REGISTER_ON(on_gpu, ::deepmd::GpuDevice, REGISTER_KERNEL_BUILDER, BUILDER.Device(::tensorflow::DEVICE_GPU), \
                     __VA_ARGS__)
#else
#define DEEPMD_REGISTER_GPU(...)
#endif

#endif

#define DEEPMD_REGISTER(BUILDER, ...)       \
  DEEPMD_REGISTER_CPU(BUILDER, __VA_ARGS__) \
  DEEPMD_REGISTER_GPU(BUILDER, __VA_ARGS__)
