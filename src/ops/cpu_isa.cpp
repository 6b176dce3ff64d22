#include "hgnn_moe/ops/cpu_isa.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

CpuIsa choose() {
  const std::vector<CpuIsa> available = available_cpu_isas();
  const char* forced = std::getenv("HGNN_MOE_CPU");
  if (forced == nullptr || *forced == '\0') return available.back();
  std::string names;
  for (const CpuIsa isa : available) {
    if (name_of(isa) == std::string(forced)) return isa;
    names += names.empty() ? name_of(isa) : std::string(", ") + name_of(isa);
  }
  fail(ExitCode::usage, "HGNN_MOE_CPU is {}; on this CPU it can be {}", forced, names);
}

}  // namespace

const char* name_of(CpuIsa isa) {
  switch (isa) {
    case CpuIsa::baseline:
      return "baseline";
    case CpuIsa::avx2:
      return "avx2";
    case CpuIsa::avx512:
      return "avx512";
    case CpuIsa::avx512_bf16:
      return "avx512_bf16";
  }
  return "baseline";
}

std::vector<CpuIsa> available_cpu_isas() {
  std::vector<CpuIsa> isas{CpuIsa::baseline};
#ifdef HGNN_MOE_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    isas.push_back(CpuIsa::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
      isas.push_back(CpuIsa::avx512);
      if (__builtin_cpu_supports("avx512bf16")) isas.push_back(CpuIsa::avx512_bf16);
    }
  }
#endif
  return isas;
}

CpuIsa cpu_isa() {
  static const CpuIsa isa = choose();
  return isa;
}

}  // namespace hgnn_moe::ops
