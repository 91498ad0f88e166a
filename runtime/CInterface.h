/* Compiled objectives (.dpoc files) from C. Link with disco_runtime and the C++ standard library.
 *
 *   char error[256];
 *   disco_kernel *kernel = disco_load("lrml.dpoc", error, sizeof error);
 *   if (!kernel) ... error says why
 *   disco_gradient(kernel, inputs, numbers, pairs, &loss, gradients);
 */
#ifndef DISCO_RUNTIME_C_INTERFACE_H
#define DISCO_RUNTIME_C_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct disco_kernel disco_kernel;

/* What a kernel reads and writes, each list in the order of its argument. */
typedef enum {
  DISCO_INPUTS,
  DISCO_GRADIENTS, /* the inputs that receive one */
  DISCO_PARAMETERS,
  DISCO_STATES,
  DISCO_METRICS
} disco_list;

/* The file's float32 code for this CPU. NULL if there is none; `error`, if not NULL, then holds at
 * most `error_size` bytes that say why, with their final zero. */
disco_kernel *disco_load(const char *path, char *error, size_t error_size);
void disco_unload(disco_kernel *kernel);

size_t disco_count(const disco_kernel *kernel, disco_list list);
/* NULL past the end. The text lives as long as the kernel. */
const char *disco_name(const disco_kernel *kernel, disco_list list, size_t index);
/* The value that the author wrote for a parameter; NaN past the end. */
double disco_default(const disco_kernel *kernel, size_t parameter);

/* `inputs`, `loss` and `gradients` as in HostKernel (Kernel.h); `numbers` are the parameters, the
 * states before the step, and the progress. Calls may come from several threads at once. */
void disco_gradient(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                    int64_t pairs, float *loss, float *const *gradients);
void disco_report(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                  int64_t pairs, float *losses, float *const *rewards, float *metrics);

#ifdef __cplusplus
}
#endif

#endif
