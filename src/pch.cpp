// Carries the precompiled header that every module with LibTorch reuses (cmake/Modules.cmake).
