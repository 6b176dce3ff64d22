# Finds LibTorch and defines the target hgnn_moe_torch.
#
# Looked for in: HGNN_MOE_TORCH (a LibTorch folder, or the torch folder of a Python
# environment; variable or environment), then the environments of scripts/bootstrap.sh, whose
# names carry the hash of their lock file. find_package(Torch) is not used: it edits global
# flags and refuses a CUDA wheel on a machine without the toolkit.

set(HGNN_MOE_TORCH_VERSION 2.11.0)
set(HGNN_MOE_TORCH "" CACHE PATH "LibTorch or torch package folder to use")
if(NOT "$ENV{HGNN_MOE_TORCH}" STREQUAL "")
  set(HGNN_MOE_TORCH "$ENV{HGNN_MOE_TORCH}")
endif()

function(hgnn_moe_cache_folder out)
  if(NOT "$ENV{HGNN_MOE_CACHE}" STREQUAL "")
    set(${out} "$ENV{HGNN_MOE_CACHE}" PARENT_SCOPE)
  elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(${out} "$ENV{XDG_CACHE_HOME}/hgnn_moe" PARENT_SCOPE)
  else()
    set(${out} "$ENV{HOME}/.cache/hgnn_moe" PARENT_SCOPE)
  endif()
endfunction()

# The environment `kind` made from requirements/<lock>.lock, or "" where bootstrap.sh has not
# finished one.
function(hgnn_moe_environment kind lock out)
  set(lock_file "${PROJECT_SOURCE_DIR}/requirements/${lock}.lock")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${lock_file}")
  file(SHA256 "${lock_file}" hash)
  string(SUBSTRING "${hash}" 0 12 hash)
  hgnn_moe_cache_folder(cache)
  set(folder "${cache}/venv-${kind}-${hash}")
  if(EXISTS "${folder}/.complete")
    set(${out} "${folder}" PARENT_SCOPE)
  else()
    set(${out} "" PARENT_SCOPE)
  endif()
endfunction()

hgnn_moe_environment(full full full_environment)
hgnn_moe_environment(small small small_environment)
hgnn_moe_environment(scripts small scripts_environment)

# The Python that the tests of scripts run with; the full one also has torch for the oracle's.
set(HGNN_MOE_PYTHON "")
foreach(environment "${full_environment}" "${small_environment}" "${scripts_environment}")
  if(environment AND NOT HGNN_MOE_PYTHON)
    set(HGNN_MOE_PYTHON "${environment}/bin/python")
  endif()
endforeach()

set(torch_environment "${full_environment}")
if(NOT torch_environment AND NOT HGNN_MOE_CUDA)
  set(torch_environment "${small_environment}")
endif()

if(HGNN_MOE_TORCH)
  set(torch_root "${HGNN_MOE_TORCH}")
elseif(torch_environment)
  file(GLOB torch_root "${torch_environment}/lib/python3*/site-packages/torch")
endif()
if(NOT torch_root OR NOT EXISTS "${torch_root}/lib/libtorch_cpu.so")
  set(wanted "scripts/bootstrap.sh")
  if(HGNN_MOE_CUDA)
    set(wanted "scripts/bootstrap.sh --cuda")
  endif()
  message(FATAL_ERROR "No LibTorch found (looked at HGNN_MOE_TORCH='${HGNN_MOE_TORCH}' and the "
                      "environments of bootstrap): run ${wanted}, or set HGNN_MOE_TORCH.")
endif()

set(found_version "")
set(version_header "${torch_root}/include/torch/headeronly/version.h")
if(EXISTS "${version_header}")
  file(STRINGS "${version_header}" lines REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
  string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
  string(REPLACE ";" "." found_version "${numbers}")
endif()
if(NOT found_version VERSION_EQUAL HGNN_MOE_TORCH_VERSION)
  message(FATAL_ERROR "LibTorch in ${torch_root} is version '${found_version}', "
                      "${HGNN_MOE_TORCH_VERSION} is needed: unset HGNN_MOE_TORCH or point it there.")
endif()
message(STATUS "LibTorch ${found_version}: ${torch_root}")

get_filename_component(site_packages "${torch_root}" DIRECTORY)
file(GLOB nvidia_library_folders "${site_packages}/nvidia/*/lib")

function(hgnn_moe_import_torch_library name)
  add_library(hgnn_moe::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(hgnn_moe::${name} PROPERTIES
    IMPORTED_LOCATION "${torch_root}/lib/lib${name}.so")
endfunction()

find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
add_library(hgnn_moe_torch INTERFACE)
hgnn_moe_import_torch_library(torch_cpu)
hgnn_moe_import_torch_library(c10)
# The wheel carries headers of another fmt; searched after the system's folders, they do not hide
# the ones that our fmt and spdlog libraries were built with.
foreach(folder "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
  target_compile_options(hgnn_moe_torch INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-idirafter ${folder}>"
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-isystem=${folder}>")
endforeach()
# Without -fopenmp at::parallel_for in our own files is serial, silently. torch brings its own
# libgomp.so.1; the run path below makes it the only one in the process.
target_compile_options(hgnn_moe_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_link_libraries(hgnn_moe_torch INTERFACE hgnn_moe::torch_cpu hgnn_moe::c10 Threads::Threads
  -fopenmp)
foreach(folder ${nvidia_library_folders})
  target_link_options(hgnn_moe_torch INTERFACE "-Wl,-rpath-link,${folder}")
endforeach()
set(torch_libraries c10 torch_cpu)

if(HGNN_MOE_CUDA)
  if(NOT EXISTS "${torch_root}/lib/libtorch_cuda.so")
    message(FATAL_ERROR "LibTorch in ${torch_root} has no CUDA: run scripts/bootstrap.sh --cuda.")
  endif()
  foreach(name torch torch_cuda c10_cuda)
    hgnn_moe_import_torch_library(${name})
    list(APPEND torch_libraries ${name})
  endforeach()
  # Nothing of ours names a symbol of torch_cuda, which registers itself when loaded.
  target_link_libraries(hgnn_moe_torch INTERFACE
    -Wl,--push-state -Wl,--no-as-needed hgnn_moe::torch hgnn_moe::torch_cuda hgnn_moe::c10_cuda
    -Wl,--pop-state)
endif()

set(HGNN_MOE_TORCH_ROOT "${torch_root}")
set(HGNN_MOE_NVIDIA_FOLDERS "${nvidia_library_folders}")
set(HGNN_MOE_TORCH_LIBRARIES "${torch_libraries}")
