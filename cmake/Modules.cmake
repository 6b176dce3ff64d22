# How libraries, programs and tests of the project are made. Sources are globbed: a file put
# into src/<module> or tests/<module> needs no list.

add_library(hgnn_moe_flags INTERFACE)
target_include_directories(hgnn_moe_flags INTERFACE "${PROJECT_SOURCE_DIR}/include")
target_compile_options(hgnn_moe_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Werror=return-type>
  # Binaries and messages carry paths relative to the project.
  $<$<COMPILE_LANGUAGE:CXX>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=>
  # Needed by ccache beside a precompiled header.
  $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>
  # Everywhere, because the precompiled header of the shared library serves the programs too.
  $<$<COMPILE_LANGUAGE:CXX>:-fPIC;-fno-semantic-interposition>
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fPIC>
  # Philox is constexpr code shared by host and device.
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
if(HGNN_MOE_SANITIZE)
  target_compile_options(hgnn_moe_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${HGNN_MOE_SANITIZE};-fno-omit-frame-pointer>)
  target_link_options(hgnn_moe_flags INTERFACE -fsanitize=${HGNN_MOE_SANITIZE})
endif()

# ATen/ATen.h costs 7 s a file (torch/torch.h, which nothing here needs, 15): it is compiled once
# and reused by every module that uses LibTorch.
add_library(hgnn_moe_pch OBJECT "${PROJECT_SOURCE_DIR}/src/pch.cpp")
target_link_libraries(hgnn_moe_pch PUBLIC hgnn_moe_flags hgnn_moe_torch spdlog::spdlog fmt::fmt)
target_precompile_headers(hgnn_moe_pch PRIVATE <ATen/ATen.h> <fmt/format.h>)

# hgnn_moe_module(NAME [TORCH] [SHARED] DEPENDS <modules and libraries>)
function(hgnn_moe_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH;SHARED" "" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
  if(HGNN_MOE_CUDA)
    file(GLOB cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cu")
    list(APPEND sources ${cuda_sources})
  endif()
  if(arg_SHARED)
    add_library(${name}_module SHARED ${sources})
    set_target_properties(${name}_module PROPERTIES OUTPUT_NAME hgnn_moe_${name})
  else()
    add_library(${name}_module STATIC ${sources})
  endif()
  target_link_libraries(${name}_module PUBLIC hgnn_moe_flags ${arg_DEPENDS})
  if(arg_TORCH)
    target_link_libraries(${name}_module PUBLIC hgnn_moe_torch)
    target_precompile_headers(${name}_module REUSE_FROM hgnn_moe_pch)
  endif()
endfunction()

# hgnn_moe_vector_kernels(MODULE): src/MODULE/cpu/*.cpp, once for each instruction set, chosen at
# run time. They see no LibTorch, so that nothing of it is compiled for a CPU that may be missing.
function(hgnn_moe_vector_kernels module)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${module}/cpu/*.cpp")
  set(sets baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND sets avx2 avx512 avx512_bf16)
    target_compile_definitions(${module}_module PRIVATE HGNN_MOE_X86_KERNELS)
  endif()
  set(flags_avx2 -mavx2 -mfma)
  set(flags_avx512 -mavx2 -mfma -mavx512f -mavx512bw -mavx512vl -mavx512dq
    -mprefer-vector-width=512)
  set(flags_avx512_bf16 ${flags_avx512} -mavx512bf16)
  foreach(set IN LISTS sets)
    add_library(${module}_kernels_${set} OBJECT ${sources})
    target_link_libraries(${module}_kernels_${set} PRIVATE hgnn_moe_flags)
    target_compile_definitions(${module}_kernels_${set} PRIVATE HGNN_MOE_ISA=${set})
    # -Wno-psabi: vectors are passed between inlined functions of one file only. GCC 12 takes the
    # undefined operands in its own header of intrinsics for a mistake.
    target_compile_options(${module}_kernels_${set} PRIVATE ${flags_${set}} -Wno-psabi
      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_sources(${module}_module PRIVATE $<TARGET_OBJECTS:${module}_kernels_${set}>)
  endforeach()
endfunction()

# Every program and test finds LibTorch, its CUDA libraries and its libgomp by this run path.
function(hgnn_moe_run_path target)
  if(HGNN_MOE_BUNDLE_TORCH)
    set(install_path "$ORIGIN/../lib/torch/lib")
  else()
    set(install_path "${HGNN_MOE_TORCH_ROOT}/lib")
  endif()
  set_target_properties(${target} PROPERTIES
    BUILD_RPATH "${HGNN_MOE_TORCH_ROOT}/lib;${HGNN_MOE_NVIDIA_FOLDERS}"
    INSTALL_RPATH "$ORIGIN/../lib;${install_path}")
endfunction()
