#include "deepmd/slots.h"

#include <string>

#include "deepmd/error.h"

namespace deepmd {

void check_nlist(const SlotShape& shape, const int* nlist) {
  for (int64_t slot = 0; slot < shape.slots(); ++slot) {
    if (nlist[slot] < -1 || nlist[slot] >= shape.nall) {
      throw InputError("nlist: expected -1 or an atom in [0, " + std::to_string(shape.nall) + "), got " +
                       std::to_string(nlist[slot]) + " for center " + std::to_string(slot / shape.nnei % shape.nloc) +
                       " of frame " + std::to_string(slot / shape.nnei / shape.nloc));
    }
  }
}

}  // namespace deepmd
