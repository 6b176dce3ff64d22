// Which vector instructions the CPU kernels of this process use.
#pragma once

#include <vector>

namespace hgnn_moe::ops {

enum class CpuIsa { baseline, avx2, avx512 };

// The best that this build has and this CPU runs, or the one that the environment variable
// HGNN_MOE_CPU (baseline, avx2, avx512) names; read once. Throws Error(usage) where it names
// another or one that this CPU lacks.
CpuIsa cpu_isa();

// Every one that this build has and this CPU runs, for tests.
std::vector<CpuIsa> available_cpu_isas();

}  // namespace hgnn_moe::ops
