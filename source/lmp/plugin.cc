// Entry point that LAMMPS calls when it loads the plugin (docs.lammps.org, "Writing plugins").
#include "lammps.h"
#include "pair_deepmd.h"

extern "C" {

struct lammpsplugin_t {
  const char* version;
  const char* style;
  const char* name;
  const char* info;
  const char* author;
  union {
    void* (*v1)(void*);
    void* (*v2)(void*, int, char**);
  } creator;
  void* handle;
};
using lammpsplugin_regfunc = void (*)(lammpsplugin_t*, void*);

static void* make_pair_deepmd(void* lammps) {
  return new LAMMPS_NS::PairDeepMD(static_cast<LAMMPS_NS::LAMMPS*>(lammps));
}

__attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle, void* regfunc) {
  lammpsplugin_t plugin{};
  plugin.version = DEEPMD_LAMMPS_VERSION;
  plugin.style = "pair";
  plugin.name = "deepmd";
  plugin.info = "Deep Potential models (deepmd_tf)";
  plugin.author = "the authors of deepmd_tf";
  plugin.creator.v1 = make_pair_deepmd;
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lammps);
}
}
