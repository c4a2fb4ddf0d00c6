#include "gpu/search_record.h"

namespace deepmd::gpu {
namespace {

__global__ void clear_record(int length, Number* record) {
  for (int64_t k = thread_index(); k < length; k += thread_count()) record[k] = k < kFaults ? kNone : 0;
}

__global__ void note_edges(int64_t rows, const int64_t* edge_splits, Number* record) {
  record[kEdges] = Number(edge_splits[rows]);
}

}  // namespace

Number* new_record(const GpuDevice& device, int ntypes) {
  Number* record = device.allocate<Number>(kMax + ntypes);
  launch(device, grid_of_threads(kMax + ntypes), clear_record, kMax + ntypes, record);
  return record;
}

std::vector<Number> read_record(const GpuDevice& device, Number* record, int ntypes, int64_t rows,
                                const int64_t* edge_splits) {
  if (edge_splits != nullptr) launch(device, {1, kWarp}, note_edges, rows, edge_splits, record);
  return read_back(device, static_cast<const Number*>(record), kMax + ntypes);
}

}  // namespace deepmd::gpu
