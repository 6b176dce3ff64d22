// hgnn_moe_train: trains a language model of coupled experts, or a sweep of them.

#include "hgnn_moe/sweep/sweep.h"
#include "hgnn_moe/train/program.h"

int main(int argc, char** argv) {
  return hgnn_moe::run_training_program(argc, argv, hgnn_moe::run_sweep);
}
