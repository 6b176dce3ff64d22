# `cmake --install build/release --prefix P`: a prefix that can be moved. LibTorch and the few
# CUDA libraries that it needs are copied under lib/ in the layout of the wheel, whose own run
# paths (../../nvidia/...) then hold. HGNN_MOE_BUNDLE_TORCH=OFF leaves them where they are and
# writes an absolute run path.
install(TARGETS hgnn_moe_train hgt_embed ops_module RUNTIME DESTINATION bin LIBRARY DESTINATION lib)
install(DIRECTORY configs DESTINATION share/hgnn_moe)
install(FILES README.md LICENSE DESTINATION share/doc/hgnn_moe)

if(HGNN_MOE_BUNDLE_TORCH)
  foreach(name ${HGNN_MOE_TORCH_LIBRARIES})
    install(FILES "${HGNN_MOE_TORCH_ROOT}/lib/lib${name}.so" DESTINATION lib/torch/lib)
  endforeach()
  # libtorch_nvshmem.so is needed by libtorch_cuda.so.
  file(GLOB companions "${HGNN_MOE_TORCH_ROOT}/lib/libgomp*.so*")
  if(HGNN_MOE_CUDA)
    list(APPEND companions "${HGNN_MOE_TORCH_ROOT}/lib/libtorch_nvshmem.so")
  endif()
  install(FILES ${companions} DESTINATION lib/torch/lib)
  foreach(folder ${HGNN_MOE_NVIDIA_FOLDERS})
    get_filename_component(package "${folder}" DIRECTORY)
    get_filename_component(package "${package}" NAME)
    if(HGNN_MOE_CUDA)
      file(GLOB libraries "${folder}/lib*.so.*")
    else()
      file(GLOB libraries "${folder}/libcudart.so.*" "${folder}/libcupti.so.*")
    endif()
    if(libraries)
      install(FILES ${libraries} DESTINATION "lib/nvidia/${package}/lib")
    endif()
  endforeach()
endif()
