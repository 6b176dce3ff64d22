# ccache where it is installed. The sloppiness is what ccache asks for to cache files that use a
# precompiled header; base_dir lets clones in different folders share results.
find_program(HGNN_MOE_CCACHE ccache)
if(HGNN_MOE_CCACHE)
  foreach(language CXX CUDA)
    set(CMAKE_${language}_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;CCACHE_NOHASHDIR=1;CCACHE_BASEDIR=${PROJECT_SOURCE_DIR};${HGNN_MOE_CCACHE}")
  endforeach()
endif()
