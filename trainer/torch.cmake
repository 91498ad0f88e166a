# One imported target, disco_torch, from the PyPI wheel's headers and libraries. find_package(Torch) is not used: with an
# ordinary (CUDA) wheel its config stops without a CUDA toolkit, and it can pick up a system libtorch that is too old.
set(DISCO_TORCH_DIR "" CACHE PATH "Folder of the installed torch package (default: the one in .venv)")

if(NOT DISCO_TORCH_DIR)
  file(GLOB candidates ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  list(LENGTH candidates count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "no torch wheel in .venv: run `tools/dev setup`, pass -DDISCO_TORCH_DIR=<site-packages>/torch, "
                        "or build without the trainer with -DDISCO_WITH_TORCH=OFF")
  endif()
  set(DISCO_TORCH_DIR ${candidates})
endif()

file(READ ${DISCO_TORCH_DIR}/version.py torch_version_text)
if(NOT torch_version_text MATCHES "__version__ = '([0-9]+\\.[0-9]+[0-9.]*)")
  message(FATAL_ERROR "${DISCO_TORCH_DIR}/version.py states no version")
endif()
set(DISCO_TORCH_VERSION ${CMAKE_MATCH_1})
if(DISCO_TORCH_VERSION VERSION_LESS 2.10)
  message(FATAL_ERROR "torch ${DISCO_TORCH_VERSION} in ${DISCO_TORCH_DIR} is older than 2.10")
endif()

add_library(disco_torch INTERFACE)
target_include_directories(disco_torch SYSTEM INTERFACE
  ${DISCO_TORCH_DIR}/include ${DISCO_TORCH_DIR}/include/torch/csrc/api/include)
target_link_directories(disco_torch INTERFACE ${DISCO_TORCH_DIR}/lib)
target_link_libraries(disco_torch INTERFACE torch torch_cpu c10)
# A CUDA wheel registers its kernels from static initialisers, so its libraries must be linked although nothing names them.
if(EXISTS ${DISCO_TORCH_DIR}/lib/libtorch_cuda.so)
  # Its own libraries (cudart, cublas, ...) are found by its RUNPATH when a program starts, not by the linker.
  target_link_options(disco_torch INTERFACE -Wl,--no-as-needed -Wl,--allow-shlib-undefined)
  target_link_libraries(disco_torch INTERFACE torch_cuda c10_cuda)
  set(DISCO_TORCH_CUDA ON)
endif()
target_link_options(disco_torch INTERFACE -Wl,-rpath,${DISCO_TORCH_DIR}/lib)
# For who builds against the same torch without linking it in this way (tools/python).
set_target_properties(disco_torch PROPERTIES TORCH_DIR ${DISCO_TORCH_DIR} TORCH_VERSION ${DISCO_TORCH_VERSION})
message(STATUS "torch ${DISCO_TORCH_VERSION} from ${DISCO_TORCH_DIR}")
