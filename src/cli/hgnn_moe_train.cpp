// hgnn_moe_train: trains a language model of coupled experts, or a sweep of them.

#include "hgnn_moe/sweep/sweep.h"
#include "hgnn_moe/train/program.h"

// A step frees and takes the same large tensors again and again. By default jemalloc gives them
// back at once, so that the kernel clears their pages anew, a third of a step in bf16; kept, they
// are reused as they are. jemalloc reads this name, and after it the environment variable
// MALLOC_CONF (its manual, "TUNING").
extern "C" const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1";

int main(int argc, char** argv) {
  return hgnn_moe::run_training_program(argc, argv, hgnn_moe::run_sweep);
}
