// hgt_embed: embeddings of the nodes of knowledge graphs.

#include "hgnn_moe/hgt/program.h"

// By default jemalloc gives blocks from 8 MiB on back at once, and the kernel clears their pages
// for the next step, a fifth of it. Like all others they are now given back after ten seconds:
// memory stays as bounded. Read as in hgnn_moe_train.cpp.
extern "C" const char* malloc_conf;
const char* malloc_conf = "oversize_threshold:0";

int main(int argc, char** argv) { return hgnn_moe::hgt::run_embedding_program(argc, argv); }
